//! Commits of a member: one at a time, by a thread of their own, so that the member's goes on; whatever is settled
//! meanwhile goes with the next. Those who settled wait for their commit, within [`CALL_LIMIT`].
//!
//! A thread, because librdkafka tells the outcome of a commit only to who waits for it: with its interface of events, as
//! the client has it, that of an asynchronous commit is told nobody.

use std::collections::BTreeSet;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;

use super::assignment::Progress;
use super::config::CALL_LIMIT;
use super::health::Health;
use super::member::Context;
use super::settled;
use crate::error::BusError;

/// After a commit that was refused, as in mid-rebalance.
const TRY_AGAIN: Duration = Duration::from_millis(100);

pub(super) type Reply = oneshot::Sender<Result<(), BusError>>;

/// Somebody who waits for a commit.
struct Waiting {
    partition: i32,
    reply: Reply,
    until: Instant,
}

struct UnderWay {
    partitions: BTreeSet<i32>,
    /// By partition, the offset that is committed if all goes well.
    offsets: Vec<(i32, i64)>,
    waiting: Vec<Waiting>,
}

/// See the module.
pub(super) struct Commits {
    topic: String,
    /// Whose progress is ahead of what is committed.
    behind: BTreeSet<i32>,
    waiting: Vec<Waiting>,
    under_way: Option<UnderWay>,
    not_before: Option<Instant>,
    /// Off where brokers keep less metadata than ours need.
    with_settled: bool,
}

impl Commits {
    pub(super) fn new(topic: String) -> Self {
        Self {
            topic,
            behind: BTreeSet::new(),
            waiting: Vec::new(),
            under_way: None,
            not_before: None,
            with_settled: true,
        }
    }

    /// The progress of a partition has changed.
    pub(super) fn mark(&mut self, partition: i32) {
        self.behind.insert(partition);
    }

    /// The progress of a partition has changed, and somebody waits for it to be committed.
    pub(super) fn mark_and_wait(&mut self, partition: i32, reply: Reply) {
        self.mark(partition);
        self.waiting.push(Waiting {
            partition,
            reply,
            until: Instant::now() + CALL_LIMIT,
        });
    }

    /// Whether anything of these partitions is yet to be committed.
    pub(super) fn is_behind(&self, partitions: &BTreeSet<i32>) -> bool {
        let is_under_way = |under_way: &UnderWay| !under_way.partitions.is_disjoint(partitions);
        !self.behind.is_disjoint(partitions) || self.under_way.as_ref().is_some_and(is_under_way)
    }

    /// These partitions are not ours any more: what was settled of them and not committed comes again, to others.
    pub(super) fn forget(&mut self, partitions: &BTreeSet<i32>) {
        self.behind.retain(|partition| !partitions.contains(partition));
        let (gone, kept) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|waiting| partitions.contains(&waiting.partition));
        self.waiting = kept;
        for Waiting { partition, reply, .. } in gone {
            tracing::debug!(
                topic = self.topic,
                partition,
                "acknowledged too late: the partition is another consumer's, who does it again"
            );
            let _ = reply.send(Ok(()));
        }
    }

    /// Sends what is behind, unless a commit is under way.
    pub(super) fn send(&mut self, committer: &Committer, progress: impl Fn(i32) -> Option<Progress>) {
        let is_too_soon = self
            .not_before
            .is_some_and(|not_before| Instant::now() < not_before);
        if self.under_way.is_some() || self.behind.is_empty() || is_too_soon {
            return;
        }
        let list = self.list(&progress);
        let elements = list.elements();
        let offsets = elements
            .iter()
            .filter_map(|element| Some((element.partition(), element.offset().to_raw()?)));
        self.under_way = Some(UnderWay {
            offsets: offsets.collect(),
            partitions: std::mem::take(&mut self.behind),
            waiting: std::mem::take(&mut self.waiting),
        });
        // Nothing: all of them have been given up meanwhile.
        if list.count() == 0 || !committer.send(list) {
            self.arrived(Ok(()));
        }
    }

    /// Whether a commit is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    fn list(&self, progress: impl Fn(i32) -> Option<Progress>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in &self.behind {
            let Some(progress) = progress(*partition) else {
                continue;
            };
            let mut element = list.add_partition(&self.topic, *partition);
            if element.set_offset(Offset::Offset(progress.offset)).is_err() {
                continue;
            }
            let metadata = settled::write(&progress);
            if self.with_settled && !metadata.is_empty() {
                element.set_metadata(metadata);
            }
        }
        list
    }

    /// What became of the commit that was under way; returns the offsets that are committed now, by partition.
    pub(super) fn arrived(&mut self, outcome: KafkaResult<()>) -> Vec<(i32, i64)> {
        let Some(UnderWay {
            partitions,
            offsets,
            waiting,
        }) = self.under_way.take()
        else {
            return Vec::new();
        };
        match outcome {
            Ok(()) => {
                self.not_before = None;
                for waiting in waiting {
                    let _ = waiting.reply.send(Ok(()));
                }
                offsets
            }
            Err(error) => {
                self.learn(&error);
                self.not_before = Some(Instant::now() + TRY_AGAIN);
                self.behind.extend(partitions);
                self.waiting.extend(waiting);
                Vec::new()
            }
        }
    }

    fn learn(&mut self, error: &KafkaError) {
        tracing::debug!(topic = self.topic, %error, "not committed; trying again");
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OffsetMetadataTooLarge) && self.with_settled {
            self.with_settled = false;
            tracing::warn!(
                topic = self.topic,
                "brokers keep less than 1,400 characters with a commit (offset.metadata.max.bytes): after a rebalance, \
                 more messages come again than need be"
            );
        }
    }

    /// Tells those who have waited too long. What they settled stays settled, and is committed when that can be.
    pub(super) fn expire(&mut self, health: &Health) {
        let now = Instant::now();
        let under_way = self
            .under_way
            .iter_mut()
            .flat_map(|under_way| under_way.waiting.extract_if(.., |waiting| waiting.until <= now));
        let expired: Vec<Waiting> = under_way
            .chain(self.waiting.extract_if(.., |waiting| waiting.until <= now))
            .collect();
        for waiting in expired {
            let _ = waiting.reply.send(Err(health.unavailable("committing")));
        }
    }
}

/// The thread that commits.
pub(super) struct Committer {
    lists: mpsc::Sender<TopicPartitionList>,
    thread: JoinHandle<()>,
}

impl Committer {
    /// `tell` is called with the outcome of each commit.
    pub(super) fn start(
        consumer: Arc<BaseConsumer<Context>>,
        tell: impl Fn(KafkaResult<()>) + Send + 'static,
    ) -> Result<Self, BusError> {
        let (lists, received) = mpsc::channel();
        let commit = move || {
            for list in received {
                tell(consumer.commit(&list, CommitMode::Sync));
            }
        };
        let thread = thread::Builder::new()
            .name("bus commits".to_owned())
            .spawn(commit)
            .map_err(|error| BusError::Thread(Arc::new(error)))?;
        Ok(Self { lists, thread })
    }

    fn send(&self, list: TopicPartitionList) -> bool {
        self.lists.send(list).is_ok()
    }

    /// Ends the thread; if it waits for brokers, it ends when it has had its answer.
    pub(super) fn end(self, is_waiting: bool) {
        drop(self.lists);
        if !is_waiting && self.thread.join().is_err() {
            tracing::error!("the thread that commits ended by a panic");
        }
    }
}
