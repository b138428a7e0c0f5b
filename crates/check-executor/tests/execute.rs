//! Messages in, findings out: the real loop over a real bus and a scripted data center.

use std::time::{Duration, Instant};

use aops_api::message::CHECK_EXECUTE_REQ;
use aops_api::{HostId, Shard};
use aops_bus::{Bus, Delivery, EmbeddedOptions};
use aops_check_executor::{Config, Dependencies, build};
use aops_check_rule::Rule;
use aops_client::DataCenter;
use aops_service::Clock;
use aops_test_server::{Call, FakeServer, RunningService};
use serde_json::{Value, json};

const EFFECTIVE: &str = "/data/check/rule/effective";
const FETCH: &str = "/data/series/fetch";
const SAVE: &str = "/data/check/finding/save";
const START_MS: i64 = 1_700_000_000_000;
const END_MS: i64 = START_MS + 10_000;
const GROUP: &str = "check-executor";

struct Fixture {
    data_center: FakeServer,
    bus: Bus,
    _service: RunningService,
    _folder: tempfile::TempDir,
}

impl Fixture {
    /// An executor and a data center that has a rule on host `h`, no series, and takes findings.
    async fn new(config: Config) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let start = Instant::now();
        let options = EmbeddedOptions::new(move || start.elapsed().as_millis() as i64);
        let bus = Bus::open_embedded(&folder.path().join("bus.db"), options)
            .await
            .expect("opened");
        let data_center = FakeServer::start();
        let dependencies = Dependencies {
            data_center: DataCenter::new(data_center.url(), "check-executor", "secret"),
            bus: bus.clone(),
            clock: Clock::manual(END_MS),
        };
        let service = build(config, dependencies).expect("a sensible config");
        let fixture = Self {
            data_center,
            bus,
            _service: RunningService::start(service),
            _folder: folder,
        };
        fixture.set_rules(1, &[rule("$0 > 1", &["h"])]);
        fixture.set_series(json!([]));
        fixture.data_center.succeed(SAVE, json!({}));
        fixture
    }

    fn set_rules(&self, revision: u64, rules: &[Value]) {
        self.data_center
            .succeed(EFFECTIVE, json!({"rules_revision": revision, "rules": rules}));
    }

    fn set_series(&self, series: Value) {
        let answer = json!({"as_of_ms": END_MS + 7, "series": series, "failed": [], "never_had": []});
        self.data_center.succeed(FETCH, answer);
    }

    /// Publishes a message and waits until it is settled.
    async fn execute(&self, id: &str, payload: Value) {
        self.bus
            .publish(CHECK_EXECUTE_REQ, "12", id, payload)
            .await
            .expect("published");
        self.settled().await;
    }

    async fn settled(&self) {
        let settled = async {
            while self.bus.lag(CHECK_EXECUTE_REQ, GROUP).await.expect("counted") > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), settled)
            .await
            .expect("settled in the end");
    }

    fn bodies(&self, path: &str) -> Vec<Value> {
        self.data_center
            .calls(path)
            .into_iter()
            .map(|call: Call| call.body)
            .collect()
    }

    async fn dead_letter(&self) -> Delivery {
        let topic = format!("{CHECK_EXECUTE_REQ}.DEAD");
        let dead = self.bus.subscribe(&topic, "test").await.expect("subscribed");
        dead.next().await.expect("delivered")
    }
}

fn config() -> Config {
    Config {
        first_back_off: Duration::from_millis(1),
        longest_back_off: Duration::from_millis(2),
        ..Config::default()
    }
}

fn item(condition: &str) -> Value {
    json!({"check_item": "a", "condition": condition, "data_list": [{"name": "m"}]})
}

fn key(condition: &str) -> String {
    let item = serde_json::from_value(item(condition)).expect("a rule");
    Rule::compile(&item).expect("compiles").key().to_string()
}

fn rule(condition: &str, hosts: &[&str]) -> Value {
    json!({"key": key(condition), "item": item(condition), "hosts": hosts})
}

