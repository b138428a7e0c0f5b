//! What only a bus on Kafka promises: members of a group hand partitions over, foreign messages harm nobody, topics are
//! made and made again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aops_bus::{Bus, BusConfig, BusError, Consumer, KafkaConfig, Message};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::backend::{client, in_time, kafka_config, make_topic, remove_topics, topics};

const TOPIC: &str = "WORK";
const GROUP: &str = "workers";
const DEAD: &str = "WORK.DEAD";

async fn open(config: &KafkaConfig) -> Bus {
    let config = BusConfig::Kafka(config.clone());
    Bus::open(&config, "unused".as_ref(), || 1_000)
        .await
        .expect("opened")
}

async fn subscribe(bus: &Bus) -> Consumer {
    bus.subscribe(TOPIC, GROUP).await.expect("subscribed")
}

async fn publish(bus: &Bus, key: &str, id: &str) {
    bus.publish(TOPIC, key, id, json!({"work": id}))
        .await
        .expect("published");
}

/// Writes past the bus, as a foreign producer would.
fn write_raw(config: &KafkaConfig, key: Option<&str>, value: &[u8]) {
    let producer: BaseProducer = client(config).create().expect("a producer");
    let topic = format!("{}{TOPIC}", config.topic_prefix);
    let mut record = BaseRecord::<str, [u8]>::to(&topic).payload(value).partition(0);
    if let Some(key) = key {
        record = record.key(key);
    }
    producer.send(record).map_err(|(error, _)| error).expect("queued");
    producer.flush(Duration::from_secs(10)).expect("written");
}

/// The id of a message at the beginning of the topic; none while there is no topic.
fn first_id(config: &KafkaConfig) -> Option<String> {
    let name = format!("{}{TOPIC}", config.topic_prefix);
    let mut reading = client(config);
    reading
        .set("group.id", "first")
        .set("enable.partition.eof", "true");
    let reading: BaseConsumer = reading.create().expect("a consumer");
    let mut partitions = TopicPartitionList::new();
    for partition in 0..2 {
        let added = partitions.add_partition_offset(&name, partition, Offset::Beginning);
        added.expect("an offset");
    }
    reading.assign(&partitions).expect("assigned");
    // One partition may be empty, which comes as an error.
    let message = (0..2).find_map(|_| reading.poll(Duration::from_secs(5))?.ok());
    let headers = message?;
    let header = headers.headers()?.iter().find(|header| header.key == "id")?;
    Some(String::from_utf8_lossy(header.value?).into_owned())
}

/// Effects, counted: ids in the order in which they were had, by key.
type Effects = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// A worker with prompt effects, until it is told to stop; it finishes what it has begun.
fn work(consumer: Consumer, effects: Effects, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let delivery = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                delivery = consumer.next() => delivery.expect("delivered"),
            };
            let (key, id) = (delivery.key.clone(), delivery.id.clone());
            effects
                .lock()
                .expect("not poisoned")
                .entry(key)
                .or_default()
                .push(id);
            delivery.acknowledge().await.expect("acknowledged");
        }
    })
}

struct Workers {
    bus: Bus,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Workers {
    async fn start(config: &KafkaConfig, effects: &Effects) -> Self {
        let bus = open(config).await;
        let (stop, told) = watch::channel(false);
        let mut tasks = Vec::new();
        for _ in 0..4 {
            tasks.push(work(subscribe(&bus).await, effects.clone(), told.clone()));
        }
        Self { bus, stop, tasks }
    }

    async fn finish(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await.expect("no panic");
        }
        self.bus.close().await;
    }
}

