//! A node whose metrics a test decides.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpResponse, HttpServer, web};

/// Serves `/metrics` on loopback until it is dropped.
pub struct FakeNode {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    handle: ServerHandle,
}

#[derive(Default)]
struct State {
    values: BTreeMap<String, f64>,
    /// Series that grow by this at each scrape.
    growth: BTreeMap<String, f64>,
}

impl FakeNode {
    /// Starts a node without metrics.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let server = HttpServer::new(move || {
            let state = shared.clone();
            App::new().route(
                "/metrics",
                web::get().to(move || std::future::ready(exposition(&state))),
            )
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .expect("a free port");
        let address = server.addrs()[0];
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            address,
            state,
            handle,
        }
    }

    /// Where it listens: `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Sets a series, such as `node_load1` or `node_cpu_seconds_total{cpu="0",mode="idle"}`.
    pub fn set(&self, series: &str, value: f64) {
        let mut state = self.state.lock().expect("not poisoned");
        state.growth.remove(series);
        state.values.insert(series.to_owned(), value);
    }

    /// Lets a series grow by this much at each scrape, from where it is.
    pub fn grow(&self, series: &str, by: f64) {
        self.state
            .lock()
            .expect("not poisoned")
            .growth
            .insert(series.to_owned(), by);
    }

    /// Takes a series away.
    pub fn remove(&self, series: &str) {
        let mut state = self.state.lock().expect("not poisoned");
        state.growth.remove(series);
        state.values.remove(series);
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn exposition(state: &Mutex<State>) -> HttpResponse {
    let mut state = state.lock().expect("not poisoned");
    let State { values, growth } = &mut *state;
    for (series, by) in growth.iter() {
        *values.entry(series.clone()).or_insert(0.0) += by;
    }
    let text = values.iter().fold(String::new(), |mut text, (series, value)| {
        let _ = writeln!(text, "{series} {value}");
        text
    });
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4")
        .body(text)
}
