//! Publishing: idempotent, acknowledged by all replicas in sync, within [`CALL_LIMIT`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};
use tokio::sync::Notify;

use super::config::{self, CALL_LIMIT, FRAME_BYTES, KafkaConfig};
use super::health::{Health, Watch};
use super::partitioner::KeyPartitioner;
use super::topics::{self, Topics};
use super::wire::ID_HEADER;
use crate::Message;
use crate::error::BusError;

const DOING: &str = "publishing";
/// While the queue of librdkafka is full.
const ROOM_AGAIN: Duration = Duration::from_millis(10);

/// Publishes for a bus.
pub(super) struct Producer {
    config: ClientConfig,
    maximum_bytes: usize,
    health: Arc<Health>,
    topics: Arc<Topics>,
    /// Another takes its place after a fatal error; none when the bus is closed.
    inner: Mutex<Option<Arc<Inner>>>,
}

type Inner = ThreadedProducer<Context, KeyPartitioner>;

impl Producer {
    pub(super) fn new(
        config: &KafkaConfig,
        health: Arc<Health>,
        topics: Arc<Topics>,
    ) -> Result<Self, BusError> {
        let mut client = config.client()?;
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("delivery.timeout.ms", "2500")
            .set("request.timeout.ms", "2000")
            .set("linger.ms", "1")
            .set("sticky.partitioning.linger.ms", "0")
            .set("compression.codec", "lz4")
            .set("queue.buffering.max.messages", "100000")
            .set("queue.buffering.max.kbytes", "131072")
            // A topic that was made a moment ago, or again: look often, and give up when the message does.
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set("topic.metadata.propagation.max.ms", "2500")
            .set(
                "message.max.bytes",
                (config.maximum_message_bytes as usize + FRAME_BYTES).to_string(),
            );
        let inner = create(&client, &health)?;
        Ok(Self {
            config: client,
            maximum_bytes: config.maximum_message_bytes as usize,
            health,
            topics,
            inner: Mutex::new(Some(inner)),
        })
    }