fn message(revision: u64) -> Value {
    let shard = Shard::of(&HostId::from("h"));
    json!({
        "version": 1, "id": format!("forward/{shard}/{START_MS}/{END_MS}"), "shard": shard, "host_list": ["h"],
        "time_range": [START_MS, END_MS], "kind": "forward", "rules_revision": revision,
    })
}

fn series(interval_ms: i64) -> Value {
    json!([{
        "selector": 0, "host_id": "h", "labels": {}, "interval_ms": interval_ms,
        "times_ms": [START_MS - 1_000, START_MS + 4_000, START_MS + 9_000], "values": [0.0, 5.0, 0.5],
    }])
}

#[tokio::test]
async fn a_window_is_judged_and_saved() {
    let fixture = Fixture::new(config()).await;
    fixture.set_series(series(5_000));
    fixture.execute("m", message(1)).await;

    let fetch = &fixture.bodies(FETCH)[0];
    assert_eq!(
        (&fetch["hosts"], &fetch["selectors"][0]["name"]),
        (&json!(["h"]), &json!("m"))
    );
    let saves = fixture.bodies(SAVE);
    assert_eq!(saves.len(), 1);
    let windows = saves[0]["windows"].as_array().expect("windows");
    assert_eq!(windows.len(), 1);
    let window = &windows[0];
    assert_eq!(
        (&window["key"], &window["host_id"]),
        (&json!(key("$0 > 1")), &json!("h"))
    );
    assert_eq!(
        (&window["window"], &window["covered"]),
        (&json!([START_MS, END_MS]), &json!(true))
    );
    assert_eq!(window["as_of_ms"], END_MS + 7);
    let finding = &window["findings"][0];
    assert_eq!(finding["value"], "Abnormal");
    assert_eq!(finding["range"], json!([START_MS + 4_000, START_MS + 9_000]));
    let call = fixture.data_center.only_call(SAVE);
    assert_eq!(call.headers["x-service-credential"], "check-executor:secret");
    assert_eq!(call.headers["x-request-id"].len(), 32);
}

#[tokio::test]
async fn rules_are_read_anew_for_a_newer_revision_only() {
    let fixture = Fixture::new(config()).await;
    fixture.set_rules(5, &[rule("$0 > 1", &["h"])]);
    fixture.execute("m1", message(4)).await;
    fixture.execute("m2", message(5)).await;
    assert_eq!(fixture.bodies(EFFECTIVE).len(), 1);
    fixture.set_rules(6, &[rule("$0 > 2", &["h"])]);
    fixture.execute("m3", message(6)).await;
    assert_eq!(fixture.bodies(EFFECTIVE).len(), 2);
    let saves = fixture.bodies(SAVE);
    assert_eq!(saves[1]["windows"][0]["key"], key("$0 > 1"));
    assert_eq!(saves[2]["windows"][0]["key"], key("$0 > 2"));
}

#[tokio::test]
async fn a_longer_scrape_interval_is_fetched_for_and_remembered() {
    let fixture = Fixture::new(config()).await;
    fixture.set_series(series(60_000));
    fixture.execute("m1", message(1)).await;
    fixture.execute("m2", message(1)).await;
    let starts: Vec<i64> = fixture
        .bodies(FETCH)
        .iter()
        .map(|fetch| fetch["selectors"][0]["range"][0].as_i64().expect("a time"))
        .collect();
    assert_eq!(starts.len(), 3);
    assert!(starts[1] < starts[0]);
    assert_eq!(starts[2], starts[1]);
    assert_eq!(fixture.bodies(SAVE).len(), 2);
}

