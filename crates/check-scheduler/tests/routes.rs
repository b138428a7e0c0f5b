//! The `/check` routes as a client sees them, over a scripted data center.

use aops_bus::{Bus, EmbeddedOptions};
use aops_check_scheduler::{Config, Dependencies, build};
use aops_client::DataCenter;
use aops_service::Clock;
use aops_test_server::{FakeServer, RunningService};
use reqwest::Method;
use serde_json::{Value, json};

struct Fixture {
    data_center: FakeServer,
    service: RunningService,
    _folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = EmbeddedOptions::new(|| 0);
        let bus = Bus::open_embedded(&folder.path().join("bus.db"), options)
            .await
            .expect("opened");
        let data_center = FakeServer::start();
        data_center.succeed(COUNT, json!({"rule_count": 0}));
        let dependencies = Dependencies {
            data_center: DataCenter::new(data_center.url(), "check-scheduler", "secret"),
            bus,
            clock: Clock::manual(0),
        };
        let mut service = build(Config::default(), dependencies).expect("a sensible config");
        service.loops.clear();
        Self {
            data_center,
            service: RunningService::start(service),
            _folder: folder,
        }
    }

    async fn send(&self, method: Method, path: &str, body: &str) -> Value {
        let url = format!("{}{path}", self.service.url());
        let request = reqwest::Client::new().request(method, url).body(body.to_owned());
        let response = request
            .header("access_token", "token")
            .send()
            .await
            .expect("sent");
        assert_eq!(response.status(), 200);
        response.json().await.expect("JSON")
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.send(Method::POST, path, &body.to_string()).await
    }
}

fn rule(name: &str, condition: &str) -> Value {
    json!({"check_item": name, "condition": condition, "data_list": [{"name": "m", "type": "kpi"}],
        "plugin": "", "description": "d"})
}

fn stored(new: &[&str], replaced: &[&str]) -> Value {
    json!({"succeed_list": new, "update_list": replaced, "fail_list": [], "fail_reasons": []})
}

const ADD: &str = "/data/check/rule/add";
const COUNT: &str = "/data/check/rule/count";

#[tokio::test]
async fn good_rules_are_stored_with_their_keys_for_the_caller() {
    let fixture = Fixture::new().await;
    fixture.data_center.succeed(ADD, stored(&["a"], &["b"]));
    let body = json!({"check_items": [rule("a", "$0>1"), rule("b", "$0>2")]});
    let answer = fixture.post("/check/rule/import", body).await;
    assert_eq!(answer["code"], 200);
    assert_eq!(
        (&answer["succeed_list"], &answer["update_list"]),
        (&json!(["a"]), &json!(["b"]))
    );
    assert_eq!(
        (&answer["fail_list"], &answer["fail_reasons"]),
        (&json!([]), &json!([]))
    );
    let call = fixture.data_center.only_call(ADD);
    assert_eq!(call.headers["access-token"], "token");
    assert_eq!(call.headers["x-service-credential"], "check-scheduler:secret");
    assert_eq!(call.body["rules"][0]["item"], rule("a", "$0>1"));
    assert_eq!(call.body["rules"][0]["key"].as_str().map(str::len), Some(32));
}

#[tokio::test]
async fn some_bad_rules_are_206_and_all_bad_are_1000() {
    let fixture = Fixture::new().await;
    fixture.data_center.succeed(ADD, stored(&["a"], &[]));
    let body = json!({"check_items": [rule("a", "$0>1"), rule("b", "$0>")]});
    let answer = fixture.post("/check/rule/import", body).await;
    assert_eq!(answer["code"], 206);
    assert_eq!(
        (&answer["succeed_list"], &answer["fail_list"]),
        (&json!(["a"]), &json!(["b"]))
    );
    let reason = &answer["fail_reasons"][0];
    assert_eq!((&reason["check_item"], &reason["line"]), (&json!("b"), &json!(1)));

    fixture.data_center.succeed(ADD, stored(&[], &[]));
    let answer = fixture
        .post("/check/rule/import", json!({"check_items": [rule("b", "$0>")]}))
        .await;
    assert_eq!(answer["code"], 1000);
    assert_eq!(answer["fail_list"], json!(["b"]));
    assert!(
        answer["msg"]
            .as_str()
            .is_some_and(|msg| msg.starts_with("request parameter error: b: ")),
        "{answer}"
    );
}

#[tokio::test]
async fn an_import_that_is_wrong_in_shape_stores_nothing() {
    let fixture = Fixture::new().await;
    let mut unknown = rule("a", "$0>1");
    unknown["data_list"][0]["macro"] = json!("$0");
    for (items, field) in [
        (
            json!([rule("a", "$0>1"), rule("a", "$0>2")]),
            "check_items[1].check_item",
        ),
        (json!([unknown]), "check_items[0].data_list[0].macro"),
        (json!([{"check_item": "a"}]), "check_items[0]"),
        (json!("a"), "check_items"),
    ] {
        let answer = fixture
            .post("/check/rule/import", json!({"check_items": items}))
            .await;
        assert_eq!(answer["code"], 1000);
        let msg = answer["msg"].as_str().expect("a text");
        assert!(
            msg.starts_with(&format!("request parameter error: {field}")),
            "{msg}"
        );
    }
    assert_eq!(fixture.data_center.calls(ADD), []);
}

