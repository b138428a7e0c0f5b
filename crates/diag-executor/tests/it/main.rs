//! The diagnosis executor against a scripted data center and a real embedded bus.

mod failures;
mod reports;

use std::time::Duration;

use aops_api::message::DIAGNOSE_EXECUTE_REQ;
use aops_bus::{Bus, DEAD_LETTER_SUFFIX, EmbeddedOptions};
use aops_client::DataCenter;
use aops_diag_executor::{Config, Dependencies, build};
use aops_service::Clock;
use aops_test_server::{FakeServer, RunningService};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

const GROUP: &str = "diag-executor";
/// The clock stands here; jobs begin at `START_MS`.
const NOW_MS: i64 = 1_000_000;
const START_MS: i64 = 900_000;

/// A data center with the task `t`: host `h`, tree `slow` (`cpu || ram`), rules `cpu` (key `k1`) and `ram` (key `k2`).
struct Executor {
    data_center: FakeServer,
    bus: Bus,
    saved: mpsc::UnboundedReceiver<Value>,
    _folder: TempDir,
}

impl Executor {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        // Retries of the bus are due in real time.
        let clock = Clock::system();
        let options = EmbeddedOptions::new(move || clock.now_ms());
        let bus = Bus::open_embedded(&folder.path().join("bus"), options)
            .await
            .expect("a new bus");
        let data_center = FakeServer::start();
        data_center.succeed("/data/diag/task/pinned", json!({ "task": task() }));
        data_center.succeed(
            "/data/check/finding/query",
            json!({ "keys": [known("k1"), known("k2")] }),
        );
        data_center.succeed("/data/series/fetch", series(json!([])));
        let (sender, saved) = mpsc::unbounded_channel();
        data_center.answer_with("/data/diag/report/save", move |call| {
            let _ = sender.send(call.body.clone());
            json!({ "code": 200, "msg": "operation succeed" })
        });
        Self {
            data_center,
            bus,
            saved,
            _folder: folder,
        }
    }

    fn start(&self) -> RunningService {
        let dependencies = Dependencies {
            data_center: DataCenter::new(self.data_center.url(), "diag-executor", "secret"),
            bus: self.bus.clone(),
            clock: Clock::manual(NOW_MS),
        };
        let config = Config {
            first_back_off: Duration::from_millis(1),
            longest_back_off: Duration::from_millis(1),
            refusal_limit: 2,
            ..Config::default()
        };
        RunningService::start(build(config, dependencies).expect("a sensible config"))
    }

    async fn publish(&self, payload: Value) {
        let published = self.bus.publish(DIAGNOSE_EXECUTE_REQ, "h", "id", payload).await;
        published.expect("published");
    }

    /// Carries out the job of `[START_MS, end_ms)` in slices of 10 s; returns the reports.
    async fn diagnose_until(&mut self, end_ms: i64) -> Vec<Value> {
        self.publish(message(end_ms)).await;
        let service = self.start();
        let saved = self.saved.recv().await.expect("saved");
        service.stop().await;
        let lag = self.bus.lag(DIAGNOSE_EXECUTE_REQ, GROUP).await.expect("known");
        assert_eq!(lag, 0, "no message is left");
        assert_eq!(saved["username"], "u");
        saved["reports"].as_array().expect("a list").clone()
    }

    /// Runs until a message has become a dead letter; returns the reason.
    async fn reason_of_dead_letter(&self) -> String {
        let topic = format!("{DIAGNOSE_EXECUTE_REQ}{DEAD_LETTER_SUFFIX}");
        let graveyard = self.bus.subscribe(&topic, "test").await.expect("subscribed");
        let service = self.start();
        let letter = graveyard.next().await.expect("a dead letter");
        let reason = letter.payload["reason"].as_str().expect("a text").to_owned();
        letter.acknowledge().await.expect("acknowledged");
        service.stop().await;
        let lag = self.bus.lag(DIAGNOSE_EXECUTE_REQ, GROUP).await.expect("known");
        assert_eq!(lag, 0, "no message is left");
        reason
    }
}

fn message(end_ms: i64) -> Value {
    json!({
        "version": 1, "id": "id", "username": "u", "task_id": "t", "host_list": ["h"],
        "time_range": [START_MS, end_ms], "fault_tree": ["slow"], "interval": 10_000
    })
}

fn task() -> Value {
    let leaf = |name: &str| json!({ "node name": name, "value": null, "check item": name });
    let root = json!({
        "node name": "host is slow", "value": null, "condition": "cpu || ram", "children": [leaf("cpu"), leaf("ram")]
    });
    let rule = |name: &str, key: &str| {
        let item = json!({ "check_item": name, "data_list": [{ "name": name }], "condition": "$0 > 1" });
        json!({ "key": key, "item": item })
    };
    json!({
        "username": "u",
        "task": {
            "task_id": "t", "created_ms": 0, "host_list": ["h"], "range": [START_MS, NOW_MS], "interval_ms": 10_000,
            "trees": [{ "tree_name": "slow", "tree_content": root }],
            "rules": [rule("cpu", "k1"), rule("ram", "k2")], "expected_report_num": 10
        }
    })
}

/// A key of which nothing is known.
fn known(key: &str) -> Value {
    json!({ "key": key, "coverage": [], "findings": [] })
}

/// A key that was judged in a range, with findings.
fn judged(key: &str, start_ms: i64, end_ms: i64, findings: Value) -> Value {
    json!({ "key": key, "coverage": [{ "range": [start_ms, end_ms], "judged": [{}] }], "findings": findings })
}

fn abnormal(start_ms: i64, end_ms: i64) -> Value {
    let sample =
        json!({ "time_ms": start_ms, "margin": 1.0, "values": [{ "expression": "$0", "value": "2" }] });
    let evidence = json!({ "first": sample, "worst": sample, "last": sample });
    let finding = json!({
        "labels": {}, "value": "Abnormal", "range": [start_ms, end_ms], "evidence": evidence, "reason": ""
    });
    json!({ "result_id": "r", "finding": finding })
}

/// An answer to a fetch.
fn series(series: Value) -> Value {
    json!({ "as_of_ms": NOW_MS, "series": series, "failed": [], "never_had": [] })
}

/// Samples every 5 s from well before the job until now.
fn samples(selector: usize, value: impl Fn(i64) -> f64) -> Value {
    let times: Vec<i64> = (START_MS - 60_000..NOW_MS).step_by(5_000).collect();
    let values: Vec<f64> = times.iter().map(|time_ms| value(*time_ms)).collect();
    json!({
        "selector": selector, "host_id": "h", "labels": {}, "interval_ms": 5_000, "times_ms": times, "values": values
    })
}
