//! From /diag/execute to the bus.

use aops_api::message::DIAGNOSE_EXECUTE_REQ;
use aops_bus::{BusConfig, KafkaConfig};
use aops_service::random;
use aops_test_server::{FakeServer, kcat};
use serde_json::{Value, json};

use crate::{NOW_MS, Scheduler, succeed, with_tasks};

/// Two known hosts and an unknown one, a known tree and an unknown one; doubles.
fn request() -> Value {
    json!({
        "host_list": ["h2", "unknown", "h1", "h2"], "time_range": [10, "100"], "tree_list": ["slow", "unknown", "slow"],
        "interval": 10
    })
}

/// Specification H.4 row 43.
#[tokio::test]
async fn a_diagnosis_is_saved_with_all_it_needs_and_published() {
    let test = Scheduler::start_with(with_tasks(vec![])).await;
    let answer = test.post("/diag/execute", request()).await;
    assert_eq!(answer["code"], 200, "{answer}");
    assert_eq!(answer["expected_report_num"], 18);
    let task_id = answer["task_id"].as_str().expect("an id").to_owned();
    assert_eq!(task_id.len(), 32);

    let saved = test.data_center.only_call("/data/diag/task/save");
    assert_eq!(saved.headers["access-token"], "user's token");
    assert_eq!(saved.body["task_id"], json!(task_id));
    assert_eq!(saved.body["host_list"], json!(["h2", "h1"]));
    assert_eq!(saved.body["range"], json!([10_000, 100_000]));
    assert_eq!(saved.body["interval_ms"], 10_000);
    assert_eq!(saved.body["created_ms"], NOW_MS);
    assert_eq!(saved.body["trees"][0]["tree_name"], "slow");
    assert_eq!(saved.body["rules"][0]["item"]["check_item"], "cpu_busy");
    assert_eq!(saved.body["rules"][0]["key"].as_str().map(str::len), Some(32));

    let consumer = test
        .bus
        .subscribe(DIAGNOSE_EXECUTE_REQ, "test")
        .await
        .expect("subscribed");
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let delivery = consumer.next().await.expect("a job");
        jobs.push((delivery.key.clone(), delivery.id.clone()));
        assert_eq!(delivery.payload["username"], "user");
        assert_eq!(delivery.payload["fault_tree"], json!(["slow"]));
        delivery.acknowledge().await.expect("acknowledged");
    }
    jobs.sort();
    let expected = ["h1", "h2"].map(|host| (host.to_owned(), format!("diagnose/{task_id}/{host}/slow")));
    assert_eq!(jobs, expected);

    test.scheduler.stop().await;
    let marked = test.data_center.only_call("/data/diag/task/published");
    assert_eq!(marked.body, json!({ "task_id": task_id }));
    assert_eq!(marked.headers.get("access-token"), None);
    let lag = test.bus.lag(DIAGNOSE_EXECUTE_REQ, "test").await.expect("known");
    assert_eq!(lag, 0, "no job is left");
}

fn left_behind(task_id: &str) -> Value {
    json!({
        "username": "user",
        "task": {
            "task_id": task_id, "created_ms": 0, "host_list": ["h1"], "rules": [], "range": [0, 1000],
            "trees": [{ "tree_name": "slow", "tree_content": {}, "description": "" }], "interval_ms": 1000,
            "expected_report_num": 1
        }
    })
}

#[tokio::test]
async fn a_task_that_a_crash_left_behind_is_published() {
    let test = Scheduler::start_with(with_tasks(vec![left_behind("t1"), left_behind("t2")])).await;
    let consumer = test
        .bus
        .subscribe(DIAGNOSE_EXECUTE_REQ, "test")
        .await
        .expect("subscribed");
    for expected in ["diagnose/t1/h1/slow", "diagnose/t2/h1/slow"] {
        let delivery = consumer.next().await.expect("a job");
        assert_eq!(delivery.id, expected);
        delivery.acknowledge().await.expect("acknowledged");
    }
}

