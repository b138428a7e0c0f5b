//! The task that owns the file of an embedded bus, and knows what is in flight.
//!
//! One round: gather the requests that have arrived, write them in one transaction, answer them, then hand out what
//! waiting consumers can have. Between rounds it sleeps until a request arrives or a retry is due.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::file::BusFile;
use super::store::{self, GroupId, HandedOut, Position};
use super::{EmbeddedOptions, EmbeddedReceipt};
use crate::error::BusError;
use crate::{Delivery, Message, Receipt};

/// How many requests are written together at most, so that none waits long for the others.
const BATCH_LIMIT: usize = 256;
/// SQLite's code for a file that would grow beyond its limit.
const SQLITE_FULL: &str = "13";

/// Where the outcome of a request goes; the number is the lag, or of no meaning.
pub(super) type Reply = oneshot::Sender<Result<u64, BusError>>;
type HandOver = oneshot::Sender<Result<Delivery, BusError>>;

/// What handles ask of the worker.
#[derive(Debug)]
pub(super) enum Command {
    Publish {
        topic: String,
        messages: Vec<Message>,
        reply: Reply,
    },
    Subscribe {
        group: Arc<GroupId>,
        reply: Reply,
    },
    Lag {
        group: Arc<GroupId>,
        reply: Reply,
    },
    Settle {
        position: Position,
        outcome: Outcome,
        reply: Reply,
    },
    Release {
        position: Position,
    },
    Next {
        group: Arc<GroupId>,
        hand_over: HandOver,
    },
    Close {
        closed: oneshot::Sender<()>,
    },
}

/// What became of a delivery.
#[derive(Debug)]
pub(super) enum Outcome {
    Acknowledge,
    RetryAfter(Duration),
    DeadLetter(String),
}

/// A request that goes to the store.
enum Request {
    Publish(String, Vec<Message>),
    Subscribe(Arc<GroupId>),
    Lag(Arc<GroupId>),
    Settle(Position, Outcome),
}

#[derive(Default)]
struct GroupState {
    /// Keys of which a message is held by a consumer.
    in_flight: HashSet<String>,
    waiting: VecDeque<HandOver>,
    /// When a retry is due that a waiting consumer could have.
    due_ms: Option<i64>,
}

pub(super) struct Worker {
    file: BusFile,
    options: EmbeddedOptions,
    /// Weak, so that the worker ends with the last handle.
    commands: mpsc::WeakUnboundedSender<Command>,
    received: mpsc::UnboundedReceiver<Command>,
    groups: HashMap<Arc<GroupId>, GroupState>,
}

impl Worker {
    pub(super) fn new(
        file: BusFile,
        options: EmbeddedOptions,
        commands: mpsc::WeakUnboundedSender<Command>,
        received: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        Self {
            file,
            options,
            commands,
            received,
            groups: HashMap::new(),
        }
    }

    pub(super) async fn run(mut self) {
        let closed = loop {
            let until_due = self.until_due();
            let first = tokio::select! {
                command = self.received.recv() => match command {
                    Some(command) => Some(command),
                    None => break None,
                },
                () = sleep(until_due) => None,
            };
            if let Some(closed) = self.round(first).await {
                break Some(closed);
            }
        };
        self.file.close().await;
        if let Some(closed) = closed {
            // Whoever closed may have gone meanwhile.
            let _ = closed.send(());
        }
    }

    /// Serves what has arrived; returns whom to tell when the bus is to be closed.
    async fn round(&mut self, first: Option<Command>) -> Option<oneshot::Sender<()>> {
        let mut requests = Vec::new();
        let mut close = None;
        let mut next = first;
        while let Some(command) = next {
            match command {
                Command::Publish {
                    topic,
                    messages,
                    reply,
                } => {
                    requests.push((Request::Publish(topic, messages), reply));
                }
                Command::Subscribe { group, reply } => requests.push((Request::Subscribe(group), reply)),
                Command::Lag { group, reply } => requests.push((Request::Lag(group), reply)),
                Command::Settle {
                    position,
                    outcome,
                    reply,
                } => {
                    // No longer in flight whatever comes: if this cannot be written, the message comes again.
                    self.release(&position);
                    requests.push((Request::Settle(position, outcome), reply));
                }
                Command::Release { position } => self.release(&position),
                Command::Next { group, hand_over } => {
                    self.groups.entry(group).or_default().waiting.push_back(hand_over);
                }
                Command::Close { closed } => close = Some(closed),
            }
            if requests.len() >= BATCH_LIMIT || close.is_some() {
                break;
            }
            next = self.received.try_recv().ok();
        }
        self.write(requests).await;
        if close.is_none() {
            self.hand_out().await;
        }
        close
    }

    fn release(&mut self, position: &Position) {
        if let Some(state) = self.groups.get_mut(&position.group) {
            state.in_flight.remove(&position.key);
        }
    }