#[tokio::test]
async fn the_window_that_follows_fetches_only_what_is_new() {
    let fixture = Fixture::new(config()).await;
    fixture.set_series(series(5_000));
    let window = |number: i64| {
        let mut message = message(1);
        message["time_range"] = json!([START_MS + number * 10_000, END_MS + number * 10_000]);
        message
    };
    let reach_of_last_fetch = |number: i64| {
        let fetched = fixture.bodies(FETCH);
        let range = &fetched.last().expect("a fetch")["selectors"][0]["range"];
        START_MS + number * 10_000 - range[0].as_i64().expect("a time")
    };
    fixture.execute("m0", window(0)).await;
    assert!(reach_of_last_fetch(0) > 0, "history is fetched first");
    fixture.set_series(json!([]));
    fixture.execute("m1", window(1)).await;
    assert_eq!(reach_of_last_fetch(1), 0);
    // The last sample of before, 0.5 at 9 s, speaks until 24 s: what is remembered was judged.
    let saves = fixture.bodies(SAVE);
    assert_eq!(saves[1]["windows"][0]["findings"], json!([]));
    // One that is judged again, or that does not follow, stands alone.
    fixture.execute("m1 again", window(1)).await;
    assert!(reach_of_last_fetch(1) > 0);
    fixture.execute("m3", window(3)).await;
    assert!(reach_of_last_fetch(3) > 0);
    let mut retry = window(4);
    retry["kind"] = json!("retry");
    fixture.execute("m4", retry).await;
    assert!(reach_of_last_fetch(4) > 0);
    // New rules have not seen the windows before.
    fixture.execute("m5", window(5)).await;
    fixture.set_rules(2, &[rule("$0 > 2", &["h"])]);
    let mut newer = window(6);
    newer["rules_revision"] = json!(2);
    fixture.execute("m6", newer).await;
    assert!(reach_of_last_fetch(6) > 0);
}

#[tokio::test]
async fn what_was_not_saved_is_not_remembered() {
    let fixture = Fixture::new(config()).await;
    fixture.set_series(series(5_000));
    fixture
        .data_center
        .answer(SAVE, json!({"code": 1101, "msg": "away"}));
    let published = fixture.bus.publish(CHECK_EXECUTE_REQ, "12", "m", message(1));
    published.await.expect("published");
    let tried = async {
        while fixture.bodies(SAVE).len() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), tried)
        .await
        .expect("tried again");
    fixture.data_center.succeed(SAVE, json!({}));
    fixture.settled().await;
    let saves = fixture.bodies(SAVE);
    assert!(
        saves.iter().all(|save| save == &saves[0]),
        "each attempt says the same"
    );
}

#[tokio::test]
async fn without_room_nothing_is_remembered() {
    let fixture = Fixture::new(Config {
        memory_limit_bytes: 0,
        ..config()
    })
    .await;
    fixture.set_series(series(5_000));
    fixture.execute("m0", message(1)).await;
    let mut next = message(1);
    next["time_range"] = json!([END_MS, END_MS + 10_000]);
    fixture.execute("m1", next).await;
    let fetched = fixture.bodies(FETCH);
    let start = fetched[1]["selectors"][0]["range"][0].as_i64();
    assert!(start.expect("a time") < END_MS);
}

#[tokio::test]
async fn a_rule_is_judged_where_it_is_in_effect_and_asked_for() {
    let fixture = Fixture::new(config()).await;
    fixture.set_rules(
        1,
        &[
            rule("$0 > 1", &["other"]),
            rule("$0 > 2", &["h"]),
            rule("$0 > 3", &["h", "other"]),
        ],
    );
    let judged = |save: &Value| -> Vec<String> {
        let windows = save["windows"].as_array().expect("windows");
        windows
            .iter()
            .map(|window| format!("{} {}", window["key"], window["host_id"]))
            .collect()
    };
    fixture.execute("m1", message(1)).await;
    let (second, third) = (key("$0 > 2"), key("$0 > 3"));
    assert_eq!(
        judged(&fixture.bodies(SAVE)[0]),
        [format!("\"{second}\" \"h\""), format!("\"{third}\" \"h\"")]
    );

    let mut some = message(1);
    some["keys"] = json!([third, key("$0 > 1")]);
    fixture.execute("m2", some).await;
    assert_eq!(judged(&fixture.bodies(SAVE)[1]), [format!("\"{third}\" \"h\"")]);

    let mut none = message(1);
    none["keys"] = json!([]);
    fixture.execute("m3", none).await;
    assert_eq!(fixture.bodies(SAVE).len(), 2);
}

