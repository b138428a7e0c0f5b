//! Messages a second, published and consumed, on the embedded bus and on Kafka (`AOPS_TEST_KAFKA` says where).
//!
//! Not Criterion: what is measured is a run of thousands of messages through servers, not a function. A message is like
//! the one that asks for a window to be checked: 1 kB of JSON, keyed by one of 64 shards.

use std::time::{Duration, Instant};

use aops_bus::{Bus, BusConfig, KafkaConfig, Message};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use serde_json::{Value, json};

const TOPIC: &str = "BENCH";
const GROUP: &str = "bench";
const SHARDS: usize = 64;
/// As a pass of the scheduler publishes them: one for each shard.
const BATCHES: usize = 300;
const SINGLES: usize = 500;
/// Consumers at once, and one alone.
const PARALLEL: [usize; 2] = [64, 1];

#[tokio::main]
async fn main() {
    let filter = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let is_wanted = |name: &str| filter.as_deref().is_none_or(|filter| name.contains(filter));
    if is_wanted("bus embedded") {
        measure("embedded", &BusConfig::default()).await;
    }
    if !is_wanted("bus kafka") {
        return;
    }
    let Ok(broker) = std::env::var("AOPS_TEST_KAFKA") else {
        println!("bus kafka: skipped, AOPS_TEST_KAFKA is not set");
        return;
    };
    let config = KafkaConfig {
        brokers: vec![broker],
        topic_prefix: format!("aops_bench_{}.", std::process::id()),
        ..KafkaConfig::default()
    };
    measure("kafka", &BusConfig::Kafka(config.clone())).await;
    remove_topics(&config).await;
}

async fn measure(engine: &str, config: &BusConfig) {
    let folder = tempfile::tempdir().expect("a folder");
    let bus = Bus::open(config, &folder.path().join("bus.db"), || 0)
        .await
        .expect("opened");
    // Makes the topic and joins the group.
    let consumer = bus.subscribe(TOPIC, GROUP).await.expect("subscribed");
    bus.publish_many(TOPIC, batch(0)).await.expect("published");
    for _ in 0..SHARDS {
        let delivery = consumer.next().await.expect("delivered");
        delivery.acknowledge().await.expect("acknowledged");
    }
    drop(consumer);

    let mut number = 1;
    let start = Instant::now();
    for _ in 0..BATCHES {
        bus.publish_many(TOPIC, batch(number)).await.expect("published");
        number += 1;
    }
    report(
        engine,
        "published, 64 at a time",
        BATCHES * SHARDS,
        start.elapsed(),
    );
    consume(engine, &bus, PARALLEL[0], BATCHES * SHARDS).await;

    let start = Instant::now();
    for _ in 0..SINGLES {
        let one = batch(number).swap_remove(0);
        bus.publish_many(TOPIC, vec![one]).await.expect("published");
        number += 1;
    }
    report(engine, "published, one at a time", SINGLES, start.elapsed());
    consume(engine, &bus, PARALLEL[1], SINGLES).await;

    let start = Instant::now();
    const ASKED: usize = 200;
    for _ in 0..ASKED {
        bus.lag(TOPIC, GROUP).await.expect("counted");
    }
    report(engine, "lag asked", ASKED, start.elapsed());
    bus.close().await;
}

/// Consumes and acknowledges so many messages.
async fn consume(engine: &str, bus: &Bus, parallel: usize, messages: usize) {
    let (seen, mut arrived) = tokio::sync::mpsc::unbounded_channel();
    let start = Instant::now();
    let mut consumers = Vec::new();
    for _ in 0..parallel {
        let consumer = bus.subscribe(TOPIC, GROUP).await.expect("subscribed");
        let seen = seen.clone();
        consumers.push(tokio::spawn(async move {
            loop {
                let delivery = consumer.next().await.expect("delivered");
                delivery.acknowledge().await.expect("acknowledged");
                seen.send(()).expect("counted");
            }
        }));
    }
    for _ in 0..messages {
        arrived.recv().await.expect("arrives");
    }
    let what = format!("consumed, {parallel} at once");
    report(engine, &what, messages, start.elapsed());
    consumers.iter().for_each(|consumer| consumer.abort());
}

fn batch(number: usize) -> Vec<Message> {
    let hosts: Vec<String> = (0..24).map(|host| format!("{host:032x}")).collect();
    (0..SHARDS)
        .map(|shard| Message {
            key: shard.to_string(),
            id: format!("forward/{shard}/{number}"),
            payload: payload(shard, &hosts),
        })
        .collect()
}

fn payload(shard: usize, hosts: &[String]) -> Value {
    json!({"version": 1, "shard": shard, "host_list": hosts, "time_range": [0, 60_000], "rules_revision": 1})
}

fn report(engine: &str, what: &str, messages: usize, time: Duration) {
    let a_second = messages as f64 / time.as_secs_f64();
    println!("bus {engine}: {messages} {what}: {a_second:.0}/s");
}

async fn remove_topics(config: &KafkaConfig) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", config.brokers.join(","))
        .create()
        .expect("a client");
    let names = [TOPIC, "BENCH.DEAD"].map(|topic| format!("{}{topic}", config.topic_prefix));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    admin
        .delete_topics(&names, &AdminOptions::new())
        .await
        .expect("an answer");
}
