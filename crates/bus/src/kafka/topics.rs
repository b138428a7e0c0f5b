//! Topics: made with a stated number of partitions where they are missing, also when they go missing later.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use tokio::runtime::Handle;

use super::config::{self, CALL_LIMIT, FRAME_BYTES, KafkaConfig};
use super::health::{self, Health, Watch};
use crate::DEAD_LETTER_SUFFIX;
use crate::error::BusError;

/// Whoever asks whether brokers answer waits for two seconds.
const PING_LIMIT: Duration = Duration::from_millis(1_500);
/// A new topic needs a moment until all brokers know it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Until consumers, which ask ten times a second, have noticed that a topic is gone. One that is made again before that is
/// read on from where the old one was.
const UNTIL_NOTICED: Duration = Duration::from_secs(1);
const BACK_OFF: Duration = Duration::from_millis(200);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(5);
/// Kafka's own.
const LONGEST_NAME: usize = 249;

/// The topics of a bus.
pub(super) struct Topics {
    config: Arc<KafkaConfig>,
    health: Arc<Health>,
    /// Asks for topics; reads nothing.
    client: BaseConsumer<Watch>,
    admin: OnceLock<AdminClient<Watch>>,
    /// Partitions of the topics that are known to be there.
    known: Mutex<HashMap<String, i32>>,
    /// Topics that have been there.
    seen: Mutex<HashSet<String>>,
    restoring: Mutex<HashSet<String>>,
    runtime: Handle,
}

impl Topics {
    pub(super) fn new(config: Arc<KafkaConfig>, health: Arc<Health>) -> Result<Arc<Self>, BusError> {
        let client = config
            .client()?
            .create_with_context(Watch(health.clone()))
            .map_err(config::refused)?;
        Ok(Arc::new(Self {
            config,
            health,
            client,
            admin: OnceLock::new(),
            known: Mutex::default(),
            seen: Mutex::default(),
            restoring: Mutex::default(),
            runtime: Handle::current(),
        }))
    }

    /// Returns when the topic is there, made if need be. `name` is its name in the cluster.
    pub(super) async fn ensure(self: &Arc<Self>, name: &str) -> Result<(), BusError> {
        if self.lock_known().contains_key(name) {
            return Ok(());
        }
        check_name(name)?;
        let limit = tokio::time::timeout(CALL_LIMIT, self.find_or_make(name));
        let partitions = limit
            .await
            .unwrap_or_else(|_| Err(self.health.unavailable("looking for a topic")))?;
        self.lock_known().insert(name.to_owned(), partitions);
        self.lock_seen().insert(name.to_owned());
        self.compare(name, partitions);
        Ok(())
    }

    /// The number of partitions of a topic; none if it is not there.
    pub(super) async fn partitions(self: &Arc<Self>, name: &str) -> Result<Option<i32>, BusError> {
        let known = self.lock_known().get(name).copied();
        match known {
            Some(partitions) => Ok(Some(partitions)),
            None => self.look_up(name).await,
        }
    }

    /// Whether a broker answers. It is asked for a topic of ours, since others may not be ours to look at.
    pub(super) async fn ping(self: &Arc<Self>) -> Result<(), BusError> {
        let seen = self.lock_seen().iter().next().cloned();
        let name = seen.unwrap_or_else(|| self.config.name("ready"));
        self.look_up_within(&name, PING_LIMIT).await.map(drop)
    }

    /// The topic may be gone: look again before it is used.
    pub(super) fn forget(&self, name: &str) {
        self.lock_known().remove(name);
    }

