//! The message bus: what one service asks another to do later, kept until it has been done.
//!
//! [`Bus`] is a closed set of engines behind one contract: [`Embedded`], a durable queue in a SQLite file of its own, for
//! one process; [`Kafka`], for many. `tests/contract.rs` is written against [`Bus`] only and runs on both. The crate knows
//! no message: topics and payloads are the business of those who publish and consume (`aops_api::message`). Its
//! neighbours are the schedulers, which publish, and the executors, which consume.
//!
//! | module | what it does |
//! |---|---|
//! | [`mod@config`] | which engine, and its settings |
//! | [`embedded`] | the engine in a file |
//! | [`kafka`] | the engine on Kafka |
//! | [`mod@dead_letter`] | what is kept of a message that can never be handled |
//! | [`metrics`] | lag on `/metrics` |
//!
//! # The contract
//! - **Durable**: a publish returns when its messages survive a crash of the process and of the machine; on Kafka, of all
//!   machines but one of those that keep a copy (`replication_factor`).
//! - **All or none**: of messages published together, all or none are there. On Kafka a publish that *fails* may have
//!   published some: publish all again, the ids make it the same work. (A transaction would mend that, and would cost each
//!   publish some more exchanges with brokers and each consumer the wait for its end.)
//! - **One id, one message**: publishing an id again while the first is still queued is meant to add nothing. Embedded, it
//!   never does. On Kafka it adds nothing if the consumer has the first one in memory, and is a second message otherwise.
//!   Effects must be idempotent anyway.
//! - **Order per key**: messages of one key reach a group in the order they were published in, one at a time; keys go
//!   in parallel, and nothing is said of the order between keys. A message that waits for its retry holds back the later
//!   ones of its key only (on Kafka, once some thousands after it in its partition are done, those of the partition).
//!   Order holds as long as a topic keeps its number of partitions.
//! - **At least once**: a delivery that is dropped, or held when the process dies, comes again. Effects must be
//!   idempotent, and a message is acknowledged after its effect. What was acknowledged does not come again, in whatever
//!   order: on Kafka, a commit says what is done above the lowest message that is not. Only an acknowledgement that fails,
//!   or comes after the partition went to another consumer, may have been for nothing.
//! - **Attempts and delays**: embedded, they are kept; on Kafka the process counts, and after a restart or a rebalance the
//!   count begins anew and a message in retry comes at once.
//! - **Groups**: every group of a topic sees every message; within a group each message is held by one consumer. What is
//!   published before any group has subscribed waits for the first.
//! - **Dead letters**: a message that can never be handled moves to the topic `<topic>.DEAD`, with the reason. On Kafka
//!   also one of another producer that is not JSON: consumers never see it.
//! - **Bounded**: embedded, a message goes when all known groups are past it, of dead letters the newest are kept, and a
//!   full bus refuses to publish. On Kafka messages go by age, consumed or not, and a consumer takes in a bounded number.
//! - **Outages** (Kafka): opening and subscribing wait for nobody. Every other call has its outcome within 3 seconds;
//!   [`Consumer::next`] waits, and goes on when brokers are back.

mod config;
mod dead_letter;
mod embedded;
mod error;
mod kafka;
pub mod metrics;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

pub use config::{BusConfig, EmbeddedConfig};
pub use embedded::{Embedded, EmbeddedOptions};
pub use error::BusError;
pub use kafka::{Kafka, KafkaConfig, SecurityProtocol};

/// Tells the time in UTC milliseconds.
pub(crate) type NowMs = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Appended to the name of a topic: where its dead letters go.
pub const DEAD_LETTER_SUFFIX: &str = ".DEAD";

/// A message to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What order holds for.
    pub key: String,
    /// Deterministic: the same work has the same id.
    pub id: String,
    /// What to do.
    pub payload: Value,
}

/// A message bus. Clones are handles of the same bus.
#[derive(Clone, Debug)]
pub enum Bus {
    /// In this process, in a file.
    Embedded(Embedded),
    /// On Kafka.
    Kafka(Kafka),
}

