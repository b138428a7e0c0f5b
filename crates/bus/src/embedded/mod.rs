//! The embedded bus: a queue in a SQLite file, for one process.
//!
//! [`worker`] owns the file and what is in flight, and serves all handles; requests that arrive while it writes are
//! written together in the next transaction, so that many callers share one write to disk. [`store`] holds the SQL,
//! [`mod@file`] opens and locks.

mod file;
mod store;
mod worker;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::error::BusError;
use crate::{Delivery, Message, NowMs};
use store::{GroupId, Position};
use worker::{Command, Outcome, Worker};

/// How an embedded bus is opened.
#[derive(Clone)]
pub struct EmbeddedOptions {
    /// Tells the time in UTC milliseconds.
    pub now_ms: NowMs,
    /// The file does not grow beyond this; a publish that would make it is refused with [`BusError::Full`].
    pub maximum_bytes: u64,
    /// How many dead letters are kept for each topic.
    pub dead_letters_kept: u32,
}

impl EmbeddedOptions {
    /// At most 1 GiB, 10,000 dead letters for each topic.
    pub fn new(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self {
            now_ms: Arc::new(now_ms),
            maximum_bytes: 1 << 30,
            dead_letters_kept: 10_000,
        }
    }
}

impl fmt::Debug for EmbeddedOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EmbeddedOptions")
            .field("maximum_bytes", &self.maximum_bytes)
            .field("dead_letters_kept", &self.dead_letters_kept)
            .finish_non_exhaustive()
    }
}

/// A handle of an embedded bus. The file is let go when the last handle, consumer and delivery is gone, or by
/// [`Bus::close`](crate::Bus::close), which waits for it.
#[derive(Clone, Debug)]
pub struct Embedded {
    commands: mpsc::UnboundedSender<Command>,
}

impl Embedded {
    /// Opens the file, or makes it, and starts to serve it on the runtime of the caller. A file that another process
    /// has open is refused.
    pub async fn open(path: &Path, options: EmbeddedOptions) -> Result<Self, BusError> {
        let file = file::BusFile::open(path, &options).await?;
        let (commands, received) = mpsc::unbounded_channel();
        let worker = Worker::new(file, options, commands.downgrade(), received);
        tokio::spawn(worker.run());
        Ok(Self { commands })
    }

    pub(crate) async fn publish(&self, topic: &str, messages: Vec<Message>) -> Result<(), BusError> {
        let topic = topic.to_owned();
        ask(&self.commands, |reply| Command::Publish {
            topic,
            messages,
            reply,
        })
        .await
        .map(drop)
    }

    pub(crate) async fn subscribe(&self, topic: &str, group: &str) -> Result<EmbeddedConsumer, BusError> {
        let group = GroupId::new(topic, group);
        ask(&self.commands, |reply| Command::Subscribe {
            group: group.clone(),
            reply,
        })
        .await?;
        Ok(EmbeddedConsumer {
            commands: self.commands.clone(),
            group,
        })
    }

    pub(crate) async fn lag(&self, topic: &str, group: &str) -> Result<u64, BusError> {
        let group = GroupId::new(topic, group);
        ask(&self.commands, |reply| Command::Lag { group, reply }).await
    }

    /// A question goes the way of all others: through the worker, to the file.
    pub(crate) async fn ping(&self) -> Result<(), BusError> {
        self.lag("", "").await.map(drop)
    }

    pub(crate) async fn close(&self) {
        let (closed, wait) = oneshot::channel();
        if self.commands.send(Command::Close { closed }).is_ok() {
            // An error means that it was closed by somebody else meanwhile.
            let _ = wait.await;
        }
    }
}

/// A consumer of an embedded bus.
#[derive(Debug)]
pub struct EmbeddedConsumer {
    commands: mpsc::UnboundedSender<Command>,
    group: Arc<GroupId>,
}

impl EmbeddedConsumer {
    pub(crate) async fn next(&self) -> Result<Delivery, BusError> {
        let (hand_over, delivery) = oneshot::channel();
        let group = self.group.clone();
        self.commands
            .send(Command::Next { group, hand_over })
            .map_err(|_| BusError::Closed)?;
        delivery.await.unwrap_or(Err(BusError::Closed))
    }
}

/// Settles one delivery. Dropped unsettled, it gives the message back.
#[derive(Debug)]
pub(crate) struct EmbeddedReceipt {
    commands: mpsc::UnboundedSender<Command>,
    position: Position,
    settled: bool,
}

impl EmbeddedReceipt {
    fn new(commands: mpsc::UnboundedSender<Command>, position: Position) -> Self {
        Self {
            commands,
            position,
            settled: false,
        }
    }

    pub(crate) async fn acknowledge(self) -> Result<(), BusError> {
        self.settle(Outcome::Acknowledge).await
    }

    pub(crate) async fn retry_later(self, delay: Duration) -> Result<(), BusError> {
        self.settle(Outcome::RetryAfter(delay)).await
    }

    pub(crate) async fn dead_letter(self, reason: &str) -> Result<(), BusError> {
        self.settle(Outcome::DeadLetter(reason.to_owned())).await
    }

    async fn settle(mut self, outcome: Outcome) -> Result<(), BusError> {
        self.settled = true;
        let position = self.position.clone();
        ask(&self.commands, |reply| Command::Settle {
            position,
            outcome,
            reply,
        })
        .await
        .map(drop)
    }
}

impl Drop for EmbeddedReceipt {
    fn drop(&mut self) {
        if !self.settled {
            // A closed bus has nothing in flight: the message comes when it is opened next.
            let _ = self.commands.send(Command::Release {
                position: self.position.clone(),
            });
        }
    }
}

/// Sends a command and waits for its outcome.
async fn ask(
    commands: &mpsc::UnboundedSender<Command>,
    command: impl FnOnce(worker::Reply) -> Command,
) -> Result<u64, BusError> {
    let (reply, outcome) = oneshot::channel();
    commands.send(command(reply)).map_err(|_| BusError::Closed)?;
    outcome.await.unwrap_or(Err(BusError::Closed))
}
