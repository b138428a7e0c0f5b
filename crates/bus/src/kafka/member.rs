//! A member of a consumer group: the thread that polls librdkafka, knows what is read ([`Partition`]), hands it out and
//! commits ([`Commits`]). It never waits for an effect, so it polls in time however long effects take.
//!
//! One turn: take the commands that have come, take what librdkafka has, hand out, commit, pause and resume. Between
//! turns it sleeps until a command comes (librdkafka sends one, too) or something is due.

mod partitions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;

use super::assignment::{Arrival, Partition};
use super::commits::{Commits, Committer, Reply};
use super::config::{self, KafkaConfig};
use super::consumer::{HandedOut, Member, Ticket};
use super::health::Health;
pub(super) use super::rebalance::Context;
use super::rebalance::{self, Event};
use super::topics::{self, Topics};
use super::wire::Arrived;
use crate::error::BusError;

/// The longest sleep: a net under the wake-ups of librdkafka.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);
/// So many messages are taken in a turn, so that commands do not wait long.
const MESSAGES_PER_TURN: usize = 1_000;
/// How long a member that leaves waits for its last commit.
const LAST_COMMIT: Duration = Duration::from_secs(2);

type HandOver = oneshot::Sender<Result<HandedOut, BusError>>;

/// What handles ask of a member.
pub(super) enum Command {
    /// The topic is there: join the group.
    Join,
    Next(HandOver),
    Settle {
        ticket: Ticket,
        outcome: Outcome,
        reply: Reply,
    },
    Release(Ticket),
    /// librdkafka has something.
    Wake,
    /// A commit has had its answer.
    Committed(KafkaResult<()>),
    Close(Option<oneshot::Sender<()>>),
}

/// What became of a delivery.
pub(super) enum Outcome {
    Done,
    RetryAfter(Duration),
}

/// What a member is made of.
pub(super) struct Setup {
    pub(super) config: Arc<KafkaConfig>,
    /// Names in the cluster.
    pub(super) topic: String,
    pub(super) group: String,
    pub(super) health: Arc<Health>,
    pub(super) topics: Arc<Topics>,
    pub(super) has_ended: Arc<AtomicBool>,
}

/// A partition that is ours.
struct Assigned {
    partition: Partition<Arc<Arrived>>,
    epoch: u64,
    is_paused: bool,
}

/// Partitions that are to go to others, when what is held of them is settled or has had its time.
struct Leaving {
    list: TopicPartitionList,
    partitions: BTreeSet<i32>,
    until: Instant,
    is_lost: bool,
}

/// See the module.
pub(super) struct MemberThread {
    setup: Setup,
    consumer: Arc<BaseConsumer<Context>>,
    committer: Committer,
    received: mpsc::Receiver<Command>,
    /// For receipts; gone with the last handle.
    member: Weak<Member>,
    start: Instant,
    has_joined: bool,
    assigned: BTreeMap<i32, Assigned>,
    /// Taken from us without notice, as after a commit that met a rebalance: usually they are ours again at once.
    lost: BTreeMap<i32, Assigned>,
    /// The topic was not there when last heard of: nothing that was read of it is to be read on.
    is_topic_gone: bool,
    epoch: u64,
    leaving: Option<Leaving>,
    commits: Commits,
    waiting: VecDeque<HandOver>,
    /// The partition that was served last, so that all have their turn.
    served: i32,
    /// What was complained of last, to say it once.
    complaint: Option<RDKafkaErrorCode>,
}

impl MemberThread {
    pub(super) fn new(
        setup: Setup,
        commands: mpsc::Sender<Command>,
        received: mpsc::Receiver<Command>,
        member: Weak<Member>,
    ) -> Result<Self, BusError> {
        let mut client = setup.config.client()?;
        let maximum_bytes = setup.config.maximum_message_bytes;
        client
            .set("group.id", &setup.group)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            .set(
                "session.timeout.ms",
                setup.config.session_timeout.as_millis().to_string(),
            )
            .set(
                "heartbeat.interval.ms",
                (setup.config.session_timeout / 4).as_millis().to_string(),
            )
            .set("fetch.wait.max.ms", "100")
            .set("fetch.queue.backoff.ms", "20")
            .set("queued.min.messages", "1000")
            .set("queued.max.messages.kbytes", "16384")
            .set("fetch.message.max.bytes", maximum_bytes.to_string())
            // Finds a topic that was made, or made again.
            .set("topic.metadata.refresh.interval.ms", "3000");
        let mut consumer: BaseConsumer<Context> = client
            .create_with_context(Context::new(setup.health.clone()))
            .map_err(config::refused)?;
        let waking = commands.clone();
        consumer.set_nonempty_callback(move || {
            // An error means that the member has ended.
            let _ = waking.send(Command::Wake);
        });
        let consumer = Arc::new(consumer);
        let committer = Committer::start(consumer.clone(), move |outcome| {
            // As above.
            let _ = commands.send(Command::Committed(outcome));
        })?;
        let commits = Commits::new(setup.topic.clone());
        Ok(Self {
            setup,
            consumer,
            committer,
            received,
            member,
            start: Instant::now(),
            has_joined: false,
            assigned: BTreeMap::new(),
            lost: BTreeMap::new(),
            is_topic_gone: false,
            epoch: 0,
            leaving: None,
            commits,
            waiting: VecDeque::new(),
            served: -1,
            complaint: None,
        })
    }

