//! The message bus: what one service asks another to do later, kept until it has been done.
//!
//! [`Bus`] is a closed set of engines behind one contract. Today it is [`Embedded`]: a durable queue in a SQLite file of
//! its own, for one process. Kafka joins it as another variant; `tests/contract.rs` is written against [`Bus`] only and
//! runs on both. The crate knows no message: topics and payloads are the business of those who publish and consume
//! (`aops_api::message`). Its neighbours are the schedulers, which publish, and the executors, which consume.
//!
//! # The contract
//! - **Durable**: a publish returns when its messages survive a crash of the process and of the machine.
//! - **One id, one message**: an id that is published again on a topic while the first is still queued adds nothing.
//! - **Order per key**: messages of one key reach a group in the order they were published in, one at a time; keys go
//!   in parallel. A message that waits for its retry holds back the later ones of its key.
//! - **At least once**: a delivery that is dropped, or held when the process dies, comes again. Effects must be
//!   idempotent, and a message is acknowledged after its effect.
//! - **Groups**: every group of a topic sees every message; within a group each message is held by one consumer. What is
//!   published before any group has subscribed waits for the first.
//! - **Dead letters**: a message that can never be handled moves to the topic `<topic>.DEAD`, with the reason.
//! - **Bounded**: a message goes when all known groups are past it, of dead letters the newest are kept, and a full bus
//!   refuses to publish.

mod embedded;
mod error;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

pub use embedded::{Embedded, EmbeddedOptions};
pub use error::BusError;

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
}

impl Bus {
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

    /// Publishes messages in this order, all or none; returns when they are durable.
    pub async fn publish_many(&self, topic: &str, messages: Vec<Message>) -> Result<(), BusError> {
        match self {
            Bus::Embedded(embedded) => embedded.publish(topic, messages).await,
        }
    }

    /// A consumer of `topic` as a member of `group`. The group is known from then on, and messages stay for it.
    pub async fn subscribe(&self, topic: &str, group: &str) -> Result<Consumer, BusError> {
        match self {
            Bus::Embedded(embedded) => embedded.subscribe(topic, group).await.map(Consumer::Embedded),
        }
    }

    /// How many messages of `topic` the group has not acknowledged. For a group that never subscribed: all there are.
    pub async fn lag(&self, topic: &str, group: &str) -> Result<u64, BusError> {
        match self {
            Bus::Embedded(embedded) => embedded.lag(topic, group).await,
        }
    }

    /// Finishes what is being written and lets go of the engine. Every handle is of no use afterwards; deliveries that
    /// are still held come again when the bus is opened next.
    pub async fn close(&self) {
        match self {
            Bus::Embedded(embedded) => embedded.close().await,
        }
    }
}

/// A member of a consumer group.
#[derive(Debug)]
pub enum Consumer {
    /// Of an embedded bus.
    Embedded(embedded::EmbeddedConsumer),
}

impl Consumer {
    /// Waits for the oldest message whose key no other consumer of the group holds. A call that is given up loses
    /// nothing.
    pub async fn next(&self) -> Result<Delivery, BusError> {
        match self {
            Consumer::Embedded(consumer) => consumer.next().await,
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
}

impl Delivery {
    /// Its effect is done: the group never sees it again.
    pub async fn acknowledge(self) -> Result<(), BusError> {
        match self.receipt {
            Receipt::Embedded(receipt) => receipt.acknowledge().await,
        }
    }

    /// Its effect cannot be had now: it comes again after `delay`, and later messages of its key wait for it.
    pub async fn retry_later(self, delay: Duration) -> Result<(), BusError> {
        match self.receipt {
            Receipt::Embedded(receipt) => receipt.retry_later(delay).await,
        }
    }

    /// Its effect can never be had: it moves to the topic's dead letters. The payload there is
    /// `{"reason", "topic", "group", "id", "key", "payload", "time_ms"}`, under the key of the message.
    pub async fn dead_letter(self, reason: &str) -> Result<(), BusError> {
        match self.receipt {
            Receipt::Embedded(receipt) => receipt.dead_letter(reason).await,
        }
    }
}