#[tokio::test]
async fn a_caller_who_is_not_known_gets_1201_whatever_the_rules() {
    let fixture = Fixture::new().await;
    fixture
        .data_center
        .answer(COUNT, json!({"code": 1201, "msg": "the session is invalid"}));
    for condition in ["$0>", "$0>1"] {
        let body = json!({"check_items": [rule("b", condition)]});
        let answer = fixture.post("/check/rule/import", body).await;
        assert_eq!(answer, json!({"code": 1201, "msg": "the session is invalid"}));
    }
    // Refused before anything was compiled.
    assert_eq!(
        fixture.data_center.calls(COUNT)[0].headers["access-token"],
        "token"
    );
    assert_eq!(fixture.data_center.calls(ADD), []);
}

#[tokio::test]
async fn rules_are_exported_deleted_and_counted() {
    let fixture = Fixture::new().await;
    let page = json!({"total_count": 1, "total_page": 1, "check_items": [rule("a", "$0>1")]});
    fixture.data_center.succeed("/data/check/rule/get", page.clone());
    let query =
        json!({"check_items": [], "sort": "check_item", "direction": "desc", "page": 1, "per_page": 50});
    let answer = fixture.post("/check/rule/get", query.clone()).await;
    assert_eq!(
        (&answer["code"], &answer["check_items"]),
        (&json!(200), &page["check_items"])
    );
    assert_eq!(fixture.data_center.only_call("/data/check/rule/get").body, query);

    fixture.data_center.succeed("/data/check/rule/delete", json!({}));
    let answer = fixture
        .send(Method::DELETE, "/check/rule/delete", r#"{"check_items":["a"]}"#)
        .await;
    assert_eq!(answer["code"], 200);
    let call = fixture.data_center.only_call("/data/check/rule/delete");
    assert_eq!(
        (call.method.as_str(), call.body),
        ("DELETE", json!({"check_items": ["a"]}))
    );

    fixture
        .data_center
        .succeed("/data/check/rule/count", json!({"rule_count": 3}));
    for body in ["{}", ""] {
        assert_eq!(
            fixture.send(Method::POST, "/check/rule/count", body).await["rule_count"],
            3
        );
    }
    for body in [r#"{"a":1}"#, "[]", "7", "{"] {
        assert_eq!(
            fixture.send(Method::POST, "/check/rule/count", body).await["code"],
            1000,
            "{body}"
        );
    }
}

#[tokio::test]
async fn results_are_read_and_counted() {
    let fixture = Fixture::new().await;
    fixture.data_center.succeed(
        "/data/check/result/get",
        json!({"total_count": 0, "total_page": 0, "check_result": []}),
    );
    let query = json!({"time_range": [0, 10], "check_items": [], "host_list": ["h"], "value": "Abnormal"});
    assert_eq!(
        fixture.post("/check/result/get", query.clone()).await["code"],
        200
    );
    assert_eq!(
        fixture.data_center.only_call("/data/check/result/get").body,
        query
    );
    for (field, value) in [
        ("time_range", json!([5])),
        ("value", json!("Normal")),
        ("sort", json!("value")),
        ("page", json!(1)),
        ("user", json!("admin")),
    ] {
        let mut wrong = query.clone();
        wrong[field] = value;
        assert_eq!(
            fixture.post("/check/result/get", wrong).await["code"],
            1000,
            "{field}"
        );
    }

    let counts = json!({"total_count": 1, "total_page": 1, "results": [{"host_id": "h", "count": 2}]});
    fixture
        .data_center
        .succeed("/data/check/result/count", counts.clone());
    let query = json!({"host_list": [], "sort": "count", "direction": "desc"});
    let answer = fixture.post("/check/result/count", query).await;
    assert_eq!(answer["results"], counts["results"]);
}

#[tokio::test]
async fn a_config_that_makes_no_sense_is_refused() {
    let fixture = Fixture::new().await;
    let bus_folder = tempfile::tempdir().expect("a folder");
    let bus = Bus::open_embedded(&bus_folder.path().join("bus.db"), EmbeddedOptions::new(|| 0))
        .await
        .expect("opened");
    let dependencies = Dependencies {
        data_center: DataCenter::new(fixture.data_center.url(), "check-scheduler", "secret"),
        bus,
        clock: Clock::manual(0),
    };
    let refusal = build(
        Config {
            window_ms: 0,
            ..Config::default()
        },
        dependencies,
    )
    .err()
    .expect("refused");
    assert_eq!(
        refusal.to_string(),
        "check-scheduler: window_ms must be at least 1000"
    );
}
