//! The routes of the manager against a scripted data center.

use aops_client::DataCenter;
use aops_test_server::{FakeServer, RunningService};
use serde_json::{Value, json};

struct Manager {
    data_center: FakeServer,
    manager: RunningService,
    http: reqwest::Client,
}

impl Manager {
    fn start() -> Self {
        let data_center = FakeServer::start();
        let client = DataCenter::new(data_center.url(), "manager", "secret");
        Self {
            manager: RunningService::start(aops_manager::build(client)),
            http: reqwest::Client::builder().no_proxy().build().expect("a client"),
            data_center,
        }
    }

    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Value {
        let mut request = self.http.post(format!("{}{path}", self.manager.url())).json(body);
        if let Some(token) = token {
            request = request.header("access_token", token);
        }
        let response = request.send().await.expect("answered");
        assert_eq!(response.status(), 200);
        response.json().await.expect("JSON")
    }
}

#[tokio::test]
async fn a_login_passes_on_the_token() {
    let test = Manager::start();
    test.data_center.succeed(
        "/data/account/login",
        json!({ "access_token": "t", "must_change": true, "expires": 7 }),
    );
    let body = json!({ "username": "admin", "password": "p" });
    let answer = test.post("/manage/account/login", None, &body).await;
    assert_eq!(
        answer,
        json!({ "code": 200, "msg": "operation succeed", "access_token": "t", "must_change": true, "expires": 7 })
    );
    let call = test.data_center.only_call("/data/account/login");
    assert_eq!(call.body, body);
    assert_eq!(call.headers["x-service-credential"], "manager:secret");
}

#[tokio::test]
async fn an_empty_name_or_password_is_refused_and_not_passed_on() {
    let test = Manager::start();
    for (path, body, msg) in [
        (
            "/manage/account/login",
            json!({ "username": "", "password": "p" }),
            "request parameter error: username: must not be empty",
        ),
        (
            "/manage/account/login",
            json!({ "username": "u", "password": "" }),
            "request parameter error: password: must not be empty",
        ),
        (
            "/manage/account/change",
            json!({ "password": "" }),
            "request parameter error: password: must not be empty",
        ),
        (
            "/manage/account/change",
            json!({ "password": "p", "username": "u" }),
            "request parameter error: username: unknown field",
        ),
    ] {
        let answer = test.post(path, None, &body).await;
        assert_eq!(answer, json!({ "code": 1000, "msg": msg }));
    }
    assert_eq!(test.data_center.calls("/data/account/login"), []);
    assert_eq!(test.data_center.calls("/data/account/change"), []);
}

#[tokio::test]
async fn a_refusal_of_the_data_center_is_passed_on() {
    let test = Manager::start();
    let refusal = json!({ "code": 1201, "msg": "the session is invalid" });
    test.data_center.answer("/data/account/change", refusal.clone());
    let answer = test
        .post("/manage/account/change", Some("old"), &json!({ "password": "p" }))
        .await;
    assert_eq!(answer, refusal);
    let call = test.data_center.only_call("/data/account/change");
    assert_eq!(call.headers["access-token"], "old");
}

#[tokio::test]
async fn a_data_center_that_is_away_is_1001() {
    let mut test = Manager::start();
    // Nothing listens on the discard port of the loopback.
    let gone = DataCenter::new("http://127.0.0.1:9", "manager", "secret");
    test.manager = RunningService::start(aops_manager::build(gone));
    let answer = test
        .post("/manage/host/get", None, &json!({ "host_group_list": [] }))
        .await;
    assert_eq!(answer["code"], 1001);
}

#[tokio::test]
async fn a_logout_needs_neither_body_nor_content_type() {
    let test = Manager::start();
    test.data_center.succeed("/data/account/logout", json!({}));
    let url = format!("{}/manage/account/logout", test.manager.url());
    let request = test.http.post(url).header("access-token", "t");
    let answer: Value = request
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("JSON");
    assert_eq!(answer, json!({ "code": 200, "msg": "operation succeed" }));
    let call = test.data_center.only_call("/data/account/logout");
    assert_eq!(call.headers["access-token"], "t");
}

#[tokio::test]
async fn the_web_clients_logout_succeeds_with_and_without_a_session() {
    let test = Manager::start();
    let url = format!("{}/api/manage/logout", test.manager.url());
    let succeeded = json!({ "code": 200, "msg": "operation succeed" });
    let form = "application/x-www-form-urlencoded";

    let request = test.http.post(&url).header("content-type", form);
    let answer: Value = request
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("JSON");
    assert_eq!(answer, succeeded);
    assert_eq!(test.data_center.calls("/data/account/logout"), []);

    let refusal = json!({ "code": 1201, "msg": "the session is invalid" });
    test.data_center.answer("/data/account/logout", refusal);
    let request = test.http.post(&url).header("access-token", "expired");
    let answer: Value = request
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("JSON");
    assert_eq!(answer, succeeded);
    test.data_center.only_call("/data/account/logout");
}

#[tokio::test]
async fn hosts_are_asked_for_on_behalf_of_the_caller() {
    let test = Manager::start();
    let payload = json!({ "total_count": 0, "total_page": 0, "host_infos": [] });
    test.data_center.succeed("/data/host/get", payload);
    let body = json!({ "host_group_list": [], "sort": "", "page": 1, "per_page": 50 });
    let answer = test.post("/manage/host/get", Some("t"), &body).await;
    assert_eq!(
        answer,
        json!({ "code": 200, "msg": "operation succeed", "total_count": 0, "total_page": 0, "host_infos": [] })
    );
    let call = test.data_center.only_call("/data/host/get");
    assert_eq!(call.body, body);
    assert_eq!(call.headers["access-token"], "t");
}

#[tokio::test]
async fn a_wrong_page_names_the_field() {
    let test = Manager::start();
    for (body, field) in [
        (
            json!({ "host_group_list": [], "page": 0, "per_page": 5 }),
            "page: 0 ",
        ),
        (json!({ "host_group_list": [], "page": 1 }), "per_page: missing"),
        (
            json!({ "host_group_list": [], "sort": "size" }),
            "sort: unknown variant",
        ),
        (json!({}), "body: missing field `host_group_list`"),
    ] {
        let answer = test.post("/manage/host/get", Some("t"), &body).await;
        assert_eq!(answer["code"], 1000);
        let msg = answer["msg"].as_str().expect("text");
        assert!(msg.contains(field), "{msg}");
    }
    assert_eq!(test.data_center.calls("/data/host/get"), []);
}

#[tokio::test]
async fn another_method_is_405() {
    let test = Manager::start();
    let url = format!("{}/manage/host/get", test.manager.url());
    let response = test.http.get(url).send().await.expect("answered");
    assert_eq!(response.status(), 405);
}
