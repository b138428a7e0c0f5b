//! A running data center on a free port.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use aops_api::Code;
use aops_api::account::LoginRequest;
use aops_client::{DataCenter, SERVICE_CREDENTIAL_HEADER};
use aops_data_center::DataCenterConfig;
use aops_data_center::series::scrape::ScrapeLimits;
use aops_service::server::{Audience, Server};
use aops_service::{Clock, Credentials, Shutdown};
use serde_json::Value;

pub(crate) const ADMIN_PASSWORD: &str = "the admin's password";
pub(crate) const NOW_MS: i64 = 1_700_000_000_000;

pub(crate) struct Center {
    pub(crate) url: String,
    pub(crate) clock: Clock,
    pub(crate) service: DataCenter,
    shutdown: Shutdown,
    running: tokio::task::JoinHandle<std::io::Result<()>>,
}

/// With the admin's own password, and scraping every second.
pub(crate) fn config(folder: &Path) -> DataCenterConfig {
    DataCenterConfig {
        admin_password: Some(ADMIN_PASSWORD.to_owned()),
        scrape_interval: Duration::from_secs(1),
        scrape_limits: ScrapeLimits {
            refresh: Duration::from_millis(100),
            ..ScrapeLimits::default()
        },
        ..DataCenterConfig::new(folder)
    }
}

impl Center {
    pub(crate) async fn start(config: DataCenterConfig) -> Self {
        Self::start_at(config, Clock::manual(NOW_MS)).await
    }

    pub(crate) async fn start_at(config: DataCenterConfig, clock: Clock) -> Self {
        let service = aops_data_center::build(config, clock.clone())
            .await
            .expect("built");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut server = Server::new();
        let credentials = Credentials::new([("tests", "secret")]);
        let services = [service];
        let address = server
            .listen(listener, Audience::Internal, &services, credentials)
            .expect("listening");
        for service in services {
            server.start_loops(service);
        }
        let url = format!("http://{address}");
        Self {
            service: DataCenter::new(&url, "tests", "secret"),
            url,
            clock,
            shutdown: server.shutdown(),
            running: tokio::spawn(server.run()),
        }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.expect("ended").expect("well");
    }

    /// Logs in and gives a client for that caller, and the token.
    pub(crate) async fn log_in(&self, username: &str, password: &str) -> (DataCenter, String) {
        let request = LoginRequest {
            username: username.to_owned(),
            password: password.to_owned(),
        };
        let token = self
            .service
            .login(&request)
            .await
            .expect("logged in")
            .access_token;
        (self.service.for_caller(Some(&token)), token)
    }

    pub(crate) async fn admin(&self) -> DataCenter {
        self.log_in("admin", ADMIN_PASSWORD).await.0
    }

    /// A call as bytes: HTTP status and body.
    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let mut call = reqwest::Client::new()
            .request(method, format!("{}{path}", self.url))
            .body(body.to_owned());
        for (name, value) in headers {
            call = call.header(*name, *value);
        }
        let answer = call.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// A POST with the service's credential: the body.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Value {
        let credential = (SERVICE_CREDENTIAL_HEADER, "tests:secret");
        let (status, answer) = self.raw("POST", path, &[credential], body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }
}

/// Asks again until the answer is right: for what happens soon, but not at once.
pub(crate) async fn eventually<T>(mut ask: impl AsyncFnMut() -> T, is_right: impl Fn(&T) -> bool) -> T {
    for _ in 0..500 {
        let answer = ask().await;
        if is_right(&answer) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never right");
}

pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T, aops_client::ClientError>) -> (Code, String) {
    let error = outcome.expect_err("refused");
    (error.code, error.detail)
}
