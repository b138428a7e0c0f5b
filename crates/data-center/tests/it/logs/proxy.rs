//! An HTTP proxy in front of a server, which fails as it is told.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

/// What the proxy does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Passes it on.
    Well,
    /// Turns it away with 429.
    Busy,
    /// Answers 500.
    Broken,
    /// Answers long after anybody waits.
    Slow,
    /// Passes it on; searches come back with a shard missing.
    Half,
    /// Passes it on and loses the answer, so that the caller does not know.
    Forgetful,
}

pub(crate) struct Proxy {
    mood: Arc<Mutex<Mood>>,
    running: actix_web::dev::ServerHandle,
}

#[derive(Clone)]
struct Way {
    target: String,
    mood: Arc<Mutex<Mood>>,
    client: reqwest::Client,
}

/// A port where nobody listens now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Proxy {
    pub(crate) fn start(port: u16, target: &str, mood: Mood) -> Self {
        let mood = Arc::new(Mutex::new(mood));
        let way = Way {
            target: target.to_owned(),
            mood: mood.clone(),
            client: reqwest::Client::new(),
        };
        let app = move || {
            App::new()
                .app_data(Data::new(way.clone()))
                .app_data(web::PayloadConfig::new(64 << 20))
                .default_service(web::to(pass))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .shutdown_timeout(0)
            .bind(("127.0.0.1", port))
            .expect("a port");
        let server = server.run();
        let running = server.handle();
        tokio::spawn(server);
        Self { mood, running }
    }

    pub(crate) fn feel(&self, mood: Mood) {
        *self.mood.lock().expect("a mood") = mood;
    }

    /// From now on connections are refused.
    pub(crate) async fn stop(self) {
        self.running.stop(false).await;
    }
}

async fn pass(request: HttpRequest, body: Bytes, way: Data<Way>) -> HttpResponse {
    let mood = *way.mood.lock().expect("a mood");
    let error = |status: u16, kind: &str| {
        let body = json!({ "status": status, "error": { "type": kind, "reason": "as the test wants it" } });
        let status = actix_web::http::StatusCode::from_u16(status).expect("a status");
        HttpResponse::build(status).json(body)
    };
    match mood {
        Mood::Busy => return error(429, "es_rejected_execution_exception"),
        Mood::Broken => return error(500, "some_exception"),
        Mood::Slow => tokio::time::sleep(Duration::from_secs(60)).await,
        Mood::Well | Mood::Half | Mood::Forgetful => {}
    }
    let (status, mut answer) = way.ask(&request, body).await;
    match mood {
        Mood::Forgetful => return error(502, "proxy_exception"),
        Mood::Half if request.path().ends_with("_search") => {
            answer["_shards"]["failed"] = json!(1);
            answer["_shards"]["failures"] = json!([{ "reason": { "type": "x", "reason": "disk gone" } }]);
        }
        _ => {}
    }
    let status = actix_web::http::StatusCode::from_u16(status).expect("a status");
    HttpResponse::build(status)
        .insert_header(("X-elastic-product", "Elasticsearch"))
        .json(answer)
}

impl Way {
    async fn ask(&self, request: &HttpRequest, body: Bytes) -> (u16, Value) {
        let content_type = request.headers().get("content-type");
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let call = self
            .client
            .request(
                request.method().as_str().parse().expect("a method"),
                format!("{}{}", self.target, request.uri()),
            )
            .header("content-type", content_type.unwrap_or("application/json"))
            .body(body);
        let answer = call.send().await.expect("the server is there");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }
}