    /// Returns when all messages are acknowledged. `topic` is the name in the cluster.
    pub(super) async fn publish(&self, topic: &str, messages: &[Message]) -> Result<(), BusError> {
        let records = self.write(messages)?;
        match tokio::time::timeout(CALL_LIMIT, self.publish_records(topic, &records)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.topics.forget(topic);
                Err(self.health.unavailable(DOING))
            }
        }
    }

    /// Lets go of the client, after what is under way.
    pub(super) fn close(&self) {
        let inner = self.lock().take();
        if let Some(inner) = inner {
            // What is not out by now was given up by its publisher, too.
            let _ = inner.flush(CALL_LIMIT);
        }
    }

    /// Refuses what is too large before anything is sent.
    fn write<'messages>(&self, messages: &'messages [Message]) -> Result<Vec<Record<'messages>>, BusError> {
        let mut records = Vec::with_capacity(messages.len());
        for message in messages {
            let record = Record {
                key: &message.key,
                id: &message.id,
                payload: message.payload.to_string(),
            };
            let bytes = record.payload.len().max(record.key.len() + record.id.len());
            if bytes > self.maximum_bytes {
                return Err(BusError::TooLarge {
                    id: record.id.to_owned(),
                    bytes,
                    maximum: self.maximum_bytes,
                });
            }
            records.push(record);
        }
        Ok(records)
    }

    async fn publish_records(&self, topic: &str, records: &[Record<'_>]) -> Result<(), BusError> {
        self.topics.ensure(topic).await?;
        let Err(error) = self.send(topic, records).await? else {
            return Ok(());
        };
        // Gone in mid-run. All once more: some may have been in it.
        tracing::debug!(topic, %error, "publishing again");
        loop {
            self.topics.forget(topic);
            self.topics.ensure(topic).await?;
            if self.send(topic, records).await?.is_ok() {
                return Ok(());
            }
            // The client has not heard of it yet.
            tokio::time::sleep(ROOM_AGAIN).await;
        }
    }

    /// Sends and waits. The inner error: there is no such topic.
    async fn send(&self, topic: &str, records: &[Record<'_>]) -> Result<Result<(), KafkaError>, BusError> {
        let inner = self.lock().clone().ok_or(BusError::Closed)?;
        let batch = Batch::new(records.len());
        for record in records {
            while let Err(error) = record.enqueue(&inner, topic, batch.clone()) {
                match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::QueueFull) => tokio::time::sleep(ROOM_AGAIN).await,
                    _ if topics::is_missing(&error) => return Ok(Err(error)),
                    _ => return Err(self.failure(&inner, &error)),
                }
            }
        }
        match batch.wait().await {
            None => Ok(Ok(())),
            Some(error) if topics::is_missing(&error) => Ok(Err(error)),
            Some(error) => {
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageTimedOut) {
                    self.topics.forget(topic);
                }
                Err(self.failure(&inner, &error))
            }
        }
    }

    fn failure(&self, inner: &Arc<Inner>, error: &KafkaError) -> BusError {
        if let Some((code, reason)) = inner.client().fatal_error() {
            tracing::warn!(%code, reason, "librdkafka gave its producer up; another takes its place");
            let mut current = self.lock();
            let is_current = current
                .as_ref()
                .is_some_and(|current| Arc::ptr_eq(current, inner));
            if is_current && let Ok(another) = create(&self.config, &self.health) {
                *current = Some(another);
            }
        }
        self.health.failed(DOING, error)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Inner>>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn create(config: &ClientConfig, health: &Arc<Health>) -> Result<Arc<Inner>, BusError> {
    let context = Context {
        watch: Watch(health.clone()),
        partitioner: KeyPartitioner,
    };
    config
        .create_with_context(context)
        .map(Arc::new)
        .map_err(config::refused)
}

/// A message as it goes out.
struct Record<'message> {
    key: &'message str,
    id: &'message str,
    payload: String,
}

impl Record<'_> {
    fn enqueue(&self, inner: &Inner, topic: &str, batch: Arc<Batch>) -> Result<(), KafkaError> {
        let headers = OwnedHeaders::new().insert(Header {
            key: ID_HEADER,
            value: Some(self.id),
        });
        let record = BaseRecord::with_opaque_to(topic, batch)
            .key(self.key)
            .payload(&self.payload)
            .headers(headers);
        inner.send(record).map_err(|(error, _)| error)
    }
}

/// Messages that are published together, on their way.
struct Batch {
    under_way: AtomicUsize,
    failure: Mutex<Option<KafkaError>>,
    done: Notify,
}

impl Batch {
    fn new(size: usize) -> Arc<Self> {
        Arc::new(Self {
            under_way: AtomicUsize::new(size),
            failure: Mutex::default(),
            done: Notify::new(),
        })
    }

    /// One message has arrived or failed.
    fn count(&self, outcome: Result<(), KafkaError>) {
        if let Err(error) = outcome {
            let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
        }
        if self.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.done.notify_one();
        }
    }

    /// Waits for all; the first failure.
    async fn wait(&self) -> Option<KafkaError> {
        while self.under_way.load(Ordering::Acquire) > 0 {
            self.done.notified().await;
        }
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[derive(Clone)]
struct Context {
    watch: Watch,
    partitioner: KeyPartitioner,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Watch::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.error(&error, reason);
    }
}

impl ProducerContext<KeyPartitioner> for Context {
    type DeliveryOpaque = Arc<Batch>;

    fn delivery(&self, result: &DeliveryResult<'_>, batch: Self::DeliveryOpaque) {
        if result.is_ok() {
            self.watch.0.answered();
        }
        batch.count(result.as_ref().map(drop).map_err(|(error, _)| error.clone()));
    }

    fn get_custom_partitioner(&self) -> Option<&KeyPartitioner> {
        Some(&self.partitioner)
    }
}
