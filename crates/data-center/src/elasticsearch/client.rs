//! Sending requests.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::elasticsearch::auth::Credentials;
use ::elasticsearch::cert::{Certificate, CertificateValidation};
use ::elasticsearch::http::headers::{CONTENT_TYPE, HeaderMap, HeaderValue};
use ::elasticsearch::http::transport::{SingleNodeConnectionPool, Transport, TransportBuilder};
use ::elasticsearch::http::{Method, Url};
use aops_service::config::Refusal;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{ElasticsearchConfig, ElasticsearchError, SearchAnswer};

/// A client of one cluster. Cheap to clone; making one connects to nothing.
#[derive(Clone, Debug)]
pub struct ElasticsearchClient {
    nodes: Arc<Nodes>,
    request_timeout: Duration,
}

#[derive(Debug)]
struct Nodes {
    all: Vec<Node>,
    /// The one that is asked first: the last one that did not fail.
    preferred: AtomicUsize,
}

#[derive(Debug)]
struct Node {
    address: String,
    transport: Transport,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Made by [`Request::new`] of escaped parts.
    path: String,
    /// Parameters.
    pub parameters: Vec<(&'static str, String)>,
    /// Body.
    pub payload: Payload,
    /// Longest time; absent = `request_timeout`.
    pub timeout: Option<Duration>,
}

/// Body of a request.
#[derive(Clone, Debug, Default)]
pub enum Payload {
    /// None.
    #[default]
    Empty,
    /// A JSON value.
    Json(Value),
    /// JSON lines, each ended by a line feed, as `_bulk` takes them.
    Lines(Arc<str>),
}

impl Request {
    /// Of the parts of a path, such as an index (or several, with `,` and `*`) and an endpoint.
    pub fn new(method: Method, parts: &[&str]) -> Self {
        Self {
            method,
            path: parts
                .iter()
                .fold(String::new(), |path, part| path + "/" + &escape(part)),
            parameters: Vec::new(),
            payload: Payload::Empty,
            timeout: None,
        }
    }

    /// With a parameter.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.parameters.push((name, value.to_string()));
        self
    }

    /// With a JSON body.
    pub fn json(mut self, body: Value) -> Self {
        self.payload = Payload::Json(body);
        self
    }

    /// With a body of JSON lines.
    pub fn lines(mut self, lines: impl Into<Arc<str>>) -> Self {
        self.payload = Payload::Lines(lines.into());
        self
    }

    /// With a time of its own, for work that nobody waits for.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// A part of a path. What separates and matches indices stays.
fn escape(part: &str) -> String {
    let mut escaped = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b',' | b'*' => {
                escaped.push(byte.into())
            }
            _ => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

impl ElasticsearchClient {
    /// Checks the settings and reads the files they name.
    pub fn new(config: &ElasticsearchConfig) -> Result<Self, ElasticsearchError> {
        config.check()?;
        let credentials = match (&config.username, config.password()?) {
            (Some(username), Some(password)) => Some(Credentials::Basic(username.clone(), password)),
            _ => None,
        };
        let certificates = config.certificates()?;
        let node = |url: Url| node(url, credentials.as_ref(), certificates.as_deref());
        let all = config
            .parsed_urls()?
            .into_iter()
            .map(node)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            nodes: Arc::new(Nodes {
                all,
                preferred: AtomicUsize::new(0),
            }),
            request_timeout: config.request_timeout,
        })
    }

    /// The addresses of all nodes, for messages.
    pub fn address(&self) -> String {
        let addresses: Vec<&str> = self.nodes.all.iter().map(|node| node.address.as_str()).collect();
        addresses.join(", ")
    }

    /// How long a request takes at most, unless it says otherwise.
    pub fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// Sends a request and reads the answer as JSON. An answer other than 2xx is an error.
    pub async fn send<Answer: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<Answer, ElasticsearchError> {
        let timeout = request.timeout.unwrap_or(self.request_timeout);
        let deadline = Instant::now() + timeout;
        let first = self.nodes.preferred.load(Ordering::Relaxed);
        let count = self.nodes.all.len();
        let mut turn = 0;
        loop {
            let place = (first + turn) % count;
            let node = &self.nodes.all[place];
            let left = deadline.saturating_duration_since(Instant::now());
            let error = match node.exchange(&request, left, timeout).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if !node_failed(&error) {
                return Err(error);
            }
            self.nodes.preferred.store((place + 1) % count, Ordering::Relaxed);
            turn += 1;
            // One that hung may have done the work: whether to ask again is for the caller to say.
            let hung = matches!(error, ElasticsearchError::TimedOut { .. });
            if hung || turn == count {
                return Err(self.naming_all(error));
            }
        }
    }

    fn naming_all(&self, error: ElasticsearchError) -> ElasticsearchError {
        match error {
            ElasticsearchError::Unreachable { source, .. } => ElasticsearchError::Unreachable {
                address: self.address(),
                source,
            },
            other => other,
        }
    }

    /// Searches indices (also patterns; none that fits finds nothing). An answer that is not whole is an error.
    pub async fn search<Source: DeserializeOwned>(
        &self,
        indices: &str,
        body: Value,
    ) -> Result<SearchAnswer<Source>, ElasticsearchError> {
        let request = Request::new(Method::Post, &[indices, "_search"])
            .with("ignore_unavailable", true)
            .with("allow_no_indices", true)
            .with("allow_partial_search_results", false)
            .json(body);
        self.whole(request).await
    }

