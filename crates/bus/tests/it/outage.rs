//! What a bus on Kafka keeps when its broker, or a process that consumes, is killed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use aops_bus::{Bus, BusConfig, BusError, Consumer, KafkaConfig};
use aops_test_server::Broker;
use serde_json::{Value, json};

use crate::backend::{in_time, kafka_config, remove_topics};

const TOPIC: &str = "WORK";
const GROUP: &str = "workers";
/// Tells the child process of [`a_killed_process_loses_nothing`] where to work.
const CHILD_CONFIG: &str = "AOPS_BUS_TEST_KAFKA_CONFIG";

async fn open(config: &KafkaConfig) -> Bus {
    let config = BusConfig::Kafka(config.clone());
    Bus::open(&config, "unused".as_ref(), || 1_000)
        .await
        .expect("opened")
}

async fn subscribe(bus: &Bus) -> Consumer {
    bus.subscribe(TOPIC, GROUP).await.expect("subscribed")
}

async fn take(consumer: &Consumer) -> String {
    let delivery = consumer.next().await.expect("delivered");
    let id = delivery.id.clone();
    // Refused while the broker is away: then the message may come again.
    let _ = delivery.acknowledge().await;
    id
}

/// Publishes until it succeeds; how often it failed.
async fn insist(bus: &Bus, id: &str) -> usize {
    let mut failures = 0;
    while let Err(error) = bus.publish(TOPIC, id, id, Value::Null).await {
        assert!(matches!(error, BusError::Unavailable { .. }), "{error}");
        failures += 1;
    }
    failures
}

/// One test of all outages of a broker: starting one takes some seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_goes_and_comes_back_loses_nothing() {
    // The variable says that engines can be had here.
    let Some(config) = kafka_config(2) else { return };
    let broker = Broker::away();
    let config = KafkaConfig {
        brokers: vec![broker.address().to_owned()],
        ..config
    };
    in_time(async {
        // Away at the start.
        let bus = open(&config).await;
        let consumer = subscribe(&bus).await;
        let refusal = bus.publish(TOPIC, "a", "away", Value::Null).await;
        let refusal = refusal.expect_err("away").to_string();
        assert!(refusal.contains(broker.address()), "{refusal}");
        tokio::task::block_in_place(|| broker.start());
        insist(&bus, "m0").await;
        assert_eq!(take(&consumer).await, "m0", "the consumer recovered by itself");

        // Killed in mid-run, with one message held and one that nobody has taken.
        insist(&bus, "m1").await;
        insist(&bus, "m2").await;
        let held = consumer.next().await.expect("delivered");
        broker.kill();
        assert_ne!(insist_meanwhile(&bus, &broker).await, 0, "it was away");
        let mut seen = BTreeSet::from([held.id.clone()]);
        held.acknowledge().await.expect("it is back");
        while seen.len() < 3 {
            seen.insert(take(&consumer).await);
        }
        assert_eq!(seen, ["m1", "m2", "m3"].map(str::to_owned).into());
        while bus.lag(TOPIC, GROUP).await.expect("counted") > 0 {
            take(&consumer).await;
        }
        bus.close().await;
    })
    .await;
}

/// Publishes while the broker is away and starts it then.
async fn insist_meanwhile(bus: &Bus, broker: &Broker) -> usize {
    let refusal = bus.publish(TOPIC, "m3", "m3", Value::Null).await;
    assert!(
        matches!(refusal, Err(BusError::Unavailable { .. })),
        "{refusal:?}"
    );
    tokio::task::block_in_place(|| broker.start());
    1 + insist(bus, "m3").await
}

/// Not a test of its own: the process that the next test kills. It works on without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_is_killed() {
    let Ok(config) = std::env::var(CHILD_CONFIG) else {
        return;
    };
    let bus = open(&serde_json::from_str(&config).expect("a config")).await;
    let consumer = subscribe(&bus).await;
    for number in 0.. {
        let delivery = consumer.next().await.expect("delivered");
        let id = delivery.id.clone();
        if number % 5 == 0 {
            delivery
                .retry_later(Duration::from_secs(3_600))
                .await
                .expect("put back");
            continue;
        }
        println!("\nacknowledging {id}");
        delivery.acknowledge().await.expect("acknowledged");
        println!("\nacknowledged {id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_nothing() {
    let Some(config) = kafka_config(2) else { return };
    let bus = open(&config).await;
    let ids: BTreeSet<String> = (0..200).map(|number| format!("m{number}")).collect();
    for id in &ids {
        let key = &id[id.len() - 1..];
        let payload = json!({ "id": id });
        bus.publish(TOPIC, key, id, payload).await.expect("published");
    }
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "outage::child_that_is_killed", "--nocapture"])
        .env(CHILD_CONFIG, serde_json::to_string(&config).expect("written"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let (mut acknowledging, mut acknowledged) = (BTreeSet::new(), BTreeSet::new());
    for line in BufReader::new(child.stdout.take().expect("piped")).lines() {
        let line = line.expect("a line");
        match line.split_once(' ') {
            Some(("acknowledging", id)) => acknowledging.insert(id.to_owned()),
            Some(("acknowledged", id)) => acknowledged.insert(id.to_owned()),
            _ => continue,
        };
        // What it has said until it is gone counts, too.
        if acknowledged.len() == 15 {
            child.kill().expect("killed");
        }
    }
    child.wait().expect("gone");
    assert!(acknowledged.len() >= 15, "the child ended by itself");

    // Its partitions are ours when its session has timed out.
    let rest = in_time(async {
        let consumer = subscribe(&bus).await;
        let mut rest = BTreeSet::new();
        while bus.lag(TOPIC, GROUP).await.expect("counted") > 0 {
            rest.insert(take(&consumer).await);
        }
        rest
    })
    .await;
    assert!(rest.is_disjoint(&acknowledged), "acknowledged and back");
    let all: BTreeSet<_> = rest.union(&acknowledging).cloned().collect();
    assert_eq!(all, ids);
    bus.close().await;
    remove_topics(&config).await;
}
