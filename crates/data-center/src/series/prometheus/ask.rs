//! One query: sending it, reading its answer within bounds, telling what went wrong.

use std::error::Error as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use aops_service::config::Refusal;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use prometheus_http_query::Client;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::config::PrometheusConfig;
use super::decode::{self, Cutter, DecodeError, Element, ErrorAnswer, Frame, ListAnswer};
use super::metrics;
use super::outage::Outage;

/// What arrives extends the time that a query has, at this rate: a long answer may take long, a trickle may not.
const SLOWEST_BYTES_PER_SECOND: u64 = 2_000_000;
/// What a server says of an error, or a list that it answers, is not longer.
const MAXIMUM_ERROR_BYTES: usize = 64 * 1024;
const MAXIMUM_LIST_BYTES: usize = 64 * 1024 * 1024;
/// A sample as text is not longer, even a float without exponent (VictoriaMetrics writes them so) seldom is.
const BYTES_PER_SAMPLE: u64 = 64;
const MAXIMUM_ELEMENT_BYTES: u64 = 256 * 1024 * 1024;

/// Asks the server. Bounds how many queries run at a time, and how long each takes.
#[derive(Debug)]
pub(super) struct Asker {
    client: ClientOf,
    request_timeout: Duration,
    maximum_element_bytes: usize,
    permits: Semaphore,
    outage: Outage,
}

/// The client, and the address as people know it.
struct ClientOf {
    client: Client,
    url: String,
}

impl std::fmt::Debug for ClientOf {
    /// Its headers hold a secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.url)
    }
}

/// Why a query brought nothing. The text says which server does what.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct AskError {
    pub(super) kind: Failure,
    pub(super) reason: String,
}

/// What can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server is not there, fails, or is too slow: later.
    Away,
    /// Ask for less.
    TooMuch,
    /// It answered in part.
    Partial,
    /// It does not want this query, or us.
    Refused,
}

impl Failure {
    const fn outcome(self) -> &'static str {
        match self {
            Failure::Away => "away",
            Failure::TooMuch => "too_much",
            Failure::Partial => "partial",
            Failure::Refused => "refused",
        }
    }
}

/// What the server is, as far as its answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    /// Prometheus, Thanos and others of its code: a NaN is a sample.
    Prometheus,
    /// It keeps no NaN: those in its answers are marks that a series ended.
    VictoriaMetrics,
}

impl Flavour {
    fn of(response: &Response) -> Self {
        // Every program of VictoriaMetrics says its host's name, and nobody else does so.
        match response.headers().contains_key("x-server-hostname") {
            true => Self::VictoriaMetrics,
            false => Self::Prometheus,
        }
    }
}

impl Asker {
    /// Does not connect yet. The error says which setting is wrong.
    pub(super) fn new(config: &PrometheusConfig) -> Result<Self, Refusal> {
        config.check()?;
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(config.request_timeout)
            .default_headers(headers(config)?);
        for certificate in certificates(config)? {
            builder = builder.add_root_certificate(certificate);
        }
        let client = builder
            .build()
            .map_err(|error| Refusal::new("url", last_cause(&error)))?;
        let url = config.url.trim_end_matches('/').to_owned();
        let client = Client::from(client, &url).map_err(|error| Refusal::new("url", error.to_string()))?;
        let longest = config
            .maximum_samples_per_query
            .saturating_mul(BYTES_PER_SAMPLE)
            .clamp(1024 * 1024, MAXIMUM_ELEMENT_BYTES);
        Ok(Self {
            client: ClientOf { client, url },
            request_timeout: config.request_timeout,
            maximum_element_bytes: usize::try_from(longest).unwrap_or(usize::MAX),
            permits: Semaphore::new(config.concurrency),
            outage: Outage::new(),
        })
    }

