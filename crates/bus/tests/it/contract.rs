//! The contract of the message bus, as every engine must keep it. The suite knows `Bus` only; engines are in `backend`.

use std::collections::BTreeSet;
use std::time::Duration;

use aops_bus::{Bus, BusError, Consumer, Delivery, Message};
use serde_json::{Value, json};

use crate::backend::{Backend, on_every_engine};

const TOPIC: &str = "WORK";
const GROUP: &str = "workers";

async fn publish(bus: &Bus, key: &str, id: &str) {
    bus.publish(TOPIC, key, id, json!({"work": id}))
        .await
        .expect("published");
}

async fn subscribe(bus: &Bus) -> Consumer {
    bus.subscribe(TOPIC, GROUP).await.expect("subscribed")
}

async fn next(consumer: &Consumer) -> Delivery {
    consumer.next().await.expect("delivered")
}

async fn next_acknowledged(consumer: &Consumer) -> String {
    let delivery = next(consumer).await;
    let id = delivery.id.clone();
    delivery.acknowledge().await.expect("acknowledged");
    id
}

async fn lag(bus: &Bus) -> u64 {
    bus.lag(TOPIC, GROUP).await.expect("counted")
}

/// The next messages, by id: keys come in any order.
async fn next_of_each<const COUNT: usize>(consumer: &Consumer, ids: [&str; COUNT]) -> [Delivery; COUNT] {
    let mut arrived = Vec::new();
    for _ in ids {
        arrived.push(next(consumer).await);
    }
    ids.map(|id| {
        let place = arrived.iter().position(|delivery| delivery.id == id);
        arrived.remove(place.unwrap_or_else(|| panic!("{id} is not in {arrived:?}")))
    })
}

async fn what_is_published_arrives_as_it_was(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    let payload = json!({"b": [1, 2.5, "ä", null], "a": {"deep": true}, "big": 9_007_199_254_740_993_i64});
    bus.publish(TOPIC, "key", "id", payload.clone())
        .await
        .expect("published");
    let delivery = next(&consumer).await;
    assert_eq!((delivery.key.as_str(), delivery.id.as_str()), ("key", "id"));
    assert_eq!(delivery.payload, payload);
    assert_eq!(delivery.attempt, 1);
}

async fn order_is_kept_per_key_and_keys_go_in_parallel(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    for id in ["a1", "a2", "b1", "a3", "b2"] {
        publish(&bus, &id[..1], id).await;
    }
    let [a1, b1] = next_of_each(&consumer, ["a1", "b1"]).await;
    // a2 and b2 wait for those in flight: the next to come is of a third key.
    publish(&bus, "c", "c1").await;
    let c1 = next(&consumer).await;
    assert_eq!(c1.id, "c1");

    a1.acknowledge().await.expect("acknowledged");
    assert_eq!(next_acknowledged(&consumer).await, "a2");
    assert_eq!(next_acknowledged(&consumer).await, "a3");
    b1.acknowledge().await.expect("acknowledged");
    assert_eq!(next_acknowledged(&consumer).await, "b2");
    c1.acknowledge().await.expect("acknowledged");
    assert_eq!(lag(&bus).await, 0);
}

async fn a_waiting_consumer_is_woken(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    let waiting = tokio::spawn(async move { next_acknowledged(&consumer).await });
    tokio::task::yield_now().await;
    publish(&bus, "a", "a1").await;
    assert_eq!(waiting.await.expect("woken"), "a1");
}

async fn a_dropped_delivery_comes_again_before_later_ones(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    publish(&bus, "a", "a1").await;
    publish(&bus, "a", "a2").await;
    drop(next(&consumer).await);
    let again = next(&consumer).await;
    assert_eq!((again.id.as_str(), again.attempt), ("a1", 2));
    again.acknowledge().await.expect("acknowledged");
    assert_eq!(next_acknowledged(&consumer).await, "a2");
}

async fn a_call_that_is_given_up_loses_nothing(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    for round in 0..20 {
        let id = format!("a{round}");
        let given_up = tokio::time::timeout(Duration::from_micros(100 * round), async {
            publish(&bus, "a", &id).await;
            drop(next(&consumer).await);
        });
        let _ = given_up.await;
        // Whether or not it was published by then, now it is.
        publish(&bus, "a", &id).await;
        let mut arrived = next_acknowledged(&consumer).await;
        while arrived != id && !backend.is_exact() {
            // Where an id can become two messages, the second of an earlier round.
            arrived = next_acknowledged(&consumer).await;
        }
        assert_eq!(arrived, id);
    }
}

