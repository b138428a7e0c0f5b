use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aops_api::HostId;
use aops_api::Shard;
use aops_api::message::CheckExecuteReq;
use aops_bus::{Bus, BusConfig, Consumer, KafkaConfig};
use aops_client::DataCenter;
use aops_service::{Clock, random};
use aops_test_server::{Call, FakeServer, kcat};
use serde_json::{Value, json};

use super::*;

const NOW_MS: i64 = 1_700_000_000_000;
const GROUP: &str = "check-executor";

/// A loop over a real bus and a scripted data center with one host.
struct Fixture {
    forward: Forward,
    data_center: FakeServer,
    bus: Bus,
    clock: Clock,
    folder: tempfile::TempDir,
}

impl Fixture {
    async fn new(config: Config) -> Self {
        Self::on(&BusConfig::default(), config).await
    }

    async fn on(bus: &BusConfig, config: Config) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::manual(NOW_MS);
        let data_center = FakeServer::start();
        let bus = Bus::open(bus, &folder.path().join("bus.db"), || 0)
            .await
            .expect("opened");
        let dependencies = Dependencies {
            data_center: DataCenter::new(data_center.url(), "check-scheduler", "secret"),
            bus: bus.clone(),
            clock: clock.clone(),
        };
        let fixture = Self {
            forward: Forward::new(config, dependencies),
            data_center,
            bus,
            clock,
            folder,
        };
        fixture.set_cursor(NOW_MS);
        let machine = json!({
            "host_id": "h", "address": "10.0.0.1", "shard": shard(), "first_sample_ms": NOW_MS - 1,
        });
        fixture
            .data_center
            .succeed("/data/host/machines", json!({"machines": [machine]}));
        fixture
    }

    fn set_cursor(&self, position_ms: i64) {
        let cursors = json!([{"shard": shard(), "position_ms": position_ms}]);
        self.data_center.succeed(
            "/data/check/cursor/get",
            json!({"cursors": cursors, "rules_revision": 9}),
        );
        self.data_center
            .succeed("/data/check/cursor/move", json!({"moved": true}));
    }

    async fn consumer(&self) -> Consumer {
        self.bus
            .subscribe(CHECK_EXECUTE_REQ, GROUP)
            .await
            .expect("subscribed")
    }

    async fn lag(&self) -> u64 {
        self.bus.lag(CHECK_EXECUTE_REQ, GROUP).await.expect("counted")
    }

    fn moves(&self) -> Vec<Value> {
        self.data_center
            .calls("/data/check/cursor/move")
            .into_iter()
            .map(|call: Call| call.body)
            .collect()
    }
}

fn shard() -> u8 {
    Shard::of(&HostId::from("h")).number()
}

fn config() -> Config {
    Config {
        window_ms: 10_000,
        evaluation_delay_ms: 7_000,
        ..Config::default()
    }
}

#[tokio::test]
async fn a_due_window_is_published_and_then_the_cursor_moves() {
    let mut fixture = Fixture::new(config()).await;
    assert_eq!(fixture.forward.look().await.expect("looked"), Look::Idle);
    assert_eq!(fixture.forward.until_next_due(), Duration::from_millis(7_000));

    fixture.clock.advance(17_000);
    assert_eq!(fixture.forward.look().await.expect("looked"), Look::Busy);
    let moved = json!({"shard": shard(), "expected_ms": NOW_MS, "position_ms": NOW_MS + 10_000});
    assert_eq!(fixture.moves(), [moved]);
    let delivery = fixture.consumer().await.next().await.expect("delivered");
    assert_eq!(delivery.key, shard().to_string());
    assert_eq!(
        delivery.id,
        format!("forward/{}/{NOW_MS}/{}", shard(), NOW_MS + 10_000)
    );
    let message: CheckExecuteReq = serde_json::from_value(delivery.payload.clone()).expect("a message");
    assert_eq!((message.id, message.rules_revision), (delivery.id.clone(), 9));
    assert_eq!(message.host_list, [HostId::from("h")]);
}

#[tokio::test]
async fn a_window_that_is_published_twice_is_one_message() {
    let mut fixture = Fixture::new(config()).await;
    fixture.clock.advance(17_000);
    // The cursor cannot be moved: to this scheduler the window is unpublished still.
    fixture
        .data_center
        .answer("/data/check/cursor/move", json!({"code": 1101, "msg": "away"}));
    fixture.forward.look().await.expect_err("the data center refuses");
    assert_eq!(fixture.lag().await, 1);
    fixture.set_cursor(NOW_MS);
    fixture.forward.look().await.expect("looked");
    assert_eq!(fixture.lag().await, 1);
}

#[tokio::test]
async fn a_lost_compare_and_set_is_fine() {
    let mut fixture = Fixture::new(config()).await;
    fixture.clock.advance(17_000);
    fixture
        .data_center
        .succeed("/data/check/cursor/move", json!({"moved": false}));
    assert_eq!(fixture.forward.look().await.expect("looked"), Look::Busy);
}