fn count(effects: &Effects) -> usize {
    effects.lock().expect("not poisoned").values().map(Vec::len).sum()
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_come_and_go_do_nothing_twice() {
    const KEYS: usize = 30;
    const EACH: usize = 60;
    let Some(config) = kafka_config(8) else { return };
    let effects = Effects::default();
    in_time(async {
        let first = Workers::start(&config, &effects).await;
        let publisher = open(&config).await;
        let publishing = tokio::spawn(async move {
            for number in 0..EACH {
                for key in 0..KEYS {
                    publish(&publisher, &format!("k{key}"), &format!("k{key}/{number}")).await;
                }
            }
            publisher.close().await;
        });
        until(|| count(&effects) > 200).await;
        let second = Workers::start(&config, &effects).await;
        until(|| count(&effects) > 600).await;
        let third = Workers::start(&config, &effects).await;
        until(|| count(&effects) > 1_000).await;
        first.finish().await;
        publishing.await.expect("published");
        until(|| count(&effects) >= KEYS * EACH).await;
        assert_eq!(second.bus.lag(TOPIC, GROUP).await.expect("counted"), 0);
        second.finish().await;
        third.finish().await;
    })
    .await;
    let expected: BTreeMap<String, Vec<String>> = (0..KEYS)
        .map(|key| {
            let ids = (0..EACH).map(|number| format!("k{key}/{number}")).collect();
            (format!("k{key}"), ids)
        })
        .collect();
    assert_eq!(
        *effects.lock().expect("not poisoned"),
        expected,
        "each once and in order"
    );
    remove_topics(&config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_share_the_partitions() {
    let Some(config) = kafka_config(4) else { return };
    let (first, second) = (open(&config).await, open(&config).await);
    let (of_first, of_second) = (subscribe(&first).await, subscribe(&second).await);
    in_time(async {
        // Each takes one message of each round and settles it when the other has one, too.
        for round in 0.. {
            let messages: Vec<Message> = (0..16)
                .map(|key| Message {
                    key: key.to_string(),
                    id: format!("{round}/{key}"),
                    payload: Value::Null,
                })
                .collect();
            first.publish_many(TOPIC, messages).await.expect("published");
            let both = tokio::time::timeout(Duration::from_secs(2), async {
                tokio::join!(of_first.next(), of_second.next())
            });
            if let Ok((Ok(_), Ok(_))) = both.await {
                break;
            }
        }
    })
    .await;
    first.close().await;
    second.close().await;
    remove_topics(&config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_that_outlasts_its_partition_is_had_again_and_harms_nobody() {
    let Some(mut config) = kafka_config(1) else { return };
    config.handover_timeout = Duration::ZERO;
    in_time(async {
        let first = open(&config).await;
        let consumer = subscribe(&first).await;
        publish(&first, "a", "a1").await;
        publish(&first, "a", "a2").await;
        let slow = consumer.next().await.expect("delivered");
        first.close().await;
        let second = open(&config).await;
        let again = subscribe(&second).await.next().await.expect("delivered");
        assert_eq!((again.id.as_str(), again.attempt), ("a1", 1));
        assert!(matches!(slow.acknowledge().await, Err(BusError::Closed)));
        assert_eq!(second.lag(TOPIC, GROUP).await.expect("counted"), 2);
        second.close().await;
    })
    .await;
    remove_topics(&config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_messages_are_read_and_poison_is_buried() {
    let Some(config) = kafka_config(1) else { return };
    in_time(async {
        let bus = open(&config).await;
        let consumer = subscribe(&bus).await;
        // The topic is there once something has been published.
        publish(&bus, "a", "a1").await;
        write_raw(&config, Some("a"), b"no json \xff\x00");
        write_raw(&config, None, b"");
        write_raw(&config, None, br#"{"host_list": ["h"], "time_range": [0, 1]}"#);
        publish(&bus, "a", "a2").await;

        let mut arrived = BTreeMap::new();
        for _ in 0..3 {
            let delivery = consumer.next().await.expect("delivered");
            arrived.insert(delivery.id.clone(), delivery.payload.clone());
            delivery.acknowledge().await.expect("acknowledged");
        }
        let topic = format!("{}{TOPIC}", config.topic_prefix);
        let foreign = &arrived[&format!("{topic}/0/3")];
        assert_eq!(foreign["host_list"], json!(["h"]));
        assert!(
            arrived.contains_key("a1") && arrived.contains_key("a2"),
            "{arrived:?}"
        );
        assert_eq!(bus.lag(TOPIC, GROUP).await.expect("counted"), 0);

        let dead = bus.subscribe(DEAD, "people").await.expect("subscribed");
        let mut letters = BTreeMap::new();
        for _ in 0..2 {
            let delivery = dead.next().await.expect("delivered");
            let letter = delivery.payload.clone();
            letters.insert(letter["id"].as_str().expect("an id").to_owned(), letter);
            delivery.acknowledge().await.expect("acknowledged");
        }
        let poison = &letters[&format!("{topic}/0/1")];
        let reason = poison["reason"].as_str().expect("a reason");
        assert!(reason.starts_with("the message is not JSON"), "{reason}");
        assert_eq!(poison["payload"]["base64"], "bm8ganNvbiD/AA==");
        assert_eq!((&poison["key"], &poison["topic"]), (&json!("a"), &json!(TOPIC)));
        let empty = &letters[&format!("{topic}/0/2")];
        assert_eq!(empty["reason"], "the message is empty, not JSON");
        bus.close().await;
    })
    .await;
    remove_topics(&config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_made_with_their_dead_letters_and_partitions() {
    let Some(config) = kafka_config(3) else { return };
    let bus = open(&config).await;
    let _consumer = subscribe(&bus).await;
    publish(&bus, "a", "a1").await;
    in_time(until(|| topics(&config).len() == 2)).await;
    let name = |topic: &str| format!("{}{topic}", config.topic_prefix);
    let made: BTreeSet<_> = topics(&config).into_iter().collect();
    assert_eq!(made, BTreeSet::from([(name(TOPIC), 3), (name(DEAD), 3)]));
    bus.close().await;
    remove_topics(&config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_with_fewer_partitions_works() {
    let Some(config) = kafka_config(8) else { return };
    make_topic(&config, TOPIC, 2).await;
    in_time(async {
        let bus = open(&config).await;
        let consumer = subscribe(&bus).await;
        for key in 0..8 {
            publish(&bus, &key.to_string(), &format!("m{key}")).await;
        }
        for _ in 0..8 {
            let delivery = consumer.next().await.expect("delivered");
            delivery.acknowledge().await.expect("acknowledged");
        }
        assert_eq!(bus.lag(TOPIC, GROUP).await.expect("counted"), 0);
        bus.close().await;
    })
    .await;
    remove_topics(&config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_deleted_is_made_again() {
    let Some(config) = kafka_config(2) else { return };
    in_time(async {
        let bus = open(&config).await;
        let consumer = subscribe(&bus).await;
        publish(&bus, "a", "a1").await;
        consumer
            .next()
            .await
            .expect("delivered")
            .acknowledge()
            .await
            .expect("acknowledged");

        let admin: AdminClient<DefaultClientContext> = client(&config).create().expect("a client");
        let name = format!("{}{TOPIC}", config.topic_prefix);
        let deleted = admin.delete_topics(&[&name], &AdminOptions::new()).await;
        deleted.expect("an answer").remove(0).expect("deleted");

        let mut round = 0;
        let mut expected: BTreeSet<String> = loop {
            round += 1;
            let ids: Vec<String> = (0..20).map(|number| format!("b{round}.{number}")).collect();
            let messages = ids.iter().map(|id| Message {
                key: "a".to_owned(),
                id: id.clone(),
                payload: Value::Null,
            });
            // While Kafka is at it, a publish may fail; it says so. Or it may go into the topic that is about to go.
            match bus.publish_many(TOPIC, messages.collect()).await {
                Ok(()) if first_id(&config).is_some_and(|id| id != "a1") => break ids.into_iter().collect(),
                Ok(()) => {}
                Err(error) => assert!(error.to_string().contains(&config.brokers[0]), "{error}"),
            }
        };
        while !expected.is_empty() {
            let delivery = consumer.next().await.expect("delivered");
            expected.remove(&delivery.id);
            delivery.acknowledge().await.expect("acknowledged");
        }
        bus.close().await;
    })
    .await;
    remove_topics(&config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_too_large_is_refused_before_any_is_sent() {
    let Some(mut config) = kafka_config(1) else { return };
    config.maximum_message_bytes = 10_000;
    let bus = open(&config).await;
    let message = |id: &str, letters: usize| Message {
        key: "a".to_owned(),
        id: id.to_owned(),
        payload: Value::from("x".repeat(letters)),
    };
    let refusal = bus
        .publish_many(TOPIC, vec![message("small", 9_998), message("large", 9_999)])
        .await
        .expect_err("too large");
    assert!(matches!(refusal, BusError::TooLarge { .. }), "{refusal}");
    assert_eq!(bus.lag(TOPIC, GROUP).await.expect("counted"), 0);

    // The largest can be a dead letter, too: what does not fit is cut.
    in_time(async {
        bus.publish_many(TOPIC, vec![message("small", 9_998)])
            .await
            .expect("published");
        let delivery = subscribe(&bus).await.next().await.expect("delivered");
        delivery.dead_letter("no").await.expect("buried");
        let dead = bus.subscribe(DEAD, "people").await.expect("subscribed");
        let letter = dead.next().await.expect("delivered");
        assert_eq!(letter.payload["payload"]["cut_from_bytes"], 10_000);
    })
    .await;
    bus.close().await;
    remove_topics(&config).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_opens_without_a_broker_and_says_what_is_away() {
    // Taken, and not listened at.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = port.local_addr().expect("an address").to_string();
    drop(port);
    let config = KafkaConfig {
        brokers: vec![address.clone()],
        ..KafkaConfig::default()
    };
    in_time(async {
        let bus = open(&config).await;
        let consumer = subscribe(&bus).await;
        let publishing = bus.publish(TOPIC, "a", "a1", Value::Null).await;
        let asking = bus.lag(TOPIC, GROUP).await.map(drop);
        for outcome in [publishing, asking] {
            let error = outcome.expect_err("nobody is there");
            assert!(matches!(error, BusError::Unavailable { .. }), "{error}");
            let text = error.to_string();
            assert!(
                text.contains(&address) && text.contains("Connection refused"),
                "{text}"
            );
        }
        drop(consumer);
        bus.close().await;
    })
    .await;
}
