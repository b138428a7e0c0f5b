//! The partitions of a member: how they come and go, and how their messages are handed out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::{Assigned, Leaving, MemberThread};
use crate::kafka::assignment::Partition;
use crate::kafka::consumer::{HandedOut, KafkaReceipt, Ticket};
use crate::kafka::rebalance;
use crate::kafka::wire::Arrived;

impl MemberThread {
    pub(super) fn take_over(&mut self, mut list: TopicPartitionList) {
        let progress = rebalance::committed(&self.consumer, &mut list, &self.setup.topic);
        let mut lost = BTreeMap::new();
        if !progress.is_empty() {
            std::mem::swap(&mut lost, &mut self.lost);
            self.is_topic_gone = false;
        }
        for (number, progress) in progress {
            if let Some(regained) = lost.remove(&number)
                && let Some(next) = regained.partition.resumes_at(progress.as_ref())
                && rebalance::begin_at(&mut list, &self.setup.topic, number, next)
            {
                self.assigned.insert(number, regained);
                self.commits.mark(number);
                continue;
            }
            self.epoch += 1;
            let assigned = Assigned {
                partition: Partition::new(progress, self.setup.config.maximum_held as usize),
                epoch: self.epoch,
                is_paused: false,
            };
            self.assigned.insert(number, assigned);
        }
        tracing::debug!(topic = self.setup.topic, partitions = ?self.assigned.keys(), "partitions taken over");
        rebalance::assign(&self.consumer, &list);
    }

    pub(super) fn begin_to_leave(&mut self, list: TopicPartitionList, is_lost: bool) {
        let partitions: BTreeSet<i32> = list
            .elements()
            .iter()
            .map(|element| element.partition())
            .collect();
        let patience = if is_lost {
            Duration::ZERO
        } else {
            self.setup.config.handover_timeout
        };
        tracing::debug!(
            topic = self.setup.topic,
            ?partitions,
            is_lost,
            "partitions go to others"
        );
        self.leaving = Some(Leaving {
            list,
            partitions,
            until: Instant::now() + patience,
            is_lost,
        });
    }

    /// Gives partitions up when what is held of them is settled and committed, or has had its time.
    pub(super) fn leave(&mut self) {
        let Some(leaving) = &self.leaving else { return };
        let of_leaving = |number: &i32| self.assigned.get(number);
        let held: usize = leaving
            .partitions
            .iter()
            .filter_map(of_leaving)
            .map(|assigned| assigned.partition.held())
            .sum();
        let is_done = held == 0 && !self.commits.is_behind(&leaving.partitions);
        if !is_done && Instant::now() < leaving.until {
            return;
        }
        if held > 0 && !leaving.is_lost {
            tracing::debug!(
                topic = self.setup.topic,
                held,
                "given up while held: they come again"
            );
        }
        let Some(leaving) = self.leaving.take() else {
            return;
        };
        for number in &leaving.partitions {
            if let Some(mut assigned) = self.assigned.remove(number)
                && leaving.is_lost
                && !self.is_topic_gone
            {
                assigned.is_paused = false;
                self.lost.insert(*number, assigned);
            }
        }
        self.commits.forget(&leaving.partitions);
        rebalance::unassign(&self.consumer, &leaving.list);
    }

    /// Gives waiting consumers what they can have.
    pub(super) fn hand_out(&mut self) {
        self.waiting.retain(|hand_over| !hand_over.is_closed());
        if self.waiting.is_empty() {
            return;
        }
        let Some(member) = self.member.upgrade() else {
            return;
        };
        while !self.waiting.is_empty() {
            let Some((ticket, attempt, arrived)) = self.take_next() else {
                return;
            };
            let handed_out = HandedOut {
                attempt,
                receipt: KafkaReceipt::new(member.clone(), ticket, arrived),
            };
            if let Some(hand_over) = self.waiting.pop_front() {
                // A consumer that gave up drops the receipt, which gives the message back.
                let _ = hand_over.send(Ok(handed_out));
            }
        }
    }

    /// The next message of the partitions in turn, after the one that was served last.
    fn take_next(&mut self) -> Option<(Ticket, u32, Arc<Arrived>)> {
        let leaving = self.leaving.as_ref().map(|leaving| &leaving.partitions);
        let served = self.served;
        let in_turn = {
            let (before, after): (Vec<_>, Vec<_>) = self
                .assigned
                .iter_mut()
                .partition(|(number, _)| **number <= served);
            after.into_iter().chain(before)
        };
        for (number, assigned) in in_turn {
            if leaving.is_some_and(|leaving| leaving.contains(number)) {
                continue;
            }
            if let Some(taken) = assigned.partition.take() {
                self.served = *number;
                let ticket = Ticket {
                    partition: *number,
                    epoch: assigned.epoch,
                    offset: taken.offset,
                };
                return Some((ticket, taken.attempt, taken.message));
            }
        }
        None
    }

    /// Bounds what is in memory.
    pub(super) fn pause_and_resume(&mut self) {
        let (mut to_pause, mut to_resume) = (TopicPartitionList::new(), TopicPartitionList::new());
        for (number, assigned) in &mut self.assigned {
            if !assigned.is_paused && assigned.partition.is_full() {
                assigned.is_paused = true;
                to_pause.add_partition(&self.setup.topic, *number);
            } else if assigned.is_paused && assigned.partition.has_room() {
                assigned.is_paused = false;
                to_resume.add_partition(&self.setup.topic, *number);
            }
        }
        let paused = (to_pause.count() > 0).then(|| self.consumer.pause(&to_pause));
        let resumed = (to_resume.count() > 0).then(|| self.consumer.resume(&to_resume));
        for error in [paused, resumed].into_iter().flatten().filter_map(Result::err) {
            tracing::warn!(topic = self.setup.topic, %error, "the flow of messages cannot be governed");
        }
    }
}
