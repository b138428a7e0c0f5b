//! Settings of the series store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use aops_service::config::Refusal;
use serde::{Deserialize, Serialize};

/// Where series are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "engine", rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "a process has one")]
pub enum SeriesConfig {
    /// In a file of the data folder, filled by our own scraper.
    Embedded {},
    /// In Prometheus, or in what answers as it does: VictoriaMetrics, Thanos. It scrapes the machines itself.
    Prometheus(PrometheusConfig),
}

impl Default for SeriesConfig {
    fn default() -> Self {
        Self::Embedded {}
    }
}

impl SeriesConfig {
    /// Refuses what makes no sense, by key.
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::Embedded {} => Ok(()),
            Self::Prometheus(config) => config.check(),
        }
    }

    /// Refuses files that cannot be used, by key.
    pub fn check_files(&self) -> Result<(), Refusal> {
        match self {
            Self::Embedded {} => Ok(()),
            Self::Prometheus(config) => super::ask::check_files(config),
        }
    }
}

/// How Prometheus is asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PrometheusConfig {
    /// Where it is: `http://127.0.0.1:9090`, with the path before `/api/v1` if there is one.
    pub url: String,
    /// User name, for basic authentication; with `password_file`.
    pub username: Option<String>,
    /// File with the password for `username`. Read at the start.
    pub password_file: Option<PathBuf>,
    /// File with a bearer token, instead of user name and password. Read at the start.
    pub bearer_token_file: Option<PathBuf>,
    /// File with certificates (PEM) of authorities to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// How long a query may be without an answer. What arrives extends it, by a second for each 2 MB. All that one request
    /// of a user asks for has this time together, not extended: keep it below 3 seconds.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub request_timeout: Duration,
    /// How long all queries of one check or diagnosis may take together. Nobody waits for it, and a pass over many hosts
    /// goes on as long as the server answers; one that does not is given up after `request_timeout`.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub fetch_timeout: Duration,
    /// Queries at the same time. Prometheus itself runs 20 (`--query.max-concurrency`).
    pub concurrency: usize,
    /// The longest query, in bytes. VictoriaMetrics refuses queries over 16 kB (`-search.maxQueryLen`).
    pub maximum_query_bytes: usize,
    /// The most hosts in one query.
    pub maximum_hosts_per_query: usize,
    /// The most series in the answer to one query. An answer with more is cut off, and fewer hosts are asked for.
    pub maximum_series_per_query: usize,
    /// The most samples in the answer to one query. An answer with more is cut off, and fewer hosts are asked for.
    pub maximum_samples_per_query: u64,
    /// Scrape intervals by name of the job, for jobs of which the server does not tell: those of another Prometheus
    /// that writes to it, and all where it is not Prometheus itself.
    pub scrape_intervals: BTreeMap<String, Interval>,
    /// A label that our service discovery gives each machine, with the number of its shard. It stands in queries beside
    /// `host_id`, so that a server that is one of many can tell that a query is not for it. None by default.
    pub shard_label: Option<String>,
    /// Whether series without the label `host_id` belong to the machine of which `instance` is the metrics address.
    pub match_instance: bool,
    /// Whether series may be deleted (`--web.enable-admin-api`). Without it they live as long as the server keeps them.
    pub admin_api: bool,
}

/// A duration in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Interval(
    /// Of the scrapes.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub Duration,
);

impl Default for PrometheusConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:9090".to_owned(),
            username: None,
            password_file: None,
            bearer_token_file: None,
            ca_file: None,
            request_timeout: Duration::from_millis(2_500),
            fetch_timeout: Duration::from_secs(30),
            concurrency: 8,
            maximum_query_bytes: 15_000,
            maximum_hosts_per_query: 400,
            maximum_series_per_query: 100_000,
            maximum_samples_per_query: 2_000_000,
            scrape_intervals: BTreeMap::new(),
            shard_label: None,
            match_instance: true,
            admin_api: false,
        }
    }
}

