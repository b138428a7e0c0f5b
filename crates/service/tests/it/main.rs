//! A real server on loopback, asked over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aops_api::Code;
use aops_api::code::Empty;
use aops_api::rule::{RuleCountAnswer, RuleGetRequest};
use aops_client::{REQUEST_ID_HEADER, SERVICE_CREDENTIAL_HEADER};
use aops_service::http::{CallerToken, Checked, Lenient, ServiceName, delete, post};
use aops_service::server::{Audience, Server, bind};
use aops_service::{ApiError, ApiResult, Credentials, Service, Shutdown, answer};

async fn rules(body: Checked<RuleGetRequest>, token: CallerToken) -> ApiResult<RuleCountAnswer> {
    if token.as_deref() != Some("good") {
        return Err(ApiError::new(Code::TokenError, ""));
    }
    answer(RuleCountAnswer {
        rule_count: body.0.check_items.len() as u64,
    })
}

async fn ping(_: Lenient<Empty>, caller: ServiceName) -> ApiResult<Empty> {
    assert_eq!(caller.0, "manager");
    answer(Empty {})
}

static SLOW_IS_UNDER_WAY: AtomicBool = AtomicBool::new(false);

async fn slow() -> ApiResult<Empty> {
    SLOW_IS_UNDER_WAY.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(300)).await;
    answer(Empty {})
}

struct Running {
    public: String,
    internal: String,
    shutdown: Shutdown,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
    loop_finished: Arc<AtomicBool>,
}

fn start() -> Running {
    let loop_finished = Arc::new(AtomicBool::new(false));
    let finished = loop_finished.clone();
    let service = Service::new("example")
        .public(|config| {
            config
                .service(post("/check/rule/get", rules))
                .service(delete("/check/rule/delete", rules))
                .service(post("/slow", slow));
        })
        .internal(|config| {
            config.service(post("/data/ping", ping));
        })
        .with_loop("example", move |shutdown| async move {
            shutdown.cancelled().await;
            finished.store(true, Ordering::SeqCst);
        });
    let mut server = Server::new();
    let credentials = Credentials::new([("manager", "secret")]);
    let mut listen = |audience| {
        let listener = bind("127.0.0.1:0", "--listen").expect("a free port");
        let address = server
            .listen(
                listener,
                audience,
                std::slice::from_ref(&service),
                credentials.clone(),
            )
            .expect("listens");
        format!("http://{address}")
    };
    let (public, internal) = (listen(Audience::Public), listen(Audience::Internal));
    server.start_loops(service);
    let shutdown = server.shutdown();
    Running {
        public,
        internal,
        shutdown,
        server: tokio::spawn(server.run()),
        loop_finished,
    }
}