#[tokio::test]
async fn large_windows_are_fetched_and_saved_in_parts() {
    let shard = Shard::of(&HostId::from("h"));
    let hosts: Vec<String> = (0..)
        .map(|number| format!("host{number}"))
        .filter(|host| Shard::of(&host.as_str().into()) == shard)
        .take(3)
        .collect();
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let fixture = Fixture::new(Config {
        fetch_limit: 2,
        save_limit: 3,
        ..config()
    })
    .await;
    fixture.set_rules(1, &[rule("$0 > 1", &names), rule("$0 > 2", &names)]);
    let mut all = message(1);
    all["host_list"] = json!(hosts);
    fixture.execute("m", all).await;
    let fetched: Vec<usize> = fixture
        .bodies(FETCH)
        .iter()
        .map(|fetch| fetch["hosts"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(fetched, [2, 1]);
    let saved: Vec<usize> = fixture
        .bodies(SAVE)
        .iter()
        .map(|save| save["windows"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(saved, [3, 1, 2]);
}

#[tokio::test]
async fn the_form_of_the_design_is_executed_by_the_rules_of_now() {
    let fixture = Fixture::new(config()).await;
    let message = json!({"host_list": ["h"], "time_range": [START_MS, END_MS]});
    fixture.execute("m1", message.clone()).await;
    assert_eq!(
        fixture.bodies(EFFECTIVE),
        [json!({"shard": Shard::of(&HostId::from("h"))})]
    );
    fixture.execute("m2", message).await;
    assert_eq!(fixture.bodies(EFFECTIVE).len(), 2);
    assert_eq!(fixture.bodies(SAVE).len(), 2);
}

#[tokio::test]
async fn an_outage_loses_nothing_however_long() {
    let fixture = Fixture::new(Config {
        refusal_limit: 2,
        ..config()
    })
    .await;
    fixture
        .data_center
        .answer(SAVE, json!({"code": 1101, "msg": "away"}));
    fixture
        .bus
        .publish(CHECK_EXECUTE_REQ, "12", "m", message(1))
        .await
        .expect("published");
    let tried = async {
        while fixture.bodies(SAVE).len() < 6 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), tried)
        .await
        .expect("tried again and again");
    fixture.data_center.succeed(SAVE, json!({}));
    fixture.settled().await;
    let dead = fixture
        .bus
        .lag(&format!("{CHECK_EXECUTE_REQ}.DEAD"), "test")
        .await
        .expect("counted");
    assert_eq!(dead, 0);
}

#[tokio::test]
async fn what_cannot_be_read_goes_to_the_dead_letters() {
    let fixture = Fixture::new(config()).await;
    fixture.execute("m1", json!({"host_list": ["h"]})).await;
    let letter = fixture.dead_letter().await;
    assert_eq!(letter.payload["id"], "m1");
    assert_eq!(letter.payload["reason"], "missing field `time_range`");
    // The next of its key is executed.
    fixture.execute("m2", message(1)).await;
    assert_eq!(fixture.bodies(SAVE).len(), 1);
}

#[tokio::test]
async fn what_is_refused_again_and_again_goes_to_the_dead_letters() {
    let fixture = Fixture::new(Config {
        refusal_limit: 3,
        ..config()
    })
    .await;
    fixture.data_center.answer(
        SAVE,
        json!({"code": 1000, "msg": "request parameter error: windows: nonsense"}),
    );
    fixture.execute("m", message(1)).await;
    assert_eq!(fixture.bodies(SAVE).len(), 3);
    let reason = fixture.dead_letter().await.payload["reason"].clone();
    assert_eq!(
        reason,
        "saving findings failed: 1000 request parameter error: windows: nonsense"
    );
}

#[tokio::test]
async fn what_makes_the_data_center_fail_each_time_does_not_stop_its_shard() {
    let fixture = Fixture::new(Config {
        refusal_limit: 3,
        ..config()
    })
    .await;
    fixture
        .data_center
        .answer(SAVE, json!({"code": 500, "msg": "server error"}));
    fixture.execute("m1", message(1)).await;
    assert_eq!(fixture.dead_letter().await.payload["id"], "m1");
    fixture.data_center.succeed(SAVE, json!({}));
    fixture.execute("m2", message(1)).await;
    assert_eq!(fixture.bodies(SAVE).len(), 4);
}
