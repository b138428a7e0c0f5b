//! Logs of tests on a real server, written as shippers write them.

use aops_api::host::Machine;
use aops_api::rule::DataKind;
use aops_api::series::{FetchedSeries, SeriesFetchAnswer, SeriesFetchRequest, SeriesSelector};
use aops_api::{HostId, Shard, TimeRange};
use aops_data_center::elasticsearch::ElasticsearchConfig;
use aops_data_center::logs::{ElasticsearchLogsConfig, LogShape, Logs, LogsConfig};
use aops_service::random;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::center::NOW_MS;

/// How long a line speaks.
pub(crate) const LINE_SPEAKS_MS: i64 = 15_000;

/// Indices of one test.
pub(crate) struct Store {
    pub(crate) config: ElasticsearchLogsConfig,
    url: String,
}

/// A line as a shipper knows it. What is empty is not written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shipped<'a> {
    pub(crate) stream: &'a str,
    pub(crate) time_ms: i64,
    pub(crate) received_ms: Option<i64>,
    pub(crate) host_id: &'a str,
    pub(crate) address: &'a str,
    pub(crate) host: &'a str,
    pub(crate) program: &'a str,
    pub(crate) message: &'a str,
}

/// The server that the tests were given; `None` without one.
pub(crate) fn server() -> Option<String> {
    let Ok(url) = std::env::var("AOPS_TEST_ELASTICSEARCH_URL") else {
        eprintln!("skipped: AOPS_TEST_ELASTICSEARCH_URL is not set");
        return None;
    };
    Some(url.trim_end_matches('/').to_owned())
}

impl Store {
    pub(crate) fn new(shape: LogShape) -> Option<Self> {
        let url = server()?;
        let config = ElasticsearchLogsConfig {
            connection: ElasticsearchConfig {
                urls: vec![url.clone()],
                index_prefix: format!("test-{}", random::id()),
                // Everything runs at once while the tests do.
                request_timeout: std::time::Duration::from_secs(30),
                ..ElasticsearchConfig::default()
            },
            shape,
            ..ElasticsearchLogsConfig::default()
        };
        Some(Self { config, url })
    }

    pub(crate) fn open(&self) -> Logs {
        self.open_with(|_| {})
    }

    pub(crate) fn open_with(&self, change: impl FnOnce(&mut ElasticsearchLogsConfig)) -> Logs {
        let mut config = self.config.clone();
        change(&mut config);
        Logs::open(&LogsConfig::Elasticsearch(config), LINE_SPEAKS_MS).expect("opened")
    }

    /// Open, with the template in place.
    pub(crate) async fn prepared(&self) -> Logs {
        let logs = self.open();
        logs.prepare().await.expect("prepared");
        logs
    }

