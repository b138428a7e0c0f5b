//! Consumers of a Kafka bus: handles of the [`Member`] that their process is in a group.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;

use super::member::{Command, Outcome};
use super::producer::Producer;
use super::wire::{self, Arrived};
use crate::dead_letter::dead_letter;
use crate::error::BusError;
use crate::{Delivery, Message, NowMs, Receipt};

/// While a message that cannot be read cannot be buried either.
const POISON_PAUSE: Duration = Duration::from_secs(1);
/// A reason is for people.
const LONGEST_REASON: usize = 2_000;

/// What this process is in a group: shared by its consumers of the group and by what they hold. The member leaves the
/// group with the last of them.
pub(super) struct Member {
    pub(super) commands: mpsc::Sender<Command>,
    /// As the contract has it, without the prefix.
    pub(super) topic: String,
    pub(super) group: String,
    pub(super) dead_letter_topic: String,
    pub(super) producer: Arc<Producer>,
    pub(super) now_ms: NowMs,
    pub(super) maximum_bytes: usize,
    /// Whether the thread has ended or is about to.
    pub(super) has_ended: Arc<AtomicBool>,
}

impl Member {
    /// Leaves the group; what is held comes again.
    pub(super) async fn close(&self) {
        let (closed, wait) = oneshot::channel();
        if self.commands.send(Command::Close(Some(closed))).is_ok() {
            // An error means that it has closed meanwhile.
            let _ = wait.await;
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.commands.send(Command::Close(None));
    }
}

/// A consumer of a Kafka bus.
pub struct KafkaConsumer {
    pub(super) member: Arc<Member>,
}

impl std::fmt::Debug for KafkaConsumer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KafkaConsumer")
            .field("topic", &self.member.topic)
            .field("group", &self.member.group)
            .finish_non_exhaustive()
    }
}

impl KafkaConsumer {
    pub(crate) async fn next(&self) -> Result<Delivery, BusError> {
        loop {
            let (hand_over, handed) = oneshot::channel();
            self.member
                .commands
                .send(Command::Next(hand_over))
                .map_err(|_| BusError::Closed)?;
            let HandedOut { attempt, receipt } = handed.await.unwrap_or(Err(BusError::Closed))?;
            match receipt.arrived.payload() {
                Ok(payload) => {
                    return Ok(Delivery {
                        id: receipt.arrived.id.clone(),
                        key: receipt.arrived.key.clone(),
                        payload,
                        attempt,
                        receipt: Receipt::Kafka(receipt),
                    });
                }
                Err(reason) => bury(receipt, attempt, &reason).await,
            }
        }
    }
}

/// Moves what cannot be read to the dead letters. Never an error for the consumer: it did nothing wrong.
async fn bury(receipt: KafkaReceipt, attempt: u32, reason: &str) {
    let (topic, arrived) = (receipt.member.topic.clone(), receipt.arrived.clone());
    let id = &arrived.id;
    if attempt == 1 {
        tracing::error!(
            topic,
            id,
            reason,
            "a message that nobody can read goes to the dead letters"
        );
    }
    let settled = match receipt.publish_letter(receipt.cut(), reason).await {
        Ok(()) => receipt.settle(Outcome::Done).await,
        Err(error) => {
            tracing::debug!(topic, id, %error, "not yet");
            receipt.settle(Outcome::RetryAfter(POISON_PAUSE)).await
        }
    };
    if let Err(error) = settled {
        tracing::debug!(topic, id, %error, "it comes again");
    }
}

/// A message that the member hands out.
pub(super) struct HandedOut {
    pub(super) attempt: u32,
    pub(super) receipt: KafkaReceipt,
}

/// Which message a receipt is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) partition: i32,
    /// Which time the partition is ours: an old ticket is worth nothing.
    pub(super) epoch: u64,
    pub(super) offset: i64,
}

/// Settles one delivery. Dropped unsettled, it gives the message back.
pub(crate) struct KafkaReceipt {
    member: Arc<Member>,
    ticket: Ticket,
    arrived: Arc<Arrived>,
    is_settled: bool,
}

impl std::fmt::Debug for KafkaReceipt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.ticket.fmt(formatter)
    }
}

impl KafkaReceipt {
    pub(super) fn new(member: Arc<Member>, ticket: Ticket, arrived: Arc<Arrived>) -> Self {
        Self {
            member,
            ticket,
            arrived,
            is_settled: false,
        }
    }

    pub(crate) async fn acknowledge(self) -> Result<(), BusError> {
        self.settle(Outcome::Done).await
    }

    pub(crate) async fn retry_later(self, delay: Duration) -> Result<(), BusError> {
        self.settle(Outcome::RetryAfter(delay)).await
    }

    /// Durable among the dead letters before it is settled: dying in between makes it a dead letter twice.
    pub(crate) async fn dead_letter(self, payload: Value, reason: &str) -> Result<(), BusError> {
        match self.publish_letter(payload, reason).await {
            Err(BusError::TooLarge { .. }) => self.publish_letter(self.cut(), reason).await?,
            published => published?,
        }
        self.settle(Outcome::Done).await
    }

    async fn publish_letter(&self, payload: Value, reason: &str) -> Result<(), BusError> {
        let member = &self.member;
        let message = Message {
            key: self.arrived.key.clone(),
            id: self.arrived.id.clone(),
            payload,
        };
        let reason: String = reason.chars().take(LONGEST_REASON).collect();
        let letter = dead_letter(&member.topic, &member.group, message, &reason, (member.now_ms)());
        member
            .producer
            .publish(&member.dead_letter_topic, &[letter])
            .await
    }

    /// What arrived, as bytes and bounded.
    fn cut(&self) -> Value {
        wire::excerpt(&self.arrived.value, self.member.maximum_bytes)
    }

    async fn settle(mut self, outcome: Outcome) -> Result<(), BusError> {
        self.is_settled = true;
        let (reply, settled) = oneshot::channel();
        self.member
            .commands
            .send(Command::Settle {
                ticket: self.ticket,
                outcome,
                reply,
            })
            .map_err(|_| BusError::Closed)?;
        settled.await.unwrap_or(Err(BusError::Closed))
    }
}

impl Drop for KafkaReceipt {
    fn drop(&mut self) {
        if !self.is_settled {
            // A member that has ended holds nothing.
            let _ = self.member.commands.send(Command::Release(self.ticket));
        }
    }
}