#[tokio::test]
async fn the_cursor_stays_where_the_bus_takes_nothing() {
    let mut fixture = Fixture::new(config()).await;
    fixture.clock.advance(17_000);
    fixture.bus.close().await;
    assert!(matches!(
        fixture.forward.look().await,
        Err(SchedulerError::Bus(_))
    ));
    assert_eq!(fixture.moves(), [] as [Value; 0]);
    drop(fixture.folder);
}

#[tokio::test]
async fn nothing_is_published_while_executors_are_behind() {
    let mut fixture = Fixture::new(Config {
        lag_limit: 0,
        ..config()
    })
    .await;
    fixture.clock.advance(17_000);
    assert_eq!(fixture.forward.look().await.expect("looked"), Look::Busy);
    fixture.set_cursor(NOW_MS + 10_000);
    fixture.clock.advance(10_000);
    assert_eq!(fixture.forward.look().await.expect("looked"), Look::HeldBack);
    assert_eq!(fixture.lag().await, 1);

    let delivery = fixture.consumer().await.next().await.expect("delivered");
    delivery.acknowledge().await.expect("acknowledged");
    assert_eq!(fixture.forward.look().await.expect("looked"), Look::Busy);
    assert_eq!(fixture.lag().await, 1);
}

#[tokio::test]
async fn the_loop_goes_on_after_an_outage_and_ends_at_shutdown() {
    let config = Config {
        tick_ms: 1,
        longest_back_off_ms: 2,
        ..config()
    };
    let fixture = Fixture::new(config).await;
    fixture.clock.advance(17_000);
    fixture
        .data_center
        .answer("/data/host/machines", json!({"code": 1101, "msg": "away"}));
    let shutdown = Shutdown::new();
    let running = tokio::spawn(fixture.forward.run(shutdown.clone()));
    while fixture.data_center.calls("/data/host/machines").len() < 3 {
        tokio::task::yield_now().await;
    }
    let machine = json!({"host_id": "h", "address": "a", "shard": shard(), "first_sample_ms": null});
    fixture
        .data_center
        .succeed("/data/host/machines", json!({"machines": [machine]}));
    let consumer = fixture
        .bus
        .subscribe(CHECK_EXECUTE_REQ, GROUP)
        .await
        .expect("subscribed");
    consumer.next().await.expect("delivered");
    shutdown.cancel();
    running.await.expect("ends");
}

#[tokio::test]
async fn the_revision_is_not_older_than_the_machines() {
    let mut fixture = Fixture::new(config()).await;
    fixture.clock.advance(17_000);
    // The host is registered while the machines are read, which makes a new revision.
    let revision = Arc::new(AtomicU64::new(9));
    let registered = revision.clone();
    let machine = json!({"host_id": "h", "address": "a", "shard": shard(), "first_sample_ms": null});
    fixture.data_center.answer_with("/data/host/machines", move |_| {
        registered.store(10, Ordering::Relaxed);
        json!({"code": 200, "msg": "", "machines": [machine]})
    });
    fixture
        .data_center
        .answer_with("/data/check/cursor/get", move |_| {
            let cursors = json!([{"shard": shard(), "position_ms": NOW_MS}]);
            let revision = revision.load(Ordering::Relaxed);
            json!({"code": 200, "msg": "", "cursors": cursors, "rules_revision": revision})
        });
    assert_eq!(fixture.forward.look().await.expect("looked"), Look::Busy);
    let delivery = fixture.consumer().await.next().await.expect("delivered");
    assert_eq!(delivery.payload["rules_revision"], 10);
}

/// As any other program reads it.
#[tokio::test]
async fn on_kafka_a_message_is_as_its_schema_says() {
    let Ok(broker) = std::env::var("AOPS_TEST_KAFKA") else {
        eprintln!("skipped: AOPS_TEST_KAFKA is not set");
        return;
    };
    let prefix = format!("aops_test_{}.", random::id());
    let bus = BusConfig::Kafka(KafkaConfig {
        brokers: vec![broker.clone()],
        topic_prefix: prefix.clone(),
        ..KafkaConfig::default()
    });
    let mut fixture = Fixture::on(&bus, config()).await;
    fixture.clock.advance(17_000);
    assert_eq!(fixture.forward.look().await.expect("looked"), Look::Busy);

    let messages = kcat::read(&broker, &format!("{prefix}{CHECK_EXECUTE_REQ}"));
    let [message] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    kcat::assert_valid("check_execute_req.schema.json", &message.value);
    assert_eq!(message.key, shard().to_string());
    assert_eq!(
        message.partition,
        i64::from(shard()),
        "a shard has a partition of its own"
    );
    let id = message.value["id"].as_str().expect("an id");
    assert_eq!(message.headers, ["id", id]);
}
