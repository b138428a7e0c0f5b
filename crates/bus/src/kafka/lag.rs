//! How far a group is behind: the end of each partition, less what the group has committed, less what it has settled
//! above that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

use super::config::{self, CALL_LIMIT, KafkaConfig};
use super::health::{self, Health, Watch};
use super::settled;
use super::topics::{self, Topics};
use crate::error::BusError;

const DOING: &str = "asking for the lag";
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Asks for the lag of groups.
pub(super) struct Lags {
    config: Arc<KafkaConfig>,
    health: Arc<Health>,
    topics: Arc<Topics>,
    /// One for each group; they ask in its name and never join it.
    clients: Mutex<HashMap<String, Arc<BaseConsumer<Watch>>>>,
}

impl Lags {
    pub(super) fn new(config: Arc<KafkaConfig>, health: Arc<Health>, topics: Arc<Topics>) -> Self {
        Self {
            config,
            health,
            topics,
            clients: Mutex::default(),
        }
    }

    /// Names are those in the cluster. A topic that is not there has no lag.
    pub(super) async fn lag(&self, topic: &str, group: &str) -> Result<u64, BusError> {
        match tokio::time::timeout(CALL_LIMIT, self.ask(topic, group)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.health.unavailable(DOING)),
        }
    }

    /// Lets go of the clients.
    pub(super) fn close(&self) {
        self.lock().clear();
    }

    async fn ask(&self, topic: &str, group: &str) -> Result<u64, BusError> {
        let Some(partitions) = self.topics.partitions(topic).await? else {
            return Ok(0);
        };
        loop {
            let client = self.client(group)?;
            let asked = topic.to_owned();
            let answer = tokio::task::spawn_blocking(move || {
                let answer = measure(&client, &asked, partitions);
                health::listen(&client);
                answer
            });
            match answer.await {
                Ok(Ok(lag)) => {
                    self.health.answered();
                    return Ok(lag);
                }
                Ok(Err(error)) if topics::is_missing(&error) => {
                    self.topics.forget(topic);
                    return Ok(0);
                }
                Ok(Err(error)) if is_changing(&error) => tokio::time::sleep(ASK_AGAIN).await,
                Ok(Err(error)) => return Err(self.health.failed(DOING, &error)),
                Err(_) => return Err(BusError::Closed),
            }
        }
    }

    fn client(&self, group: &str) -> Result<Arc<BaseConsumer<Watch>>, BusError> {
        let mut clients = self.lock();
        if let Some(client) = clients.get(group) {
            return Ok(client.clone());
        }
        let mut config = self.config.client()?;
        config.set("group.id", group).set("enable.auto.commit", "false");
        let client: BaseConsumer<Watch> = config
            .create_with_context(Watch(self.health.clone()))
            .map_err(config::refused)?;
        let client = Arc::new(client);
        clients.insert(group.to_owned(), client.clone());
        Ok(client)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<BaseConsumer<Watch>>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a partition has just been made, or goes from one broker to another.
fn is_changing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::NotLeaderForPartition | RDKafkaErrorCode::LeaderNotAvailable)
    )
}

fn measure(client: &BaseConsumer<Watch>, topic: &str, partitions: i32) -> KafkaResult<u64> {
    let start = Instant::now();
    let left = || CALL_LIMIT.saturating_sub(start.elapsed());
    let all = |offset: Offset| {
        let mut list = TopicPartitionList::new();
        for partition in 0..partitions {
            list.add_partition_offset(topic, partition, offset)?;
        }
        Ok::<_, KafkaError>(list)
    };
    let committed = client.committed_offsets(all(Offset::Invalid)?, left())?;
    // The offset of a time: that of the end and that of the beginning have times of their own.
    let ends = client.offsets_for_times(all(Offset::End)?, left())?;
    let beginnings = client.offsets_for_times(all(Offset::Beginning)?, left())?;
    let mut lag = 0;
    for partition in 0..partitions {
        let end = offset_in(&ends, topic, partition)?.unwrap_or(0);
        let beginning = offset_in(&beginnings, topic, partition)?.unwrap_or(0);
        let Some(element) = committed.find_partition(topic, partition) else {
            continue;
        };
        element.error()?;
        let progress = match element.offset() {
            Offset::Offset(offset) => settled::read(offset, element.metadata()),
            _ => settled::read(beginning, ""),
        };
        let from = progress.offset.max(beginning);
        let done_above = progress.settled.range(from..end.max(from)).count() as u64;
        let behind = u64::try_from(end - from).unwrap_or(0);
        lag += behind.saturating_sub(done_above);
    }
    Ok(lag)
}

fn offset_in(list: &TopicPartitionList, topic: &str, partition: i32) -> KafkaResult<Option<i64>> {
    let Some(element) = list.find_partition(topic, partition) else {
        return Ok(None);
    };
    element.error()?;
    Ok(match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    })
}
