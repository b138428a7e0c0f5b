//! Buses for tests: a file, and topics of their own on a Kafka server.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aops_bus::{Bus, BusConfig, BusError, EmbeddedConfig, KafkaConfig};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::types::RDKafkaErrorCode;

/// Where the server is; without it, tests on Kafka are skipped.
const SERVER: &str = "AOPS_TEST_KAFKA";
const PATIENCE: Duration = Duration::from_secs(10);

/// A storage of one test; every bus that it opens is over the same.
pub(crate) struct Backend {
    config: BusConfig,
    folder: tempfile::TempDir,
    start: Instant,
}

impl Backend {
    pub(crate) fn embedded() -> Self {
        Self::new(BusConfig::Embedded(EmbeddedConfig::default()))
    }

    /// `None` when no server is given.
    pub(crate) fn kafka(partitions: u32) -> Option<Self> {
        let config = kafka_config(partitions)?;
        Some(Self::new(BusConfig::Kafka(config)))
    }

    pub(crate) fn new(config: BusConfig) -> Self {
        Self {
            config,
            folder: tempfile::tempdir().expect("a folder"),
            start: Instant::now(),
        }
    }

    pub(crate) async fn open(&self) -> Bus {
        self.try_open().await.expect("opened")
    }

    pub(crate) async fn try_open(&self) -> Result<Bus, BusError> {
        let start = self.start;
        let now_ms = move || 1_700_000_000_000 + start.elapsed().as_millis() as i64;
        Bus::open(&self.config, &self.folder.path().join("bus.db"), now_ms).await
    }

    /// Whether a queued id that is published again never becomes a second message.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self.config, BusConfig::Embedded(_))
    }

    /// Takes the topics away. Only after a test that went well: one that failed leaves them for a look.
    pub(crate) async fn remove(self) {
        if let BusConfig::Kafka(config) = &self.config {
            remove_topics(config).await;
        }
    }
}

/// Topics of its own on the server; `None` when no server is given.
pub(crate) fn kafka_config(partitions: u32) -> Option<KafkaConfig> {
    let Ok(server) = std::env::var(SERVER) else {
        eprintln!("skipped: {SERVER} is not set");
        return None;
    };
    Some(KafkaConfig {
        brokers: vec![server],
        partitions,
        topic_prefix: unique_prefix(),
        session_timeout: Duration::from_secs(6),
        ..KafkaConfig::default()
    })
}

/// A prefix that no other test has, of this run or of an earlier one.
fn unique_prefix() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let folder = tempfile::tempdir().expect("a name that is free");
    let name = folder.path().file_name().expect("a name").to_string_lossy();
    let random: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("aops_test_{}_{random}_{count}.", std::process::id())
}

pub(crate) fn client(config: &KafkaConfig) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", config.brokers.join(","));
    client
}

fn admin(config: &KafkaConfig) -> AdminClient<DefaultClientContext> {
    client(config).create().expect("a client")
}

/// The topics of a test, by their names in the cluster, and their partitions.
pub(crate) fn topics(config: &KafkaConfig) -> Vec<(String, usize)> {
    let asking: BaseConsumer = client(config).create().expect("a client");
    let metadata = asking.fetch_metadata(None, PATIENCE).expect("an answer");
    let ours = metadata
        .topics()
        .iter()
        .filter(|topic| topic.name().starts_with(&config.topic_prefix));
    ours.map(|topic| (topic.name().to_owned(), topic.partitions().len()))
        .collect()
}

pub(crate) async fn remove_topics(config: &KafkaConfig) {
    let names: HashSet<String> = topics(config).into_iter().map(|(name, _)| name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if names.is_empty() {
        return;
    }
    let removed = admin(config).delete_topics(&names, &AdminOptions::new()).await;
    for outcome in removed.expect("an answer") {
        match outcome {
            // Deleted a moment ago, and listed by a broker that has not heard of it.
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((topic, code)) => panic!("{topic} stays: {code}"),
        }
    }
}

pub(crate) async fn make_topic(config: &KafkaConfig, topic: &str, partitions: i32) {
    let name = format!("{}{topic}", config.topic_prefix);
    let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
    let made = admin(config).create_topics([&topic], &AdminOptions::new()).await;
    made.expect("an answer").remove(0).expect("made");
}

/// Runs each test on each engine; on Kafka with partitions that keys share, and with one that all share.
macro_rules! on_every_engine {
    ($($test:ident)*) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                crate::backend::in_time(super::$test(&crate::backend::Backend::embedded())).await;
            })*
        }
        mod kafka {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(backend) = crate::backend::Backend::kafka(3) {
                    crate::backend::in_time(super::$test(&backend)).await;
                    backend.remove().await;
                }
            })*
        }
        mod kafka_one_partition {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                if let Some(backend) = crate::backend::Backend::kafka(1) {
                    crate::backend::in_time(super::$test(&backend)).await;
                    backend.remove().await;
                }
            })*
        }
    };
}
pub(crate) use on_every_engine;

/// A test that waits for ever fails.
pub(crate) async fn in_time<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), test)
        .await
        .expect("what the test waits for does not come")
}