    /// Makes the topic again, and tries until that is done.
    pub(super) fn restore_in_background(self: &Arc<Self>, name: &str) {
        let is_new = self
            .restoring
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned());
        if !is_new {
            return;
        }
        let topics = Arc::downgrade(self);
        let restored = name.to_owned();
        self.forget(name);
        self.when_there(name, move || {
            if let Some(topics) = topics.upgrade() {
                let mut restoring = topics.restoring.lock().unwrap_or_else(PoisonError::into_inner);
                restoring.remove(&restored);
            }
        });
    }

    /// Sees to it that the topic is there, however long that takes, and calls.
    pub(super) fn when_there(self: &Arc<Self>, name: &str, then: impl FnOnce() + Send + 'static) {
        let topics = Arc::downgrade(self);
        let name = name.to_owned();
        self.runtime.spawn(async move {
            let mut back_off = BACK_OFF;
            // Ends with the bus, too.
            while let Some(topics) = topics.upgrade() {
                match topics.ensure(&name).await {
                    Ok(()) => return then(),
                    Err(error) => tracing::debug!(topic = name, %error, "not there yet"),
                }
                drop(topics);
                tokio::time::sleep(back_off).await;
                back_off = (back_off * 2).min(LONGEST_BACK_OFF);
            }
        });
    }

    async fn find_or_make(self: &Arc<Self>, name: &str) -> Result<i32, BusError> {
        if let Some(partitions) = self.look_up(name).await? {
            return Ok(partitions);
        }
        if self.lock_seen().contains(name) {
            tracing::warn!(
                topic = name,
                "the topic is not there any more: it is made again, without what was in it"
            );
            tokio::time::sleep(UNTIL_NOTICED).await;
        }
        self.make(name).await?;
        loop {
            if let Some(partitions) = self.look_up(name).await? {
                return Ok(partitions);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn look_up(self: &Arc<Self>, name: &str) -> Result<Option<i32>, BusError> {
        self.look_up_within(name, CALL_LIMIT).await
    }

    async fn look_up_within(self: &Arc<Self>, name: &str, limit: Duration) -> Result<Option<i32>, BusError> {
        const DOING: &str = "looking for a topic";
        let topics = self.clone();
        let asked = name.to_owned();
        let answer = tokio::task::spawn_blocking(move || {
            let metadata = topics.client.fetch_metadata(Some(&asked), limit);
            health::listen(&topics.client);
            let metadata = metadata?;
            let topic = metadata.topics().iter().find(|topic| topic.name() == asked);
            match topic.map(|topic| (topic.error(), topic.partitions().len())) {
                Some((None, partitions)) if partitions > 0 => Ok(Some(partitions as i32)),
                Some((Some(error), _)) => Err(KafkaError::MetadataFetch(error.into())),
                Some((None, _)) | None => Ok(None),
            }
        });
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(_) => return Err(BusError::Closed),
        };
        match answer {
            Ok(partitions) => {
                self.health.answered();
                Ok(partitions)
            }
            Err(error) if is_missing(&error) => {
                self.health.answered();
                Ok(None)
            }
            // It was made a moment ago.
            Err(KafkaError::MetadataFetch(RDKafkaErrorCode::LeaderNotAvailable)) => Ok(None),
            Err(error) => Err(self.health.failed(DOING, &error)),
        }
    }

    async fn make(&self, name: &str) -> Result<(), BusError> {
        const DOING: &str = "making a topic";
        let is_for_dead_letters = name.ends_with(DEAD_LETTER_SUFFIX);
        let retention = if is_for_dead_letters {
            self.config.dead_letter_retention
        } else {
            self.config.retention
        };
        // A dead letter has a message and its reason in it.
        let largest = self.config.maximum_message_bytes as usize + FRAME_BYTES;
        let (retention_ms, largest) = (retention.as_millis().to_string(), largest.to_string());
        let partitions = i32::try_from(self.config.partitions).unwrap_or(i32::MAX);
        let replication = TopicReplication::Fixed(self.config.replication_factor.into());
        let topic = NewTopic::new(name, partitions, replication)
            .set("retention.ms", &retention_ms)
            .set("max.message.bytes", &largest);
        let options = AdminOptions::new()
            .request_timeout(Some(CALL_LIMIT))
            .operation_timeout(Some(CALL_LIMIT));
        let outcomes = self
            .admin()?
            .create_topics([&topic], &options)
            .await
            .map_err(|error| self.health.failed(DOING, &error))?;
        for outcome in outcomes {
            match outcome {
                Ok(_) => tracing::info!(topic = name, partitions, "topic made"),
                // By another process, meanwhile.
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code @ RDKafkaErrorCode::InvalidReplicationFactor)) => {
                    let asked = self.config.replication_factor;
                    return Err(BusError::Config {
                        key: "replication_factor",
                        reason: format!("it is {asked}, of which Kafka says: {code}; it has fewer brokers"),
                    });
                }
                Err((_, code)) => return Err(self.health.failed(DOING, &KafkaError::Global(code))),
            }
        }
        Ok(())
    }

    fn admin(&self) -> Result<&AdminClient<Watch>, BusError> {
        if let Some(admin) = self.admin.get() {
            return Ok(admin);
        }
        let admin = self
            .config
            .client()?
            .create_with_context(Watch(self.health.clone()))
            .map_err(config::refused)?;
        Ok(self.admin.get_or_init(|| admin))
    }

    fn compare(&self, name: &str, partitions: i32) {
        let wanted = self.config.partitions;
        if i64::from(partitions) < i64::from(wanted) {
            tracing::warn!(
                topic = name,
                partitions,
                wanted,
                "the topic has fewer partitions than configured: it works, but no more than {partitions} consumers of a \
                 group work at a time; while nothing is queued, add some with kafka-topics --alter --partitions {wanted}"
            );
        }
    }

    fn lock_seen(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_known(&self) -> std::sync::MutexGuard<'_, HashMap<String, i32>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the error says that a topic, or the partition that was meant, is not there.
pub(super) fn is_missing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
        )
    )
}

fn check_name(name: &str) -> Result<(), BusError> {
    let is_name = !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(config::is_of_a_name);
    if is_name {
        return Ok(());
    }
    Err(BusError::TopicName {
        topic: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_kafka_has_them() {
        for name in ["WORK", "a.b_c-9.DEAD"] {
            check_name(name).expect("a name");
        }
        for name in ["", "a b", "ä", &"x".repeat(250)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