async fn what_was_not_acknowledged_is_there_after_a_reopen(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    for id in ["b1", "a1", "a2"] {
        publish(&bus, &id[..1], id).await;
    }
    let [a1, held] = next_of_each(&consumer, ["a1", "b1"]).await;
    a1.acknowledge().await.expect("acknowledged");
    bus.close().await;
    assert!(matches!(held.acknowledge().await, Err(BusError::Closed)));
    assert!(matches!(consumer.next().await, Err(BusError::Closed)));

    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    assert_eq!(lag(&bus).await, 2, "also where a1 came after b1 in one partition");
    let rest = BTreeSet::from([
        next_acknowledged(&consumer).await,
        next_acknowledged(&consumer).await,
    ]);
    assert_eq!(rest, BTreeSet::from(["a2".to_owned(), "b1".to_owned()]));
    assert_eq!(lag(&bus).await, 0);
}

async fn an_id_that_is_held_is_one_message(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    publish(&bus, "a", "a1").await;
    let held = next(&consumer).await;
    publish(&bus, "a", "a1").await;
    let twice = |id: &str| Message {
        key: "a".to_owned(),
        id: id.to_owned(),
        payload: Value::Null,
    };
    bus.publish_many(TOPIC, vec![twice("a1"), twice("a2"), twice("a2")])
        .await
        .expect("published");
    // Where the consumer finds it out, it takes a moment.
    while !backend.is_exact() && lag(&bus).await != 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(lag(&bus).await, 2);
    held.acknowledge().await.expect("acknowledged");
    assert_eq!(next_acknowledged(&consumer).await, "a2");

    // Done with, the same id is new work; on another topic it always was.
    publish(&bus, "a", "a1").await;
    assert_eq!(next_acknowledged(&consumer).await, "a1");
    bus.publish("OTHER", "a", "a1", Value::Null)
        .await
        .expect("published");
    assert_eq!(bus.lag("OTHER", GROUP).await.expect("counted"), 1);
}

async fn a_retry_holds_back_its_key_only(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    for id in ["a1", "a2", "b1", "b2"] {
        publish(&bus, &id[..1], id).await;
    }
    let [a1, b1] = next_of_each(&consumer, ["a1", "b1"]).await;
    a1.retry_later(Duration::from_secs(3_600))
        .await
        .expect("put back");
    b1.acknowledge().await.expect("acknowledged");
    assert_eq!(next_acknowledged(&consumer).await, "b2");
    publish(&bus, "c", "c1").await;
    assert_eq!(next_acknowledged(&consumer).await, "c1");
    assert_eq!(lag(&bus).await, 2);
}

async fn a_retry_comes_again_before_later_ones(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    publish(&bus, "a", "a1").await;
    publish(&bus, "a", "a2").await;
    next(&consumer)
        .await
        .retry_later(Duration::from_millis(50))
        .await
        .expect("put back");
    let again = next(&consumer).await;
    assert_eq!((again.id.as_str(), again.attempt), ("a1", 2));
    again.acknowledge().await.expect("acknowledged");
    assert_eq!(next_acknowledged(&consumer).await, "a2");
}

async fn a_retry_outlives_a_reopen(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    publish(&bus, "a", "a1").await;
    publish(&bus, "a", "a2").await;
    next(&consumer)
        .await
        .retry_later(Duration::from_millis(50))
        .await
        .expect("put back");
    bus.close().await;

    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    assert_eq!(next_acknowledged(&consumer).await, "a1");
    assert_eq!(next_acknowledged(&consumer).await, "a2");
}

async fn each_group_sees_each_message(backend: &Backend) {
    let bus = backend.open().await;
    publish(&bus, "a", "a1").await;
    publish(&bus, "a", "a2").await;
    let first = subscribe(&bus).await;
    let other = bus.subscribe(TOPIC, "others").await.expect("subscribed");
    for id in ["a1", "a2"] {
        assert_eq!(next_acknowledged(&first).await, id);
    }
    assert_eq!(lag(&bus).await, 0);
    assert_eq!(bus.lag(TOPIC, "others").await.expect("counted"), 2);
    for id in ["a1", "a2"] {
        assert_eq!(next_acknowledged(&other).await, id);
    }
    assert_eq!(bus.lag(TOPIC, "others").await.expect("counted"), 0);
}

async fn consumers_of_a_group_share_the_work(backend: &Backend) {
    let bus = backend.open().await;
    let first = subscribe(&bus).await;
    let second = subscribe(&bus).await;
    publish(&bus, "a", "a1").await;
    publish(&bus, "b", "b1").await;
    publish(&bus, "a", "a2").await;
    let (of_first, of_second) = (next(&first).await, next(&second).await);
    assert_eq!(
        BTreeSet::from([of_first.id.as_str(), of_second.id.as_str()]),
        BTreeSet::from(["a1", "b1"])
    );
    let (a1, _b1) = if of_first.id == "a1" {
        (of_first, of_second)
    } else {
        (of_second, of_first)
    };
    a1.acknowledge().await.expect("acknowledged");
    assert_eq!(next_acknowledged(&second).await, "a2");
}

