//! The routes and the loop of the diagnosis scheduler against a scripted data center and a real embedded bus.

mod execute;
mod passed_on;
mod tree;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aops_bus::{Bus, BusConfig};
use aops_client::{DataCenter, Platform};
use aops_diag_scheduler::{Config, Dependencies, build};
use aops_service::Clock;
use aops_test_server::{FakeServer, RunningService};
use serde_json::{Value, json};
use tempfile::TempDir;

const NOW_MS: i64 = 1_795_252_272_345;

/// A data center with two hosts, one tree and one rule, which remembers tasks; and the scheduler.
struct Scheduler {
    data_center: FakeServer,
    bus: Bus,
    scheduler: RunningService,
    _folder: TempDir,
}

impl Scheduler {
    async fn start() -> Self {
        Self::start_with(FakeServer::start()).await
    }

    /// What is scripted before stays; tasks start from `/data/diag/task/unpublished` as the script has it.
    async fn start_with(data_center: FakeServer) -> Self {
        Self::start_on(&BusConfig::default(), data_center).await
    }

    async fn start_on(bus: &BusConfig, data_center: FakeServer) -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let bus = Bus::open(bus, &folder.path().join("bus"), || NOW_MS)
            .await
            .expect("a new bus");
        let dependencies = Dependencies {
            data_center: DataCenter::new(data_center.url(), "diag-scheduler", "secret"),
            bus: bus.clone(),
            clock: Clock::manual(NOW_MS),
        };
        let config = Config {
            first_back_off: Duration::from_millis(1),
            ..Config::default()
        };
        let service = build(config, dependencies).expect("a sensible config");
        Self {
            data_center,
            bus,
            scheduler: RunningService::start(service),
            _folder: folder,
        }
    }

    /// Calls a route as a user.
    async fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let platform = Platform::new(self.scheduler.url()).with_token("user's token");
        let method = method.parse().expect("a method");
        let outcome = platform.call::<_, Value>(method, path, body).await;
        outcome.expect("answered").payload.expect("JSON")
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.call("POST", path, &body).await
    }
}

/// Scripts hosts, trees and rules, and tasks that are kept until they are marked as published.
fn with_tasks(tasks: Vec<Value>) -> FakeServer {
    let server = FakeServer::start();
    let host = |id: &str| {
        json!({
            "host_id": id, "host_name": id, "host_group_name": "g", "public_ip": "127.0.0.1", "ssh_port": 22,
            "management": false, "status": "online"
        })
    };
    let hosts = json!({ "total_count": 2, "total_page": 1, "host_infos": [host("h1"), host("h2")] });
    server.succeed("/data/host/get", hosts);
    let leaf = json!({ "node name": "cpu", "value": null, "check item": "cpu_busy" });
    let root = json!({ "node name": "slow", "value": null, "condition": "cpu", "children": [leaf] });
    let tree = json!({ "tree_name": "slow", "tree_content": root, "description": "", "tag": [] });
    server.succeed("/data/diag/tree/get", json!({ "trees": [tree] }));
    let rule = json!({ "check_item": "cpu_busy", "data_list": [{ "name": "m" }], "condition": "$0 > 0.9" });
    let rules = json!({ "total_count": 1, "total_page": 1, "check_items": [rule] });
    server.succeed("/data/check/rule/get", rules);

    let unpublished = Arc::new(Mutex::new(tasks));
    let tasks = unpublished.clone();
    server.answer_with("/data/diag/task/save", move |call| {
        let task = json!({ "username": "user", "task": call.body });
        tasks.lock().expect("not poisoned").push(task);
        succeed(json!({}))
    });
    let tasks = unpublished.clone();
    server.answer_with("/data/diag/task/unpublished", move |_| {
        succeed(json!({ "tasks": *tasks.lock().expect("not poisoned") }))
    });
    server.answer_with("/data/diag/task/published", move |call| {
        let mut tasks = unpublished.lock().expect("not poisoned");
        tasks.retain(|task| task["task"]["task_id"] != call.body["task_id"]);
        succeed(json!({}))
    });
    server
}

fn succeed(mut payload: Value) -> Value {
    payload["code"] = json!(200);
    payload["msg"] = json!("operation succeed");
    payload
}
