//! A scripted HTTP server.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};

/// A request that a [`FakeServer`] got.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The JSON body; null when there was none.
    pub body: Value,
}

type Answer = Box<dyn FnMut(&Call) -> Value + Send>;

#[derive(Default)]
struct Script {
    answers: BTreeMap<String, Answer>,
    calls: Vec<Call>,
}

/// An HTTP server on a free port of the loopback that answers from a script, by path. A path without an answer is 404.
pub struct FakeServer {
    url: String,
    script: Arc<Mutex<Script>>,
    handle: ServerHandle,
}

impl FakeServer {
    /// Starts a server with an empty script.
    pub fn start() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let shared = web::Data::from(script.clone());
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let factory = move || {
            App::new()
                .app_data(shared.clone())
                .app_data(web::PayloadConfig::new(64 * 1024 * 1024))
                .default_service(web::to(respond))
        };
        let server = HttpServer::new(factory)
            .workers(1)
            .disable_signals()
            .listen(listener)
            .expect("the listener is bound")
            .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            url: format!("http://{address}"),
            script,
            handle,
        }
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on `path` is answered with this body.
    pub fn answer(&self, path: &str, body: Value) {
        self.answer_with(path, move |_| body.clone());
    }

    /// From now on `path` is answered with 200, "operation succeed" and these fields beside it.
    pub fn succeed(&self, path: &str, payload: Value) {
        let mut body = json!({ "code": 200, "msg": "operation succeed" });
        if let (Some(body), Value::Object(payload)) = (body.as_object_mut(), payload) {
            body.extend(payload);
        }
        self.answer(path, body);
    }

    /// From now on `path` is answered with what the function makes of the call.
    pub fn answer_with(&self, path: &str, answer: impl FnMut(&Call) -> Value + Send + 'static) {
        let answer: Answer = Box::new(answer);
        lock(&self.script).answers.insert(path.to_owned(), answer);
    }

    /// The calls of a path so far, oldest first.
    pub fn calls(&self, path: &str) -> Vec<Call> {
        let script = lock(&self.script);
        script
            .calls
            .iter()
            .filter(|call| call.path == path)
            .cloned()
            .collect()
    }

    /// The only call of a path.
    #[track_caller]
    pub fn only_call(&self, path: &str) -> Call {
        let mut calls = self.calls(path);
        assert_eq!(calls.len(), 1, "calls of {path}");
        calls.remove(0)
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        // The command is sent by the call; there is nothing to wait for.
        drop(self.handle.stop(false));
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().expect("no answer of the script has panicked")
}

async fn respond(request: HttpRequest, body: web::Bytes, script: web::Data<Mutex<Script>>) -> HttpResponse {
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let call = Call {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    let mut script = lock(&script);
    script.calls.push(call.clone());
    match script.answers.get_mut(&call.path) {
        Some(answer) => HttpResponse::Ok().json(answer(&call)),
        None => HttpResponse::NotFound().json(json!({ "message": "not in the script" })),
    }
}