    /// The raw samples of a range selector. `take` gets each series as it arrives, and may end it by an error.
    pub(super) async fn samples(
        &self,
        query: &str,
        at_ms: i64,
        deadline: Instant,
        take: &mut (dyn FnMut(Element, Flavour) -> Result<(), AskError> + Send),
    ) -> Result<(), AskError> {
        let request = self
            .client
            .client
            .query(query)
            .query("time", seconds(at_ms))
            .timeout(i64::try_from(self.request_timeout.as_millis()).unwrap_or(i64::MAX));
        let mut cutter = Cutter::new(self.maximum_element_bytes);
        let work = async |started: Instant| {
            let response = self
                .in_time(started, deadline, request.post_raw())
                .await?
                .map_err(|error| self.not_sent(&error))?;
            let flavour = Flavour::of(&response);
            let mut on_bytes = |bytes: &[u8]| {
                cutter.read(bytes, |element| {
                    let element: Element = decode::read(element).map_err(Stop::Decode)?;
                    metrics::SAMPLES.inc_by(element.times_ms.len() as u64);
                    take(element, flavour).map_err(Stop::Error)
                })
            };
            self.read_body(response, started, deadline, &mut on_bytes).await
        };
        self.run(deadline, work).await?;
        let frame = cutter.frame().and_then(|frame| frame.check().map(|()| frame));
        let Frame {
            warnings, is_partial, ..
        } = frame.map_err(|error| self.unreadable(&error))?;
        self.refuse_partial(&warnings, is_partial)
    }