async fn ask(request: reqwest::RequestBuilder) -> (u16, serde_json::Value) {
    let response = request.send().await.expect("answered");
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

const BODY: &str = r#"{"check_items":["a","b"]}"#;

#[tokio::test]
async fn routes_answer_as_documented() {
    let running = start();
    let http = reqwest::Client::new();
    let url = format!("{}/check/rule/get", running.public);

    for header in ["access_token", "Access-Token"] {
        let (status, body) = ask(http.post(&url).header(header, "good").body(BODY)).await;
        assert_eq!(
            (status, &body["code"], &body["rule_count"]),
            (200, &200.into(), &2.into()),
            "{header}"
        );
    }
    for scheme in ["Bearer", "bearer"] {
        let authorization = format!("{scheme} good");
        let (_, body) = ask(http.post(&url).header("authorization", authorization).body(BODY)).await;
        assert_eq!(body["code"], 200, "{scheme}");
    }

    let (status, body) = ask(http.post(&url).body(BODY)).await;
    assert_eq!(
        (status, body["msg"].as_str()),
        (200, Some("the session is invalid"))
    );
    // A wrong body comes before a missing token.
    let (_, body) = ask(http.post(&url).body("{}")).await;
    assert_eq!(body["code"], 1000);
    let (_, body) = ask(http.post(&url).header("accept-language", "zh-CN").body("{}")).await;
    assert!(
        body["msg"]
            .as_str()
            .is_some_and(|msg| msg.starts_with("参数错误: ")),
        "{body}"
    );

    let (status, body) = ask(http.get(&url)).await;
    assert_eq!(
        (status, body["message"].as_str()),
        (405, Some("The method is not allowed for the requested URL."))
    );
    let (status, _) = ask(http.get(format!("{}/nothing", running.public))).await;
    assert_eq!(status, 404);
    let deleted = http
        .delete(format!("{}/check/rule/delete", running.public))
        .bearer_auth("good")
        .body(BODY);
    assert_eq!(ask(deleted).await.1["code"], 200);
    let prefixed = http
        .post(format!("{}/api/check/rule/get", running.public))
        .bearer_auth("good")
        .body(BODY);
    assert_eq!(ask(prefixed).await.1["code"], 200);

    running.shutdown.cancel();
    running.server.await.expect("joined").expect("ended well");
}

#[tokio::test]
async fn internal_routes_are_for_services_and_not_public() {
    let running = start();
    let http = reqwest::Client::new();
    let url = format!("{}/data/ping", running.internal);
    let (_, body) = ask(http
        .post(&url)
        .header(SERVICE_CREDENTIAL_HEADER, "manager:secret")
        .body("{\"new\":1}"))
    .await;
    assert_eq!(body["code"], 200);
    let (_, body) = ask(http
        .post(&url)
        .header(SERVICE_CREDENTIAL_HEADER, "manager:wrong")
        .body("{}"))
    .await;
    assert_eq!(body["code"], 1201);
    let (status, _) = ask(http.post(format!("{}/data/ping", running.public)).body("{}")).await;
    assert_eq!(status, 404);
    let (status, _) = ask(http.get(format!("{}/metrics", running.public))).await;
    assert_eq!(status, 404);
    running.shutdown.cancel();
    running.server.await.expect("joined").expect("ended well");
}

#[tokio::test]
async fn health_metrics_and_request_ids() {
    let running = start();
    let http = reqwest::Client::new();
    let (status, health) = ask(http.get(format!("{}/health", running.public))).await;
    assert_eq!(
        (status, health["status"].as_str(), health["services"][0].as_str()),
        (200, Some("ok"), Some("example"))
    );

    let health = |id: &str| {
        http.get(format!("{}/health", running.public))
            .header(REQUEST_ID_HEADER, id)
            .send()
    };
    let given = health("abc-1").await.expect("answered");
    assert_eq!(given.headers()[REQUEST_ID_HEADER], "abc-1");
    let made = health("not a loggable id").await.expect("answered");
    assert_eq!(made.headers()[REQUEST_ID_HEADER].len(), 32);

    let metrics = http
        .get(format!("{}/metrics", running.internal))
        .send()
        .await
        .expect("answered");
    let text = metrics.text().await.expect("text");
    assert!(
        text.contains(r#"aops_http_requests_total{listener="public",route="/health",status="200"}"#),
        "{text}"
    );
    running.shutdown.cancel();
    running.server.await.expect("joined").expect("ended well");
}

#[tokio::test]
async fn shutdown_lets_requests_and_loops_finish() {
    let running = start();
    let slow = tokio::spawn(
        reqwest::Client::new()
            .post(format!("{}/slow", running.public))
            .send(),
    );
    while !SLOW_IS_UNDER_WAY.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    running.shutdown.cancel();
    let response = slow
        .await
        .expect("joined")
        .expect("answered although the server was stopping");
    assert_eq!(response.status(), 200);
    running.server.await.expect("joined").expect("ended well");
    assert!(running.loop_finished.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_loop_that_is_finishing_still_reaches_the_internal_listener() {
    let (answered, answer) = tokio::sync::oneshot::channel();
    let (told, address) = tokio::sync::oneshot::channel::<String>();
    let service = Service::new("example")
        .internal(|config| {
            config.service(post("/data/ping", ping));
        })
        .with_loop("example", move |shutdown| async move {
            let url = format!("http://{}/data/ping", address.await.expect("told"));
            shutdown.cancelled().await;
            let last_call = reqwest::Client::new()
                .post(url)
                .header(SERVICE_CREDENTIAL_HEADER, "manager:secret");
            let _ = answered.send(
                last_call
                    .body("{}")
                    .send()
                    .await
                    .map(|response| response.status().as_u16()),
            );
        });
    let mut server = Server::new();
    let listener = bind("127.0.0.1:0", "--internal-listen").expect("a free port");
    let credentials = Credentials::new([("manager", "secret")]);
    let bound = server.listen(
        listener,
        Audience::Internal,
        std::slice::from_ref(&service),
        credentials,
    );
    told.send(bound.expect("listens").to_string()).expect("taken");
    server.start_loops(service);
    server.shutdown().cancel();
    server.run().await.expect("ended well");
    assert_eq!(answer.await.expect("said").expect("answered"), 200);
}

#[tokio::test]
async fn a_loop_that_ends_by_itself_ends_the_process() {
    let mut server = Server::new();
    server.start_loops(Service::new("example").with_loop("short", |_| async {}));
    let error = server.run().await.expect_err("an error");
    assert!(error.to_string().contains("short ended by itself"), "{error}");
}

#[test]
fn a_taken_port_says_what_to_do() {
    let taken = bind("127.0.0.1:0", "--listen").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let error = bind(&address, "--listen").expect_err("taken");
    assert!(
        error.to_string().contains(&address) && error.to_string().contains("--listen"),
        "{error}"
    );
}