impl PrometheusConfig {
    /// Refuses what cannot be meant: the key, what was found, what was expected.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let url = reqwest::Url::parse(&self.url)
            .map_err(|error| Refusal::new("url", format!("'{}' is not a URL: {error}", self.url)))?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some()
        {
            let reason = "must begin with http:// or https:// and hold no password; give username and password_file \
                          instead";
            return Err(Refusal::new("url", reason));
        }
        if self.username.is_some() != self.password_file.is_some() {
            return Err(Refusal::new(
                "username",
                "goes with password_file: give both or none",
            ));
        }
        if self.username.is_some() && self.bearer_token_file.is_some() {
            let reason = "give it or a user name, not both";
            return Err(Refusal::new("bearer_token_file", reason));
        }
        self.check_limits()?;
        match &self.shard_label {
            Some(label) if !super::promql::is_label_name(label) => {
                let reason = format!("'{label}' is not the name of a label (letters, digits and _)");
                Err(Refusal::new("shard_label", reason))
            }
            _ => Ok(()),
        }
    }

    fn check_limits(&self) -> Result<(), Refusal> {
        let at_least_one = [
            ("concurrency", self.concurrency as u64),
            ("maximum_hosts_per_query", self.maximum_hosts_per_query as u64),
            ("maximum_series_per_query", self.maximum_series_per_query as u64),
            ("maximum_samples_per_query", self.maximum_samples_per_query),
        ];
        for (key, found) in at_least_one {
            if found == 0 {
                return Err(Refusal::new(key, "is 0, expected at least 1"));
            }
        }
        if self.maximum_query_bytes < 1_000 {
            let reason = format!("is {}, expected at least 1000", self.maximum_query_bytes);
            return Err(Refusal::new("maximum_query_bytes", reason));
        }
        for (key, found) in [
            ("request_timeout", self.request_timeout),
            ("fetch_timeout", self.fetch_timeout),
        ] {
            if found.is_zero() {
                return Err(Refusal::new(key, "is 0, expected a duration such as 2500ms"));
            }
        }
        let zero = |(_, interval): &(&String, &Interval)| interval.0.is_zero();
        match self.scrape_intervals.iter().find(zero) {
            Some((job, _)) => Err(Refusal::new(
                format!("scrape_intervals.{job}"),
                "is 0, expected a duration such as 15s",
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl Fn(&mut PrometheusConfig)) -> String {
        let mut config = PrometheusConfig::default();
        change(&mut config);
        config.check().expect_err("refused").to_string()
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        assert_eq!(PrometheusConfig::default().check(), Ok(()));
        let url = |url: &str| refusal(|config| config.url = url.to_owned());
        assert!(url("prometheus:9090").starts_with("url: "));
        assert!(url("nothing").starts_with("url: 'nothing'"));
        assert!(url("http://me:secret@host:9090").contains("password_file"));
        assert!(!url("http://me:secret@host:9090").contains("secret@"));
        assert!(refusal(|config| config.username = Some("me".to_owned())).contains("password_file"));
        assert!(refusal(|config| config.concurrency = 0).starts_with("concurrency: is 0"));
        assert!(refusal(|config| config.maximum_query_bytes = 10).contains("1000"));
        assert!(refusal(|config| config.request_timeout = Duration::ZERO).contains("request_timeout"));
        assert!(refusal(|config| config.shard_label = Some("a-b".to_owned())).contains("'a-b'"));
        let zero = |config: &mut PrometheusConfig| {
            config
                .scrape_intervals
                .insert("node".to_owned(), Interval(Duration::ZERO));
        };
        assert!(refusal(zero).contains("scrape_intervals.node"));
    }

    #[test]
    fn settings_are_read_by_engine() {
        let read = |text: &str| serde_json::from_str::<SeriesConfig>(text);
        assert_eq!(
            read(r#"{"engine":"embedded"}"#).expect("read"),
            SeriesConfig::default()
        );
        let text = r#"{"engine":"prometheus","url":"http://a:1","request_timeout":"1s","scrape_intervals":{"node":"2s"}}"#;
        let SeriesConfig::Prometheus(config) = read(text).expect("read") else {
            panic!("another engine");
        };
        assert_eq!(config.request_timeout, Duration::from_secs(1));
        assert_eq!(config.scrape_intervals["node"], Interval(Duration::from_secs(2)));
        let written = serde_json::to_string(&SeriesConfig::Prometheus(config.clone())).expect("written");
        assert_eq!(read(&written).expect("read"), SeriesConfig::Prometheus(config));
        for wrong in [
            r#"{"engine":"influx"}"#,
            r#"{"engine":"embedded","url":"http://a:1"}"#,
            r#"{"engine":"prometheus","password":"secret"}"#,
        ] {
            read(wrong).expect_err(wrong);
        }
    }
}