    /// A list: label values, or the labels of series.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        deadline: Instant,
    ) -> Result<Vec<T>, AskError> {
        let body = self.get(path, parameters, deadline).await?;
        let answer: ListAnswer<T> = decode::read(&body).map_err(|error| self.unreadable(&error))?;
        self.refuse_partial(&answer.warnings, answer.is_partial)?;
        Ok(answer.data)
    }

    /// Any small answer.
    pub(super) async fn get(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        deadline: Instant,
    ) -> Result<Vec<u8>, AskError> {
        let request = self
            .client
            .client
            .inner()
            .get(self.url_of(path))
            .query(parameters);
        self.exchange(request, deadline).await
    }

    /// Any small answer to a change.
    pub(super) async fn post(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        deadline: Instant,
    ) -> Result<Vec<u8>, AskError> {
        let request = self
            .client
            .client
            .inner()
            .post(self.url_of(path))
            .query(parameters);
        self.exchange(request, deadline).await
    }

    /// Whether it answers a query that reads nothing; at once, and whatever other queries meet.
    pub(super) async fn is_there(&self) -> Result<(), AskError> {
        let request = self.client.client.inner().get(self.url_of("api/v1/query"));
        let started = Instant::now();
        let deadline = started + self.request_timeout;
        self.small_answer(request.query(&[("query", "1")]), started, deadline)
            .await
            .map(drop)
    }

    async fn exchange(
        &self,
        request: reqwest::RequestBuilder,
        deadline: Instant,
    ) -> Result<Vec<u8>, AskError> {
        let mut body = Vec::new();
        let work = async |started: Instant| {
            body = self.small_answer(request, started, deadline).await?;
            Ok(())
        };
        self.run(deadline, work).await?;
        Ok(body)
    }

    async fn small_answer(
        &self,
        request: reqwest::RequestBuilder,
        started: Instant,
        deadline: Instant,
    ) -> Result<Vec<u8>, AskError> {
        let mut body = Vec::new();
        let response = self
            .in_time(started, deadline, request.send())
            .await?
            .map_err(|error| self.broken(&error))?;
        let mut on_bytes = |bytes: &[u8]| {
            body.extend_from_slice(bytes);
            match body.len() > MAXIMUM_LIST_BYTES {
                true => Err(Stop::Decode(DecodeError::TooLong(MAXIMUM_LIST_BYTES))),
                false => Ok(()),
            }
        };
        self.read_body(response, started, deadline, &mut on_bytes).await?;
        Ok(body)
    }

    /// Waits for its turn, runs a query, and counts and remembers how it went.
    async fn run(
        &self,
        deadline: Instant,
        work: impl AsyncFnOnce(Instant) -> Result<(), AskError>,
    ) -> Result<(), AskError> {
        let _permit = self.permit(deadline).await?;
        let started = Instant::now();
        let patience = self
            .request_timeout
            .min(deadline.saturating_duration_since(started));
        let timer = metrics::DURATIONS.start_timer();
        let outcome = work(started).await;
        timer.observe_duration();
        let word = outcome
            .as_ref()
            .err()
            .map_or("answered", |error| error.kind.outcome());
        metrics::QUERIES.with_label_values(&[word]).inc();
        match &outcome {
            Err(error) if error.kind == Failure::Away => {
                // Who ran out of the time that others took says nothing of the server.
                if patience >= self.request_timeout || started.elapsed() < patience {
                    self.outage.not_answered(&self.client.url, started, &error.reason);
                }
            }
            _ => self.outage.answered(&self.client.url),
        }
        outcome
    }

    /// A turn. While the server is found away nobody waits for one.
    async fn permit(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, AskError> {
        let mut found_away = self.outage.watch();
        tokio::select! {
            biased;
            _ = found_away.changed() => Err(AskError { kind: Failure::Away, reason: self.outage.reason() }),
            () = tokio::time::sleep_until(deadline) => {
                Err(self.error(Failure::Away, "is too slow: the time for this request was over before this query began"))
            }
            permit = self.permits.acquire() => {
                permit.map_err(|_| self.error(Failure::Away, "is no longer asked: the store is closed"))
            }
        }
    }

    /// Waits for the head of an answer.
    async fn in_time<T>(
        &self,
        started: Instant,
        deadline: Instant,
        work: impl Future<Output = T>,
    ) -> Result<T, AskError> {
        let until = deadline.min(started + self.request_timeout);
        let outcome = tokio::time::timeout_at(until, work).await;
        outcome.map_err(|_| self.too_slow(started))
    }

    async fn read_body(
        &self,
        mut response: Response,
        started: Instant,
        deadline: Instant,
        on_bytes: &mut (dyn FnMut(&[u8]) -> Result<(), Stop> + Send),
    ) -> Result<(), AskError> {
        let status = response.status();
        let mut error_text = Vec::new();
        let mut received = 0_u64;
        loop {
            let extended = Duration::from_millis(received * 1_000 / SLOWEST_BYTES_PER_SECOND);
            let until = deadline.min(started + self.request_timeout + extended);
            let chunk = tokio::time::timeout_at(until, response.chunk())
                .await
                .map_err(|_| self.too_slow(started))?
                .map_err(|error| self.broken(&error))?;
            let Some(bytes) = chunk else {
                break;
            };
            received += bytes.len() as u64;
            if status == StatusCode::OK {
                on_bytes(&bytes).map_err(|stop| match stop {
                    Stop::Error(error) => error,
                    Stop::Decode(error) => self.unreadable(&error),
                })?;
                continue;
            }
            error_text.extend_from_slice(&bytes);
            if error_text.len() > MAXIMUM_ERROR_BYTES {
                break;
            }
        }
        match status.is_success() {
            true => Ok(()),
            false => Err(self.refusal(status, &error_text)),
        }
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> AskError {
        let text = match decode::read::<ErrorAnswer>(body) {
            Ok(answer) => answer.error,
            Err(_) => String::from_utf8_lossy(body).into_owned(),
        };
        let text: String = text.trim().chars().take(300).collect();
        let kind = match status.as_u16() {
            413 | 414 => Failure::TooMuch,
            400 | 422 if is_about_a_limit(&text) => Failure::TooMuch,
            500.. | 429 => Failure::Away,
            _ => Failure::Refused,
        };
        let advice = match status.as_u16() {
            401 | 403 => "; check series.username, password_file and bearer_token_file",
            300..=399 => "; give series.url as the server has it, it is not followed elsewhere",
            _ => "",
        };
        let colon = if text.is_empty() { "" } else { ": " };
        self.error(kind, &format!("answers {status}{colon}{text}{advice}"))
    }

    fn refuse_partial(&self, warnings: &[String], is_partial: bool) -> Result<(), AskError> {
        if warnings.is_empty() && !is_partial {
            return Ok(());
        }
        metrics::QUERIES
            .with_label_values(&[Failure::Partial.outcome()])
            .inc();
        let told = match warnings.first() {
            Some(warning) => warning.chars().take(300).collect(),
            None => "it does not say why".to_owned(),
        };
        Err(self.error(Failure::Partial, &format!("answered in part only: {told}")))
    }

    fn not_sent(&self, error: &prometheus_http_query::Error) -> AskError {
        let cause = match error {
            prometheus_http_query::Error::Client(error) => error.inner(),
            _ => None,
        };
        match cause {
            Some(cause) => self.broken(cause),
            None => self.error(Failure::Refused, &format!("cannot be asked: {error}")),
        }
    }

    fn broken(&self, error: &reqwest::Error) -> AskError {
        if error.is_timeout() {
            return self.error(Failure::Away, "cannot be connected to in time");
        }
        let what = match error.is_connect() {
            true => "cannot be connected to",
            false => "broke off its answer",
        };
        self.error(Failure::Away, &format!("{what}: {}", last_cause(error)))
    }

    fn too_slow(&self, started: Instant) -> AskError {
        let milliseconds = started.elapsed().as_millis();
        self.error(
            Failure::Away,
            &format!("has not answered within {milliseconds} ms"),
        )
    }

    fn unreadable(&self, error: &DecodeError) -> AskError {
        let kind = match error {
            DecodeError::Cut => Failure::Away,
            DecodeError::TooLong(_) => Failure::TooMuch,
            DecodeError::Unexpected(_) => Failure::Refused,
        };
        self.error(kind, &format!("gives an answer that {error}"))
    }

    /// An error that says which server does what.
    pub(super) fn error(&self, kind: Failure, what: &str) -> AskError {
        AskError {
            kind,
            reason: format!("Prometheus at {} {what}", self.client.url),
        }
    }

    fn url_of(&self, path: &str) -> String {
        format!("{}/{path}", self.client.url)
    }

    /// No query from now on.
    pub(super) fn close(&self) {
        self.permits.close();
    }
}

/// Why reading ends.
enum Stop {
    Decode(DecodeError),
    Error(AskError),
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

/// `1795279719.001`
pub(super) fn seconds(time_ms: i64) -> String {
    format!("{}.{:03}", time_ms.div_euclid(1_000), time_ms.rem_euclid(1_000))
}

/// Prometheus: "query processing would load too many samples into memory". VictoriaMetrics names one of its flags:
/// "cannot select more than -search.maxSamplesPerQuery=…", "too long query; … -search.maxQueryLen=…".
fn is_about_a_limit(text: &str) -> bool {
    ["too many samples", "-search.max", "limit", "exceed"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// Refuses files that cannot be used, by key.
pub(super) fn check_files(config: &PrometheusConfig) -> Result<(), Refusal> {
    certificates(config)?;
    headers(config)?;
    Ok(())
}

fn certificates(config: &PrometheusConfig) -> Result<Vec<Certificate>, Refusal> {
    let Some(path) = &config.ca_file else {
        return Ok(Vec::new());
    };
    let pem = fs::read(path).map_err(cannot_read("ca_file", path))?;
    Certificate::from_pem_bundle(&pem)
        .map_err(|error| Refusal::new("ca_file", format!("{}: {error}", path.display())))
}

fn headers(config: &PrometheusConfig) -> Result<HeaderMap, Refusal> {
    let value = match (&config.username, &config.password_file, &config.bearer_token_file) {
        (Some(username), Some(path), _) => {
            let password = read_secret("password_file", path)?;
            format!(
                "Basic {}",
                BASE64_STANDARD.encode(format!("{username}:{password}"))
            )
        }
        (_, _, Some(path)) => format!("Bearer {}", read_secret("bearer_token_file", path)?),
        _ => return Ok(HeaderMap::new()),
    };
    let key = match &config.password_file {
        Some(_) => "password_file",
        None => "bearer_token_file",
    };
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| Refusal::new(key, "what it holds has characters that no header can have"))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

fn read_secret(field: &'static str, path: &Path) -> Result<String, Refusal> {
    let text = fs::read_to_string(path).map_err(cannot_read(field, path))?;
    Ok(text.trim().to_owned())
}

fn cannot_read(field: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Refusal {
    move |error| Refusal::new(field, format!("{} cannot be read: {error}", path.display()))
}

fn last_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match error.source() {
        Some(_) => cause.to_string(),
        // Its own text has the address in it.
        None => "the connection failed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_seconds() {
        assert_eq!(seconds(1_795_279_719_001), "1795279719.001");
        assert_eq!(seconds(0), "0.000");
    }

    #[test]
    fn what_is_about_a_limit_is_known() {
        for text in [
            "query processing would load too many samples into memory in query execution",
            "too long query; got 20000 bytes; mustn't exceed -search.maxQueryLen=16384 bytes",
            "cannot select more than -search.maxSamplesPerQuery=1000000000 samples",
        ] {
            assert!(is_about_a_limit(text), "{text}");
        }
        assert!(!is_about_a_limit(
            "parse error: unexpected end of input inside braces"
        ));
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_named() {
        let config = PrometheusConfig {
            bearer_token_file: Some("/nowhere/token".into()),
            ..PrometheusConfig::default()
        };
        let refusal = Asker::new(&config).expect_err("refused").to_string();
        assert!(
            refusal.starts_with("bearer_token_file: /nowhere/token cannot be read"),
            "{refusal}"
        );
    }
}