impl Bus {
    /// Opens the bus of the configuration. `embedded_file` is where the embedded one lives; `now_ms` tells the time in UTC
    /// milliseconds. On Kafka this waits for no broker; settings that make no sense are refused.
    pub async fn open(
        config: &BusConfig,
        embedded_file: &Path,
        now_ms: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<Self, BusError> {
        match config {
            BusConfig::Embedded(config) => {
                let options = EmbeddedOptions {
                    now_ms: Arc::new(now_ms),
                    maximum_bytes: config.maximum_bytes,
                    dead_letters_kept: config.dead_letters_kept,
                };
                Self::open_embedded(embedded_file, options).await
            }
            BusConfig::Kafka(config) => Kafka::open(config.clone(), Arc::new(now_ms)).map(Bus::Kafka),
        }
    }

    /// Opens an embedded bus: the file, or a new one.
    pub async fn open_embedded(path: &Path, options: EmbeddedOptions) -> Result<Self, BusError> {
        Embedded::open(path, options).await.map(Bus::Embedded)
    }

    /// Publishes one message; returns when it is durable.
    pub async fn publish(&self, topic: &str, key: &str, id: &str, payload: Value) -> Result<(), BusError> {
        let message = Message {
            key: key.to_owned(),
            id: id.to_owned(),
            payload,
        };
        self.publish_many(topic, vec![message]).await
    }

    /// Publishes messages in this order, all or none (see the contract); returns when they are durable.
    pub async fn publish_many(&self, topic: &str, messages: Vec<Message>) -> Result<(), BusError> {
        match self {
            Bus::Embedded(embedded) => embedded.publish(topic, messages).await,
            Bus::Kafka(kafka) => kafka.publish(topic, messages).await,
        }
    }

    /// A consumer of `topic` as a member of `group`. The group is known from then on, and messages stay for it.
    pub async fn subscribe(&self, topic: &str, group: &str) -> Result<Consumer, BusError> {
        match self {
            Bus::Embedded(embedded) => embedded.subscribe(topic, group).await.map(Consumer::Embedded),
            Bus::Kafka(kafka) => kafka.subscribe(topic, group).await.map(Consumer::Kafka),
        }
    }

    /// How many messages of `topic` the group has not acknowledged. For a group that never subscribed: all there are.
    pub async fn lag(&self, topic: &str, group: &str) -> Result<u64, BusError> {
        match self {
            Bus::Embedded(embedded) => embedded.lag(topic, group).await,
            Bus::Kafka(kafka) => kafka.lag(topic, group).await,
        }
    }

    /// Asks the engine whether it can serve; the error says why it cannot.
    pub async fn ping(&self) -> Result<(), BusError> {
        match self {
            Bus::Embedded(embedded) => embedded.ping().await,
            Bus::Kafka(kafka) => kafka.ping().await,
        }
    }

    /// Which engine, and where, for people.
    pub fn place(&self) -> String {
        match self {
            Bus::Embedded(_) => "the file of the message bus".to_owned(),
            Bus::Kafka(kafka) => kafka.place(),
        }
    }

    /// Finishes what is being written and lets go of the engine. Every handle is of no use afterwards; deliveries that
    /// are still held come again when the bus is opened next.
    pub async fn close(&self) {
        match self {
            Bus::Embedded(embedded) => embedded.close().await,
            Bus::Kafka(kafka) => kafka.close().await,
        }
    }
}

/// A member of a consumer group.
#[derive(Debug)]
pub enum Consumer {
    /// Of an embedded bus.
    Embedded(embedded::EmbeddedConsumer),
    /// Of a bus on Kafka.
    Kafka(kafka::KafkaConsumer),
}

impl Consumer {
    /// Waits for a message whose key no other consumer of the group holds; of its key, it is the oldest. A call that is
    /// given up loses nothing.
    pub async fn next(&self) -> Result<Delivery, BusError> {
        match self {
            Consumer::Embedded(consumer) => consumer.next().await,
            Consumer::Kafka(consumer) => consumer.next().await,
        }
    }
}

/// A message that is held until it is settled. Dropping it unsettled makes it come again at once.
#[derive(Debug)]
pub struct Delivery {
    /// The id it was published with.
    pub id: String,
    /// What order holds for.
    pub key: String,
    /// What to do.
    pub payload: Value,
    /// How many times it has been handed out to this group, this time included; from 1.
    pub attempt: u32,
    receipt: Receipt,
}

/// What settles a delivery with its engine.
#[derive(Debug)]
enum Receipt {
    Embedded(embedded::EmbeddedReceipt),
    Kafka(kafka::KafkaReceipt),
}

impl Delivery {
    /// Its effect is done: the group never sees it again. After an error it may: the message is then held no more.
    pub async fn acknowledge(self) -> Result<(), BusError> {
        match self.receipt {
            Receipt::Embedded(receipt) => receipt.acknowledge().await,
            Receipt::Kafka(receipt) => receipt.acknowledge().await,
        }
    }

    /// Its effect cannot be had now: it comes again after `delay`, and later messages of its key wait for it.
    pub async fn retry_later(self, delay: Duration) -> Result<(), BusError> {
        match self.receipt {
            Receipt::Embedded(receipt) => receipt.retry_later(delay).await,
            Receipt::Kafka(receipt) => receipt.retry_later(delay).await,
        }
    }

    /// Its effect can never be had: it moves to the topic's dead letters. The payload there is
    /// `{"reason", "topic", "group", "id", "key", "payload", "time_ms"}`, under the key of the message.
    pub async fn dead_letter(self, reason: &str) -> Result<(), BusError> {
        match self.receipt {
            Receipt::Embedded(receipt) => receipt.dead_letter(reason).await,
            Receipt::Kafka(receipt) => receipt.dead_letter(self.payload, reason).await,
        }
    }
}
