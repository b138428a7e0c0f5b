//! The bus on Apache Kafka.
//!
//! | module | what it does |
//! |---|---|
//! | [`mod@config`] | settings, checked and handed on to librdkafka |
//! | [`health`] | whether brokers can be reached; said once when that changes |
//! | [`topics`] | makes topics that are missing |
//! | [`producer`], [`partitioner`] | publishing; which partition a key has |
//! | [`wire`] | a message as others see it |
//! | [`consumer`] | handles and receipts |
//! | [`member`] | the thread of a member of a group: polls, hands out, commits |
//! | [`rebalance`] | what librdkafka tells that thread |
//! | [`assignment`], [`settled`] | what is settled of a partition, and how a commit says it |
//! | [`commits`] | one commit at a time, and who waits for it |
//! | [`mod@lag`] | how far a group is behind |
//!
//! One process is one member of a group, however many consumers it has: they share what the member reads, so that a slow
//! effect holds back its key and nothing else.

mod assignment;
mod commits;
mod config;
mod consumer;
mod health;
mod lag;
mod member;
mod partitioner;
mod producer;
mod rebalance;
mod settled;
mod topics;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread;

use crate::error::BusError;
use crate::{DEAD_LETTER_SUFFIX, Message, NowMs};

pub use config::{KafkaConfig, SecurityProtocol};
pub(crate) use consumer::KafkaConsumer;
pub(crate) use consumer::KafkaReceipt;
use consumer::Member;
use health::Health;
use lag::Lags;
use member::{Command, MemberThread, Setup};
use producer::Producer;
use topics::Topics;

/// A handle of a bus on Kafka.
#[derive(Clone)]
pub struct Kafka {
    shared: Arc<Shared>,
}

struct Shared {
    config: Arc<KafkaConfig>,
    now_ms: NowMs,
    health: Arc<Health>,
    topics: Arc<Topics>,
    producer: Arc<Producer>,
    lags: Lags,
    /// By topic and group. Weak: a member leaves with its last consumer.
    members: Mutex<HashMap<(String, String), Weak<Member>>>,
    is_closed: AtomicBool,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Kafka")
            .field("brokers", &self.shared.config.brokers)
            .finish_non_exhaustive()
    }
}

impl Kafka {
    /// Opens a bus. It waits for no broker; settings that make no sense are refused.
    pub(crate) fn open(config: KafkaConfig, now_ms: NowMs) -> Result<Self, BusError> {
        config.check()?;
        let config = Arc::new(config);
        let health = Health::new(config.broker_list());
        let topics = Topics::new(config.clone(), health.clone())?;
        let producer = Arc::new(Producer::new(&config, health.clone(), topics.clone())?);
        let lags = Lags::new(config.clone(), health.clone(), topics.clone());
        let shared = Shared {
            config,
            now_ms,
            health,
            topics,
            producer,
            lags,
            members: Mutex::default(),
            is_closed: AtomicBool::new(false),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    pub(crate) async fn publish(&self, topic: &str, messages: Vec<Message>) -> Result<(), BusError> {
        self.check_open()?;
        if messages.is_empty() {
            return Ok(());
        }
        let topic = self.shared.config.name(topic);
        self.shared.producer.publish(&topic, &messages).await
    }

    /// Joins the group when the topic is there, which is seen to in the background if brokers are away now.
    pub(crate) async fn subscribe(&self, topic: &str, group: &str) -> Result<KafkaConsumer, BusError> {
        self.check_open()?;
        let (member, is_new) = self.member(topic, group)?;
        if is_new {
            let name = self.shared.config.name(topic);
            if !topic.ends_with(DEAD_LETTER_SUFFIX) {
                let dead_letters = member.dead_letter_topic.clone();
                self.shared.topics.restore_in_background(&dead_letters);
            }
            let commands = member.commands.clone();
            let join = move || {
                // An error means that the member has left already.
                let _ = commands.send(Command::Join);
            };
            match self.shared.topics.ensure(&name).await {
                Ok(()) => join(),
                Err(error @ (BusError::TopicName { .. } | BusError::Config { .. })) => return Err(error),
                Err(error) => {
                    tracing::debug!(topic, group, %error, "joining the group later");
                    self.shared.topics.when_there(&name, join);
                }
            }
        }
        Ok(KafkaConsumer { member })
    }

    pub(crate) async fn lag(&self, topic: &str, group: &str) -> Result<u64, BusError> {
        self.check_open()?;
        let config = &self.shared.config;
        self.shared
            .lags
            .lag(&config.name(topic), &config.name(group))
            .await
    }

    pub(crate) async fn ping(&self) -> Result<(), BusError> {
        self.check_open()?;
        self.shared.topics.ping().await
    }

    pub(crate) fn place(&self) -> String {
        format!("Kafka at {}", self.shared.config.broker_list())
    }

    pub(crate) async fn close(&self) {
        self.shared.is_closed.store(true, Ordering::Release);
        let members: Vec<_> = self.lock_members().drain().collect();
        for member in members.into_iter().filter_map(|(_, member)| member.upgrade()) {
            member.close().await;
        }
        let shared = self.shared.clone();
        let let_go = tokio::task::spawn_blocking(move || {
            shared.producer.close();
            shared.lags.close();
        });
        if let Err(error) = let_go.await {
            tracing::warn!(%error, "closing the message bus");
        }
    }

    /// What this process is in the group, and whether it has only now become it.
    fn member(&self, topic: &str, group: &str) -> Result<(Arc<Member>, bool), BusError> {
        let mut members = self.lock_members();
        let place = (topic.to_owned(), group.to_owned());
        let present = members.get(&place).and_then(Weak::upgrade);
        if let Some(member) = present.filter(|member| !member.has_ended()) {
            return Ok((member, false));
        }
        let member = self.start_member(topic, group)?;
        members.insert(place, Arc::downgrade(&member));
        Ok((member, true))
    }

    fn start_member(&self, topic: &str, group: &str) -> Result<Arc<Member>, BusError> {
        let shared = &self.shared;
        let (commands, received) = mpsc::channel();
        let has_ended = Arc::new(AtomicBool::new(false));
        let setup = Setup {
            config: shared.config.clone(),
            topic: shared.config.name(topic),
            group: shared.config.name(group),
            health: shared.health.clone(),
            topics: shared.topics.clone(),
            has_ended: has_ended.clone(),
        };
        let member = Arc::new(Member {
            commands: commands.clone(),
            topic: topic.to_owned(),
            group: group.to_owned(),
            dead_letter_topic: shared.config.name(&format!("{topic}{DEAD_LETTER_SUFFIX}")),
            producer: shared.producer.clone(),
            now_ms: shared.now_ms.clone(),
            maximum_bytes: shared.config.maximum_message_bytes as usize,
            has_ended,
        });
        let polling = MemberThread::new(setup, commands, received, Arc::downgrade(&member))?;
        thread::Builder::new()
            .name(format!("bus {topic}"))
            .spawn(move || polling.run())
            .map_err(|error| BusError::Thread(Arc::new(error)))?;
        Ok(member)
    }

    fn check_open(&self) -> Result<(), BusError> {
        if self.shared.is_closed.load(Ordering::Acquire) {
            return Err(BusError::Closed);
        }
        Ok(())
    }

    fn lock_members(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Weak<Member>>> {
        self.shared.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