    /// Writes the requests together; if that fails, one by one, so that one that cannot be written harms no other.
    async fn write(&mut self, requests: Vec<(Request, Reply)>) {
        let (requests, replies): (Vec<Request>, Vec<Reply>) = requests.into_iter().unzip();
        let outcomes = match self.transact(&requests).await {
            Ok(values) => values.into_iter().map(Ok).collect(),
            Err(error) if requests.len() == 1 => vec![Err(failure(error))],
            Err(_) => {
                let mut outcomes = Vec::new();
                for request in &requests {
                    let outcome = self.transact(std::slice::from_ref(request)).await;
                    outcomes.push(outcome.map(|values| values[0]).map_err(failure));
                }
                outcomes
            }
        };
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // A caller that gave up has lost the outcome, not the effect.
            let _ = reply.send(outcome);
        }
    }

    async fn transact(&mut self, requests: &[Request]) -> Result<Vec<u64>, sqlx::Error> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        self.file.begin().await?;
        let outcome = self.apply(requests).await;
        self.file.end(outcome).await
    }

    async fn apply(&mut self, requests: &[Request]) -> Result<Vec<u64>, sqlx::Error> {
        let now_ms = (self.options.now_ms)();
        let kept = self.options.dead_letters_kept;
        let connection = &mut self.file.connection;
        let mut values = Vec::with_capacity(requests.len());
        for request in requests {
            let mut value = 0;
            match request {
                Request::Publish(topic, messages) => {
                    store::publish(connection, topic, messages, now_ms).await?;
                }
                Request::Subscribe(group) => store::subscribe(connection, group).await?,
                Request::Lag(group) => value = store::lag(connection, group).await?,
                Request::Settle(position, Outcome::Acknowledge) => {
                    store::acknowledge(connection, position).await?;
                }
                Request::Settle(position, Outcome::RetryAfter(delay)) => {
                    let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
                    store::retry_at(connection, position, now_ms.saturating_add(delay_ms)).await?;
                }
                Request::Settle(position, Outcome::DeadLetter(reason)) => {
                    store::dead_letter(connection, position, reason, now_ms, kept).await?;
                }
            }
            values.push(value);
        }
        Ok(values)
    }

    /// Gives waiting consumers what they can have.
    async fn hand_out(&mut self) {
        let Some(commands) = self.commands.upgrade() else {
            return;
        };
        let now_ms = (self.options.now_ms)();
        for (group, state) in &mut self.groups {
            state.waiting.retain(|hand_over| !hand_over.is_closed());
            state.due_ms = None;
            if state.waiting.is_empty() {
                continue;
            }
            match take(&mut self.file, group, state, now_ms).await {
                Ok(taken) => {
                    for (position, handed_out) in taken {
                        let Some(hand_over) = state.waiting.pop_front() else {
                            break;
                        };
                        state.in_flight.insert(position.key.clone());
                        // A consumer that gave up drops the delivery, and the receipt gives the message back.
                        let _ = hand_over.send(Ok(delivery(&commands, position, handed_out)));
                    }
                }
                Err(error) => {
                    let error = failure(error);
                    for hand_over in state.waiting.drain(..) {
                        let _ = hand_over.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    /// How long until a retry is due that somebody waits for.
    fn until_due(&self) -> Option<Duration> {
        let due_ms = self.groups.values().filter_map(|state| state.due_ms).min()?;
        let left_ms = due_ms.saturating_sub((self.options.now_ms)());
        Some(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)))
    }
}

/// Takes messages for the waiting consumers of a group, and notes when the next retry is due if some go without.
async fn take(
    file: &mut BusFile,
    group: &Arc<GroupId>,
    state: &mut GroupState,
    now_ms: i64,
) -> Result<Vec<(Position, HandedOut)>, sqlx::Error> {
    let wanted = state.waiting.len();
    let mut free = store::heads(
        &mut file.connection,
        group,
        now_ms,
        state.in_flight.len() + wanted,
    )
    .await?;
    free.retain(|position| !state.in_flight.contains(&position.key));
    free.truncate(wanted);
    if free.len() < wanted {
        state.due_ms = store::next_due_ms(&mut file.connection, group, now_ms).await?;
    }
    if free.is_empty() {
        return Ok(Vec::new());
    }
    // Only the count of attempts is written, which may be lost with the power: not worth a wait for the disk.
    file.set_durable(false).await?;
    let taken = count_and_read(file, free).await;
    file.set_durable(true).await?;
    taken
}

async fn count_and_read(
    file: &mut BusFile,
    positions: Vec<Position>,
) -> Result<Vec<(Position, HandedOut)>, sqlx::Error> {
    file.begin().await?;
    let mut taken = Vec::with_capacity(positions.len());
    for position in positions {
        match store::hand_out(&mut file.connection, &position).await {
            Ok(handed_out) => taken.push((position, handed_out)),
            Err(error) => return file.end(Err(error)).await,
        }
    }
    file.end(Ok(taken)).await
}

fn delivery(
    commands: &mpsc::UnboundedSender<Command>,
    position: Position,
    handed_out: HandedOut,
) -> Delivery {
    Delivery {
        id: handed_out.id,
        key: position.key.clone(),
        payload: handed_out.payload,
        attempt: handed_out.attempt,
        receipt: Receipt::Embedded(EmbeddedReceipt::new(commands.clone(), position)),
    }
}

fn failure(error: sqlx::Error) -> BusError {
    let code = error.as_database_error().and_then(|database| database.code());
    if code.as_deref() == Some(SQLITE_FULL) {
        return BusError::Full;
    }
    BusError::Store(Arc::new(error))
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