    /// As a shipper of this shape writes them; they can be found when this returns.
    pub(crate) async fn ship(&self, lines: &[Shipped<'_>]) {
        for some in lines.chunks(5_000) {
            let bulk: String = some.iter().map(|line| self.bulk_lines(line)).collect();
            let answer = self.send("POST", "/_bulk?refresh=true", bulk).await;
            assert_eq!(answer["errors"], false, "{answer}");
        }
    }

    fn bulk_lines(&self, line: &Shipped<'_>) -> String {
        let prefix = &self.config.connection.index_prefix;
        let action = json!({ "create": { "_index": format!("{prefix}-log-v1-{}", day(line.time_ms)) } });
        let mut document = match self.config.shape {
            LogShape::Rsyslog => json!({
                "@timestamp": written(line.time_ms, "%6f"),
                "stream": line.stream, "severity": "", "facility": "",
            }),
            LogShape::Fluentd => json!({
                "@timestamp": written(line.time_ms, "%9f"),
                "@log_name": format!("aops.{}", line.stream), "tag": "aops", "pid": "17",
            }),
        };
        if let Some(received_ms) = line.received_ms {
            document["received"] = json!(written(received_ms, "%6f"));
        }
        let texts = [
            ("host_id", line.host_id),
            ("address", line.address),
            ("host", line.host),
            ("program", line.program),
            ("message", line.message),
        ];
        for (name, text) in texts {
            // rsyslog writes what it does not know as an empty text.
            if !text.is_empty() || self.config.shape == LogShape::Rsyslog {
                document[name] = json!(text);
            }
        }
        format!("{action}\n{document}\n")
    }

    /// A request past the data center.
    pub(crate) async fn send(&self, method: &str, path: &str, body: String) -> Value {
        let call = reqwest::Client::new()
            .request(method.parse().expect("a method"), format!("{}{path}", self.url))
            .header("content-type", "application/x-ndjson")
            .body(body);
        let answer: Value = call.send().await.expect("an answer").json().await.expect("JSON");
        assert!(answer["error"].is_null(), "{path}: {answer}");
        answer
    }

    pub(crate) async fn indices(&self) -> Vec<String> {
        let prefix = &self.config.connection.index_prefix;
        let answer = self
            .send("GET", &format!("/{prefix}-*/_alias"), String::new())
            .await;
        answer.as_object().expect("indices").keys().cloned().collect()
    }

    /// Takes everything of this test away. Only after a test that went well: one that failed leaves it for a look
    /// (`scripts/engines reset elasticsearch` takes all away).
    pub(crate) async fn clean_up(&self) {
        for index in self.indices().await {
            self.send("DELETE", &format!("/{index}"), String::new()).await;
        }
        // Not every test has put a template: one that is missing is as good as deleted.
        let prefix = &self.config.connection.index_prefix;
        let template = format!("{}/_index_template/{prefix}-*", self.url);
        let gone = reqwest::Client::new().delete(template).send().await;
        gone.expect("an answer");
    }
}

fn day(time_ms: i64) -> String {
    let time = Timestamp::from_millisecond(time_ms).expect("a time");
    time.to_zoned(TimeZone::UTC).strftime("%Y.%m.%d").to_string()
}

fn written(time_ms: i64, fraction: &str) -> String {
    let time = Timestamp::from_millisecond(time_ms)
        .expect("a time")
        .to_zoned(TimeZone::UTC);
    let format = format!("%Y-%m-%dT%H:%M:%S.{fraction}+00:00");
    time.strftime(&format).to_string()
}

/// A line of a host, so many milliseconds after the beginning.
pub(crate) fn line<'a>(host_id: &'a str, stream: &'a str, after_ms: i64, message: &'a str) -> Shipped<'a> {
    Shipped {
        stream,
        time_ms: NOW_MS + after_ms,
        host_id,
        message,
        ..Shipped::default()
    }
}

pub(crate) fn machine(host_id: &str, address: &str) -> Machine {
    let host_id = HostId::from(host_id);
    Machine {
        shard: Shard::of(&host_id),
        host_id,
        address: address.to_owned(),
        first_sample_ms: None,
    }
}

/// A stream between two moments after the beginning.
pub(crate) fn stream(name: &str, start_ms: i64, end_ms: i64) -> SeriesSelector {
    SeriesSelector {
        name: name.to_owned(),
        kind: DataKind::Log,
        matchers: Vec::new(),
        range: TimeRange::new(NOW_MS + start_ms, NOW_MS + end_ms),
        want_never_had: true,
    }
}

pub(crate) fn request(hosts: &[&str], selectors: Vec<SeriesSelector>) -> SeriesFetchRequest {
    SeriesFetchRequest {
        hosts: hosts.iter().map(|host| HostId::from(*host)).collect(),
        selectors,
    }
}

/// What was found of a selector on a host: times after the beginning, and texts.
pub(crate) fn found<'a>(answer: &'a SeriesFetchAnswer, selector: usize, host: &str) -> Vec<(i64, &'a str)> {
    let is_it = |series: &&FetchedSeries| series.selector == selector && series.host_id.as_str() == host;
    let series: Vec<&FetchedSeries> = answer.series.iter().filter(is_it).collect();
    assert!(
        series.len() <= 1,
        "all lines of a selector are one series: {series:?}"
    );
    let samples = series
        .into_iter()
        .flat_map(|series| series.times_ms.iter().zip(&series.texts));
    samples
        .map(|(time, text)| (time - NOW_MS, text.as_str()))
        .collect()
}

pub(crate) fn never_had(answer: &SeriesFetchAnswer) -> Vec<(usize, &str)> {
    let never_had = answer.never_had.iter();
    never_had
        .map(|never_had| (never_had.selector, never_had.host_id.as_str()))
        .collect()
}

/// When a shipper was not heard, by the time after the beginning.
pub(crate) fn unheard(answer: &SeriesFetchAnswer) -> Vec<(usize, &str, i64, i64)> {
    let unheard = answer.unheard.iter();
    unheard
        .map(|unheard| {
            let range = unheard.range;
            (
                unheard.selector,
                unheard.host_id.as_str(),
                range.start_ms - NOW_MS,
                range.end_ms - NOW_MS,
            )
        })
        .collect()
}
