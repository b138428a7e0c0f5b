//! Stands between the store and a real server, and does as it is told: lets requests through, changes answers, gives its
//! own, or none.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use serde_json::Value;

/// A request that came by.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: String,
}

/// What becomes of a request.
pub(crate) enum Verdict {
    Forward,
    /// The server's answer, changed.
    Changed(fn(&mut Value)),
    /// The server does not hear of it.
    Instead(u16, Value),
    /// The server does not hear of it, and the answer takes a while.
    Late(Duration, Value),
    /// No answer ever.
    Hang,
}

type Script = dyn Fn(&Asked) -> Verdict + Send + Sync;

pub(crate) struct Proxy {
    pub(crate) url: String,
    played: Data<Played>,
    handle: actix_web::dev::ServerHandle,
}

struct Played {
    server: String,
    client: reqwest::Client,
    script: Mutex<Arc<Script>>,
    asked: Mutex<Vec<Asked>>,
}

/// An address where nobody listens, for a server to come.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

impl Proxy {
    pub(crate) fn start(server: &str) -> Self {
        Self::start_at(free_address(), server)
    }

    pub(crate) fn start_at(address: SocketAddr, server: &str) -> Self {
        let played = Data::new(Played {
            server: server.to_owned(),
            client: reqwest::Client::new(),
            script: Mutex::new(Arc::new(|_| Verdict::Forward)),
            asked: Mutex::default(),
        });
        let shared = played.clone();
        let app = move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::PayloadConfig::new(1 << 28))
                .default_service(web::to(answer))
        };
        let listener = TcpListener::bind(address).expect("the port");
        let running = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .listen(listener)
            .expect("listening")
            .run();
        let handle = running.handle();
        tokio::spawn(running);
        Self {
            url: format!("http://{address}"),
            played,
            handle,
        }
    }

    /// From now on.
    pub(crate) fn play(&self, script: impl Fn(&Asked) -> Verdict + Send + Sync + 'static) {
        *self.played.script.lock().expect("a script") = Arc::new(script);
    }

    /// The requests so far of which the path has this in it.
    pub(crate) fn asked(&self, part: &str) -> Vec<Asked> {
        let asked = self.played.asked.lock().expect("a list");
        asked
            .iter()
            .filter(|asked| asked.path.contains(part))
            .cloned()
            .collect()
    }

    /// Refuses connections from now on.
    pub(crate) async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn answer(request: HttpRequest, body: Bytes, played: Data<Played>) -> HttpResponse {
    let path = request
        .uri()
        .path_and_query()
        .map(ToString::to_string)
        .unwrap_or_default();
    let asked = Asked {
        method: request.method().to_string(),
        path,
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    played.asked.lock().expect("a list").push(asked.clone());
    let script = played.script.lock().expect("a script").clone();
    match script(&asked) {
        Verdict::Forward => forward(&played, &asked, |_| {}).await,
        Verdict::Changed(change) => forward(&played, &asked, change).await,
        Verdict::Instead(status, body) => json(status, &body),
        Verdict::Late(delay, body) => {
            tokio::time::sleep(delay).await;
            json(200, &body)
        }
        Verdict::Hang => std::future::pending().await,
    }
}

async fn forward(played: &Played, asked: &Asked, change: fn(&mut Value)) -> HttpResponse {
    let url = format!("{}{}", played.server, asked.path);
    let kind = if asked.path.starts_with("/_bulk") {
        "application/x-ndjson"
    } else {
        "application/json"
    };
    let call = played
        .client
        .request(asked.method.parse().expect("a method"), url)
        .header("content-type", kind)
        .body(asked.body.clone());
    let answer = call.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let mut body: Value = answer.json().await.expect("JSON");
    change(&mut body);
    json(status, &body)
}

fn json(status: u16, body: &Value) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).expect("a status");
    HttpResponse::build(status)
        .content_type("application/json")
        .body(body.to_string())
}