#[tokio::test]
async fn a_data_center_that_was_away_is_asked_again() {
    let data_center = with_tasks(vec![]);
    let mut asked = 0;
    data_center.answer_with("/data/diag/task/unpublished", move |_| {
        asked += 1;
        match asked {
            1 | 2 => json!({ "code": 1101, "msg": "connect to database error" }),
            3 => succeed(json!({ "tasks": [left_behind("t1")] })),
            _ => succeed(json!({ "tasks": [] })),
        }
    });
    let test = Scheduler::start_with(data_center).await;
    let consumer = test
        .bus
        .subscribe(DIAGNOSE_EXECUTE_REQ, "test")
        .await
        .expect("subscribed");
    let delivery = consumer.next().await.expect("a job");
    assert_eq!(delivery.id, "diagnose/t1/h1/slow");
    delivery.acknowledge().await.expect("acknowledged");
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_in_the_order_of_the_specification() {
    let test = Scheduler::start_with(with_tasks(vec![])).await;
    for (change, code, part) in [
        (json!({ "host_list": [] }), 1000, "host_list: must not be empty"),
        (json!({ "time_range": [1] }), 1000, "time_range: 1 numbers, not 2"),
        (json!({ "tree_list": [] }), 1000, "tree_list: must not be empty"),
        (json!({ "interval": 0 }), 1000, "interval: 0 is not in"),
        (json!({ "interval": true }), 1000, "interval: invalid type"),
        (json!({ "depth": 1 }), 1000, "depth: unknown field"),
        (
            json!({ "time_range": [100, 10], "host_list": ["x"] }),
            1301,
            "Time range is not valid.",
        ),
        (
            json!({ "host_list": ["x"], "tree_list": ["x"] }),
            1301,
            "No valid host.",
        ),
        (json!({ "tree_list": ["x"] }), 1301, "No valid fault tree."),
        (
            json!({ "time_range": [0, 100_001], "interval": 1, "host_list": ["h1"] }),
            1000,
            "100001 reports would be made",
        ),
    ] {
        let mut body = request();
        let fields = change.as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(fields);
        let answer = test.post("/diag/execute", body).await;
        assert_eq!(answer["code"], code, "{change}: {answer}");
        assert!(
            answer["msg"].as_str().is_some_and(|msg| msg.contains(part)),
            "{change}: {answer}"
        );
    }
    assert_eq!(test.data_center.calls("/data/diag/task/save"), []);
}

#[tokio::test]
async fn without_a_session_nothing_is_said_of_hosts_and_times() {
    let data_center = FakeServer::start();
    data_center.succeed("/data/diag/task/unpublished", json!({ "tasks": [] }));
    let refusal = json!({ "code": 1201, "msg": "the session is invalid" });
    data_center.answer("/data/host/get", refusal.clone());
    let test = Scheduler::start_with(data_center).await;
    let mut body = request();
    body["time_range"] = json!([5, 5]);
    assert_eq!(test.post("/diag/execute", body).await, refusal);
}

#[tokio::test]
async fn a_task_that_could_not_be_saved_is_not_acknowledged() {
    let data_center = with_tasks(vec![]);
    let refusal = json!({ "code": 1101, "msg": "connect to database error" });
    data_center.answer("/data/diag/task/save", refusal.clone());
    let test = Scheduler::start_with(data_center).await;
    assert_eq!(test.post("/diag/execute", request()).await, refusal);
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
    let test = Scheduler::start_on(&bus, with_tasks(vec![])).await;
    let answer = test.post("/diag/execute", request()).await;
    assert_eq!(answer["code"], 200, "{answer}");
    // What is published is marked then.
    while test.data_center.calls("/data/diag/task/published").is_empty() {
        tokio::task::yield_now().await;
    }
    test.scheduler.stop().await;

    let messages = kcat::read(&broker, &format!("{prefix}{DIAGNOSE_EXECUTE_REQ}"));
    let mut keys = Vec::new();
    for message in &messages {
        kcat::assert_valid("diagnose_execute_req.schema.json", &message.value);
        let id = message.value["id"].as_str().expect("an id");
        assert_eq!(message.headers, ["id", id]);
        keys.push(message.key.as_str());
    }
    keys.sort_unstable();
    assert_eq!(keys, ["h1", "h2"]);
}