async fn a_delivery_outlives_its_consumer(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    publish(&bus, "a", "a1").await;
    publish(&bus, "a", "a2").await;
    let held = next(&consumer).await;
    drop(consumer);
    held.acknowledge().await.expect("acknowledged");
    assert_eq!(next_acknowledged(&subscribe(&bus).await).await, "a2");
    assert_eq!(lag(&bus).await, 0);
}

async fn a_dead_letter_moves_with_its_reason(backend: &Backend) {
    let bus = backend.open().await;
    let consumer = subscribe(&bus).await;
    publish(&bus, "a", "a1").await;
    publish(&bus, "a", "a2").await;
    next(&consumer)
        .await
        .dead_letter("cannot be read")
        .await
        .expect("moved");
    assert_eq!(next_acknowledged(&consumer).await, "a2");
    assert_eq!(lag(&bus).await, 0);

    let dead = bus.subscribe("WORK.DEAD", "people").await.expect("subscribed");
    let letter = next(&dead).await;
    assert_eq!(letter.key, "a");
    let mut payload = letter.payload.clone();
    let time_ms = payload["time_ms"].take();
    assert!(
        time_ms
            .as_i64()
            .is_some_and(|time_ms| time_ms >= 1_700_000_000_000),
        "{time_ms}"
    );
    let expected = json!({
        "reason": "cannot be read", "topic": TOPIC, "group": GROUP, "id": "a1", "key": "a",
        "payload": {"work": "a1"}, "time_ms": null,
    });
    assert_eq!(payload, expected);
}

async fn lag_counts_what_is_not_acknowledged(backend: &Backend) {
    let bus = backend.open().await;
    assert_eq!(lag(&bus).await, 0);
    for id in ["a1", "a2", "b1"] {
        publish(&bus, &id[..1], id).await;
    }
    assert_eq!(lag(&bus).await, 3, "also before the group has subscribed");
    let consumer = subscribe(&bus).await;
    let held = next(&consumer).await;
    assert_eq!(lag(&bus).await, 3);
    held.acknowledge().await.expect("acknowledged");
    assert_eq!(lag(&bus).await, 2);
    next(&consumer)
        .await
        .retry_later(Duration::from_secs(3_600))
        .await
        .expect("put back");
    assert_eq!(lag(&bus).await, 2);
}

async fn many_publish_and_consume_at_once(backend: &Backend) {
    const KEYS: usize = 5;
    const EACH: usize = 40;
    let bus = backend.open().await;
    let publishers: Vec<_> = (0..KEYS)
        .map(|key| {
            let bus = bus.clone();
            tokio::spawn(async move {
                for number in 0..EACH {
                    publish(&bus, &format!("{key}"), &format!("{key}/{number}")).await;
                }
            })
        })
        .collect();
    let (seen, mut arrived) = tokio::sync::mpsc::unbounded_channel();
    let mut consumers = Vec::new();
    for _ in 0..3 {
        let consumer = subscribe(&bus).await;
        let seen = seen.clone();
        consumers.push(tokio::spawn(async move {
            loop {
                let delivery = next(&consumer).await;
                seen.send(delivery.id.clone()).expect("counted");
                delivery.acknowledge().await.expect("acknowledged");
            }
        }));
    }
    let mut numbers = [0; KEYS];
    for _ in 0..KEYS * EACH {
        let id = arrived.recv().await.expect("arrives");
        let (key, number) = id.split_once('/').expect("key and number");
        let next = &mut numbers[key.parse::<usize>().expect("a number")];
        assert_eq!(
            number,
            next.to_string(),
            "key {key} is in order, and nothing comes twice"
        );
        *next += 1;
    }
    for publisher in publishers {
        publisher.await.expect("published");
    }
    consumers.iter().for_each(|consumer| consumer.abort());
}

on_every_engine! {
    what_is_published_arrives_as_it_was
    order_is_kept_per_key_and_keys_go_in_parallel
    a_waiting_consumer_is_woken
    a_dropped_delivery_comes_again_before_later_ones
    a_call_that_is_given_up_loses_nothing
    what_was_not_acknowledged_is_there_after_a_reopen
    an_id_that_is_held_is_one_message
    a_retry_holds_back_its_key_only
    a_retry_comes_again_before_later_ones
    a_retry_outlives_a_reopen
    each_group_sees_each_message
    consumers_of_a_group_share_the_work
    a_delivery_outlives_its_consumer
    a_dead_letter_moves_with_its_reason
    lag_counts_what_is_not_acknowledged
    many_publish_and_consume_at_once
}