    /// Runs until it is closed, or librdkafka gives up.
    pub(super) fn run(mut self) {
        let mut sleep = Duration::ZERO;
        let closed = loop {
            let first = match self.received.recv_timeout(sleep) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break None,
            };
            if let Some(closed) = self.obey(first) {
                break closed;
            }
            let has_more = match self.poll() {
                Ok(has_more) => has_more,
                Err(error) => {
                    self.give_up(&error);
                    break None;
                }
            };
            self.look_after();
            sleep = if has_more {
                Duration::ZERO
            } else {
                self.until_due()
            };
        };
        self.end();
        if let Some(closed) = closed {
            // Whoever closed may have gone meanwhile.
            let _ = closed.send(());
        }
    }

    /// Does what is asked; returns whom to tell when the member is to be closed.
    fn obey(&mut self, first: Option<Command>) -> Option<Option<oneshot::Sender<()>>> {
        let mut next = first;
        while let Some(command) = next {
            match command {
                Command::Join => self.join(),
                Command::Next(hand_over) => self.waiting.push_back(hand_over),
                Command::Settle {
                    ticket,
                    outcome,
                    reply,
                } => self.settle(ticket, outcome, reply),
                Command::Release(ticket) => {
                    if let Some(assigned) = self.of(ticket) {
                        assigned.partition.release(ticket.offset);
                    }
                }
                Command::Wake => {}
                Command::Committed(outcome) => self.committed(outcome),
                Command::Close(closed) => return Some(closed),
            }
            next = self.received.try_recv().ok();
        }
        None
    }

    fn join(&mut self) {
        if self.has_joined {
            return;
        }
        match self.consumer.subscribe(&[self.setup.topic.as_str()]) {
            Ok(()) => self.has_joined = true,
            Err(error) => tracing::error!(topic = self.setup.topic, %error, "cannot subscribe"),
        }
    }

    /// The partition of a ticket, if it is still ours or may be ours again.
    fn of(&mut self, ticket: Ticket) -> Option<&mut Assigned> {
        let number = &ticket.partition;
        let assigned = self.assigned.get_mut(number);
        assigned
            .or(self.lost.get_mut(number))
            .filter(|assigned| assigned.epoch == ticket.epoch)
    }

    fn settle(&mut self, ticket: Ticket, outcome: Outcome, reply: Reply) {
        let now_ms = self.now_ms();
        let Some(assigned) = self.of(ticket) else {
            tracing::debug!(
                topic = self.setup.topic,
                partition = ticket.partition,
                offset = ticket.offset,
                "settled too late: the partition is another consumer's, who does it again"
            );
            let _ = reply.send(Ok(()));
            return;
        };
        match outcome {
            Outcome::Done => {
                assigned.partition.settle(ticket.offset);
                self.commits.mark_and_wait(ticket.partition, reply);
            }
            Outcome::RetryAfter(delay) => {
                let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
                assigned
                    .partition
                    .retry_at(ticket.offset, now_ms.saturating_add(delay_ms));
                let _ = reply.send(Ok(()));
            }
        }
    }

    /// Takes what librdkafka has; whether there may be more.
    fn poll(&mut self) -> Result<bool, KafkaError> {
        for _ in 0..MESSAGES_PER_TURN {
            let polled = self.consumer.poll(Duration::ZERO).map(|outcome| {
                outcome.map(|message| {
                    (
                        message.partition(),
                        message.offset(),
                        Arc::new(Arrived::new(&message)),
                    )
                })
            });
            let is_nothing = polled.is_none();
            match polled {
                Some(Ok((partition, offset, arrived))) => self.receive(partition, offset, arrived),
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
                Some(Err(error)) => self.complain(&error),
                None => {}
            }
            // Something else than a message may have been taken.
            let was_stirred = self.consumer.context().take_stirred();
            for event in self.consumer.context().take_events() {
                self.react(event);
            }
            if is_nothing && !was_stirred {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn receive(&mut self, number: i32, offset: i64, arrived: Arc<Arrived>) {
        self.setup.health.answered();
        self.complaint = None;
        let Some(assigned) = self.assigned.get_mut(&number) else {
            return;
        };
        let (key, id) = (arrived.key.clone(), arrived.id.clone());
        match assigned.partition.receive(offset, key, id, arrived) {
            Arrival::Queued => {}
            Arrival::AlreadySettled | Arrival::Repeated => self.commits.mark(number),
            Arrival::LogBeganAnew => {
                self.epoch += 1;
                assigned.epoch = self.epoch;
                tracing::warn!(
                    topic = self.setup.topic,
                    partition = number,
                    offset,
                    "the topic was made anew: it is read from its beginning"
                );
            }
        }
    }

    fn complain(&mut self, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        if topics::is_missing(error) {
            self.is_topic_gone = true;
            self.lost.clear();
            self.setup.topics.restore_in_background(&self.setup.topic);
        } else if self.complaint != code && rebalance::is_worth_telling(code) {
            tracing::error!(
                topic = self.setup.topic,
                group = self.setup.group,
                %error,
                "Kafka does not let this consumer read; trying again"
            );
        }
        self.complaint = code;
    }

    fn react(&mut self, event: Event) {
        match event {
            Event::Assigned(list) => self.take_over(list),
            Event::Revoked { list, is_lost } => self.begin_to_leave(list, is_lost),
        }
    }

    /// What is to be done in each turn.
    fn look_after(&mut self) {
        let now_ms = self.now_ms();
        for assigned in self.assigned.values_mut() {
            assigned.partition.wake(now_ms);
        }
        self.hand_out();
        self.commit();
        self.commits.expire(&self.setup.health);
        self.leave();
        self.pause_and_resume();
    }

    fn committed(&mut self, outcome: KafkaResult<()>) {
        if outcome.is_ok() {
            self.setup.health.answered();
        }
        for (number, offset) in self.commits.arrived(outcome) {
            let assigned = self.assigned.get_mut(&number);
            if let Some(assigned) = assigned.or(self.lost.get_mut(&number)) {
                assigned.partition.committed(offset);
            }
        }
    }

    fn commit(&mut self) {
        let assigned = &self.assigned;
        self.commits.send(&self.committer, |number| {
            assigned.get(&number)?.partition.progress()
        });
    }

    /// How long nothing is due.
    fn until_due(&self) -> Duration {
        let due_ms = self
            .assigned
            .values()
            .filter_map(|assigned| assigned.partition.next_due_ms())
            .min();
        let Some(due_ms) = due_ms else {
            return LONGEST_SLEEP;
        };
        let left_ms = u64::try_from(due_ms - self.now_ms()).unwrap_or(0);
        Duration::from_millis(left_ms).min(LONGEST_SLEEP)
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn give_up(&mut self, error: &KafkaError) {
        tracing::error!(topic = self.setup.topic, group = self.setup.group, %error, "the consumer ends");
        self.setup.has_ended.store(true, Ordering::Release);
        let error = self.setup.health.failed("reading", error);
        for hand_over in self.waiting.drain(..) {
            let _ = hand_over.send(Err(error.clone()));
        }
    }

    /// Commits what is settled and leaves the group.
    fn end(mut self) {
        self.setup.has_ended.store(true, Ordering::Release);
        self.waiting.clear();
        let until = Instant::now() + LAST_COMMIT;
        let ours: BTreeSet<i32> = self.assigned.keys().copied().collect();
        self.commit();
        while self.commits.is_behind(&ours) && Instant::now() < until {
            // What else is asked is answered by the channel's end.
            if let Ok(Command::Committed(outcome)) = self.received.recv_timeout(LONGEST_SLEEP) {
                self.committed(outcome);
            }
            self.commit();
        }
        self.committer.end(self.commits.is_under_way());
        let context = self.consumer.context();
        context.begin_to_close();
        // librdkafka waits for an answer to what it has asked.
        for event in context.take_events() {
            match event {
                Event::Assigned(list) => rebalance::assign(&self.consumer, &list),
                Event::Revoked { list, .. } => rebalance::unassign(&self.consumer, &list),
            }
        }
        if let Some(leaving) = self.leaving.take() {
            rebalance::unassign(&self.consumer, &leaving.list);
        }
        // Dropping it leaves the group.
        drop(self.consumer);
    }
}
