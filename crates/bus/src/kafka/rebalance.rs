//! What librdkafka tells a member: partitions that come and go.
//!
//! Partitions are not given up within the callback, as librdkafka's examples do: what is held of them has to be settled
//! first, and the thread goes on meanwhile. librdkafka waits for the answer ([`assign`], [`unassign`]).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

use super::assignment::Progress;
use super::config::CALL_LIMIT;
use super::health::{Health, Watch};
use super::settled;

/// What librdkafka has told.
pub(super) enum Event {
    /// These partitions are ours now; [`assign`] is to be called.
    Assigned(TopicPartitionList),
    /// These are to go; [`unassign`] is to be called.
    Revoked {
        list: TopicPartitionList,
        /// Others have them already.
        is_lost: bool,
    },
}

/// Gathers what librdkafka tells while it is polled.
pub(super) struct Context {
    watch: Watch,
    events: Mutex<Vec<Event>>,
    /// Whether anything was told.
    is_stirred: AtomicBool,
    /// Whether nobody asks for events any more.
    is_closing: AtomicBool,
}

impl Context {
    pub(super) fn new(health: Arc<Health>) -> Self {
        Self {
            watch: Watch(health),
            events: Mutex::default(),
            is_stirred: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
        }
    }

    pub(super) fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn take_stirred(&self) -> bool {
        self.is_stirred.swap(false, Ordering::Relaxed)
    }

    /// From now on librdkafka is answered at once.
    pub(super) fn begin_to_close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }

    fn stir(&self) {
        self.is_stirred.store(true, Ordering::Relaxed);
    }

    fn push(&self, event: Event) {
        self.stir();
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(event);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.stir();
        Watch::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.stir();
        self.watch.error(&error, reason);
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, what: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let is_assignment = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        match (self.is_closing.load(Ordering::Relaxed), is_assignment) {
            (true, true) => assign(consumer, list),
            (true, false) => unassign(consumer, list),
            (false, true) => self.push(Event::Assigned(list.clone())),
            (false, false) => self.push(Event::Revoked {
                list: list.clone(),
                is_lost: consumer.assignment_lost(),
            }),
        }
    }
}

/// What the group has committed of the partitions in the list. Sets their offsets to begin at; where that is not known,
/// librdkafka asks again by itself.
pub(super) fn committed(
    consumer: &BaseConsumer<Context>,
    list: &mut TopicPartitionList,
    topic: &str,
) -> Vec<(i32, Option<Progress>)> {
    let asked: Vec<i32> = list
        .elements()
        .iter()
        .map(|element| element.partition())
        .collect();
    let answer = match consumer.committed_offsets(list.clone(), CALL_LIMIT) {
        Ok(answer) => answer,
        Err(error) => {
            tracing::warn!(topic, %error, "what was settled before is not known: some messages may come again");
            return asked.into_iter().map(|partition| (partition, None)).collect();
        }
    };
    let progress_of = |partition: i32| {
        let element = answer.find_partition(topic, partition)?;
        match (element.offset(), element.error()) {
            (Offset::Offset(offset), Ok(())) => Some(settled::read(offset, element.metadata())),
            _ => None,
        }
    };
    let known: Vec<_> = asked
        .into_iter()
        .map(|partition| (partition, progress_of(partition)))
        .collect();
    for (partition, progress) in &known {
        if let Some(progress) = progress {
            begin_at(list, topic, *partition, progress.offset);
        }
    }
    known
}

/// Sets where reading of a partition in the list begins. False: it is not in the list.
pub(super) fn begin_at(list: &mut TopicPartitionList, topic: &str, partition: i32, offset: i64) -> bool {
    let offset = Offset::Offset(offset);
    list.set_partition_offset(topic, partition, offset).is_ok()
}

/// Begins to read the partitions.
pub(super) fn assign(consumer: &BaseConsumer<Context>, list: &TopicPartitionList) {
    let outcome = match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(list),
    };
    if let Err(error) = outcome {
        tracing::error!(%error, "partitions cannot be taken over");
    }
}

/// Ends reading the partitions.
pub(super) fn unassign(consumer: &BaseConsumer<Context>, list: &TopicPartitionList) {
    let outcome = match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    };
    if let Err(error) = outcome {
        // As when all was lost meanwhile.
        tracing::debug!(%error, "partitions cannot be given up");
    }
}

/// Whether an error of reading is for people: it does not pass by itself.
pub(super) fn is_worth_telling(code: Option<RDKafkaErrorCode>) -> bool {
    matches!(
        code,
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::InvalidSessionTimeout
                | RDKafkaErrorCode::InconsistentGroupProtocol
                | RDKafkaErrorCode::InvalidGroupId
                | RDKafkaErrorCode::UnsupportedVersion
        )
    )
}