    /// A search that finds nothing, to see whether it can be answered: an error says why not.
    pub async fn touch(&self, indices: &str) -> Result<(), ElasticsearchError> {
        let body = json!({ "size": 0, "terminate_after": 1, "track_total_hits": false });
        self.search::<Value>(indices, body).await.map(drop)
    }

    /// Searches the point in time that the body names.
    pub async fn search_point_in_time<Source: DeserializeOwned>(
        &self,
        body: Value,
    ) -> Result<SearchAnswer<Source>, ElasticsearchError> {
        let request = Request::new(Method::Post, &["_search"])
            .with("allow_partial_search_results", false)
            .json(body);
        self.whole(request).await
    }

    async fn whole<Source: DeserializeOwned>(
        &self,
        request: Request,
    ) -> Result<SearchAnswer<Source>, ElasticsearchError> {
        let answer: SearchAnswer<Source> = self.send(request).await?;
        answer.check_whole(&self.address())
    }
}

/// Whether another node may do better.
fn node_failed(error: &ElasticsearchError) -> bool {
    matches!(
        error,
        ElasticsearchError::Unreachable { .. } | ElasticsearchError::TimedOut { .. }
    )
}

fn node(
    url: Url,
    credentials: Option<&Credentials>,
    certificates: Option<&[u8]>,
) -> Result<Node, ElasticsearchError> {
    let address = url.as_str().trim_end_matches('/').to_owned();
    // Proxies of the environment are for the way to the world, not for the servers next door.
    let mut builder = TransportBuilder::new(SingleNodeConnectionPool::new(url)).disable_proxy();
    if let Some(credentials) = credentials {
        builder = builder.auth(credentials.clone());
    }
    let wrong_file =
        |error: String| Refusal::new("ca_file", format!("holds no certificates in PEM form: {error}"));
    if let Some(certificates) = certificates {
        let chain = Certificate::from_pem(certificates).map_err(|error| wrong_file(error.to_string()))?;
        builder = builder.cert_validation(CertificateValidation::Full(chain));
    }
    let transport = builder.build().map_err(|error| wrong_file(error.to_string()))?;
    Ok(Node { address, transport })
}

impl Node {
    /// `timeout` is what the caller waits for in all, for the message.
    async fn exchange<Answer: DeserializeOwned>(
        &self,
        request: &Request,
        left: Duration,
        timeout: Duration,
    ) -> Result<Answer, ElasticsearchError> {
        let failed = |error: ::elasticsearch::Error| self.failed(error, timeout);
        let response = self.send(request, left).await.map_err(failed)?;
        let status = response.status_code();
        let body = response.bytes().await.map_err(failed)?;
        if !status.is_success() {
            return Err(ElasticsearchError::of_answer(
                &self.address,
                status.as_u16(),
                &body,
            ));
        }
        serde_json::from_slice(&body).map_err(|source| ElasticsearchError::Foreign {
            address: self.address.clone(),
            source: Arc::new(source),
        })
    }

    async fn send(
        &self,
        request: &Request,
        left: Duration,
    ) -> Result<::elasticsearch::http::response::Response, ::elasticsearch::Error> {
        let parameters = (!request.parameters.is_empty()).then_some(&request.parameters);
        let (content_type, body) = match &request.payload {
            Payload::Empty => ("application/json", None),
            Payload::Json(value) => ("application/json", Some(value.to_string())),
            Payload::Lines(lines) => ("application/x-ndjson", Some(lines.to_string())),
        };
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        self.transport
            .send(
                request.method,
                &request.path,
                headers,
                parameters,
                body,
                Some(left),
            )
            .await
    }

    fn failed(&self, error: ::elasticsearch::Error, after: Duration) -> ElasticsearchError {
        let address = self.address.clone();
        if error.is_timeout() {
            return ElasticsearchError::TimedOut { address, after };
        }
        ElasticsearchError::Unreachable {
            address,
            source: Arc::new(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_leave_their_place() {
        let request = Request::new(Method::Get, &["http://evil/../a?b#c", "_search"]);
        assert_eq!(request.path, "/http%3A%2F%2Fevil%2F..%2Fa%3Fb%23c/_search");
        assert_eq!(
            Request::new(Method::Get, &["logs-*,other", "_search"]).path,
            "/logs-*,other/_search"
        );
    }

    #[tokio::test]
    async fn the_first_node_that_answers_is_asked_from_then_on() {
        // A port that is taken and closed again refuses connections.
        let gone = || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            format!("http://{}", listener.local_addr().expect("an address"))
        };
        let (one, two) = (gone(), gone());
        let client = ElasticsearchClient::new(&ElasticsearchConfig {
            urls: vec![one.clone(), two.clone()],
            ..ElasticsearchConfig::default()
        })
        .expect("a client");
        let error = client
            .send::<Value>(Request::new(Method::Get, &["_cluster", "health"]))
            .await
            .expect_err("nobody there");
        assert!(
            matches!(error, ElasticsearchError::Unreachable { .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.contains(&one) && text.contains(&two), "{text}");
    }
}
