//! Indices of tests on a real server.

use std::path::Path;
use std::sync::Mutex;

use aops_data_center::documents::{Documents, DocumentsConfig};
use aops_data_center::elasticsearch::ElasticsearchConfig;
use aops_service::random;
use serde_json::Value;

/// The server that the tests were given.
pub(crate) struct Server {
    pub(crate) url: String,
    prefixes: Mutex<Vec<String>>,
}

impl Server {
    /// `None` when no server is given.
    pub(crate) fn given() -> Option<Self> {
        let Ok(url) = std::env::var("AOPS_TEST_ELASTICSEARCH_URL") else {
            eprintln!("skipped: AOPS_TEST_ELASTICSEARCH_URL is not set");
            return None;
        };
        Some(Self {
            url: url.trim_end_matches('/').to_owned(),
            prefixes: Mutex::default(),
        })
    }

    /// With indices of its own.
    pub(crate) fn new_config(&self) -> ElasticsearchConfig {
        let index_prefix = format!("test-{}", random::id());
        self.prefixes.lock().expect("a list").push(index_prefix.clone());
        ElasticsearchConfig {
            urls: vec![self.url.clone()],
            index_prefix,
            // Everything runs at once while the tests do.
            request_timeout: std::time::Duration::from_secs(30),
            ..ElasticsearchConfig::default()
        }
    }

    pub(crate) async fn open_new(&self) -> Documents {
        open(&self.new_config()).await
    }

    /// A request past the store, as a foreign hand would send it.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.try_send(method, path, body).await;
        assert_eq!(status / 100, 2, "{path}: {answer}");
        answer
    }

    /// Status and answer.
    pub(crate) async fn try_send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let call = reqwest::Client::new()
            .request(method, format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .body(body.to_owned());
        let answer = call.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// The indices of a prefix.
    pub(crate) async fn indices(&self, prefix: &str) -> Vec<String> {
        let answer = self.send("GET", &format!("/{prefix}-*/_alias"), "").await;
        answer.as_object().expect("indices").keys().cloned().collect()
    }

    /// Takes the indices and templates of this test away. Only after a test that went well: one that failed leaves them
    /// for a look (`scripts/engines reset elasticsearch` takes all away).
    pub(crate) async fn clean_up(self) {
        let prefixes = self.prefixes.lock().expect("a list").clone();
        for prefix in prefixes {
            for index in self.indices(&prefix).await {
                self.send("DELETE", &format!("/{index}"), "").await;
            }
            // A test may have come to no template.
            let path = format!("/_index_template/{prefix}-*");
            let (status, answer) = self.try_send("DELETE", &path, "").await;
            assert!(matches!(status, 200 | 404), "{answer}");
        }
    }
}

pub(crate) async fn open(config: &ElasticsearchConfig) -> Documents {
    let config = DocumentsConfig::Elasticsearch(config.clone());
    let unused = Path::new("no file");
    Documents::open(&config, unused).await.expect("opened")
}
