//! Which engine holds logs, and in which shape shippers write to it.

use std::collections::BTreeMap;
use std::time::Duration;

use aops_service::config::Refusal;
use serde::{Deserialize, Serialize};

use crate::elasticsearch::ElasticsearchConfig;

/// Where lines of logs are read: `engine = "none"` or `engine = "elasticsearch"`, with the settings of that engine beside
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "engine", rename_all = "lowercase", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "a process has one")]
pub enum LogsConfig {
    /// Nowhere: rules over logs say `No data`.
    None {},
    /// Indices that shippers write.
    Elasticsearch(ElasticsearchLogsConfig),
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self::None {}
    }
}

impl LogsConfig {
    /// Refuses what makes no sense, by key.
    pub fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::None {} => Ok(()),
            Self::Elasticsearch(config) => config.check(),
        }
    }

    /// Refuses files that cannot be used, by key.
    pub fn check_files(&self) -> Result<(), Refusal> {
        match self {
            Self::None {} => Ok(()),
            Self::Elasticsearch(config) => {
                let outcome = config.connection.check_files();
                outcome.map_err(|refusal| refusal.within("connection"))
            }
        }
    }
}

/// Lines that shippers write to Elasticsearch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ElasticsearchLogsConfig {
    /// The cluster. Its `index_prefix` begins the names of the indices, as in `aops-log-v1-2026.11.21`.
    pub connection: ElasticsearchConfig,
    /// Who writes: `rsyslog` or `fluentd`. Decides the names of the fields.
    pub shape: LogShape,
    /// Where another configuration of a shipper than ours writes, such as `logstash-*`. Template and retention of these
    /// indices are then yours. Absent = the indices of the prefix, with our template and retention.
    pub indices: Option<String>,
    /// Names of fields that differ from the shape's.
    pub fields: LogFields,
    /// Streams, by the name that rules use, whose value in the stream field differs from the shape's.
    pub streams: BTreeMap<String, String>,
    /// Labels that rules may use on logs, and the fields they stand for.
    pub labels: BTreeMap<String, String>,
    /// How often a shipper sends its heartbeat. One that was not heard for three times as long is silent.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub heartbeat_interval: Duration,
    /// A line whose time is later than its receipt by more than this has the time of the receipt: its host's clock is
    /// wrong.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub clock_limit: Duration,
    /// How long lines are kept.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub retention: Duration,
    /// A selector that finds more lines than this fails.
    pub maximum_lines_per_selector: u64,
    /// Once an answer holds this many lines, the selectors that would add to it fail.
    pub maximum_lines_per_answer: u64,
    /// Once an answer holds this many bytes of lines, the selectors that would add to it fail.
    pub maximum_bytes_per_answer: u64,
}

/// Who writes the documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogShape {
    /// `deploy/rsyslog/aops.conf`.
    #[default]
    Rsyslog,
    /// fluent-plugin-elasticsearch with `logstash_format` and `include_tag_key`; tags are `aops.` and the stream.
    Fluentd,
}

/// Names of fields; those that are absent are the shape's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogFields {
    /// Time of the line, by the host's clock.
    pub time: Option<String>,
    /// Time of its receipt by the shipper.
    pub received: Option<String>,
    /// The host's `host_id`.
    pub host_id: Option<String>,
    /// The host's name, used where there is no `host_id`.
    pub host: Option<String>,
    /// The address that the line came from, used where there is no `host_id`.
    pub address: Option<String>,
    /// The stream.
    pub stream: Option<String>,
    /// The line.
    pub message: Option<String>,
}

impl Default for ElasticsearchLogsConfig {
    fn default() -> Self {
        let same = |name: &str| (name.to_owned(), name.to_owned());
        Self {
            connection: ElasticsearchConfig::default(),
            shape: LogShape::default(),
            indices: None,
            fields: LogFields::default(),
            streams: BTreeMap::new(),
            labels: BTreeMap::from(["program", "severity", "facility"].map(same)),
            heartbeat_interval: Duration::from_secs(30),
            clock_limit: Duration::from_secs(60),
            retention: Duration::from_secs(7 * 86_400),
            maximum_lines_per_selector: 50_000,
            maximum_lines_per_answer: 200_000,
            maximum_bytes_per_answer: 64 * 1024 * 1024,
        }
    }
}

/// The names that fields have in the documents.
#[derive(Clone, Debug)]
pub(super) struct FieldNames {
    pub(super) time: String,
    pub(super) received: String,
    pub(super) host_id: String,
    pub(super) host: String,
    pub(super) address: String,
    pub(super) stream: String,
    pub(super) message: String,
}

impl ElasticsearchLogsConfig {
    /// Refuses what cannot be meant, by key. Reads no file.
    pub fn check(&self) -> Result<(), Refusal> {
        let connection = self.connection.check();
        connection.map_err(|refusal| refusal.within("connection"))?;
        if self.heartbeat_interval.is_zero() {
            return Err(setting("heartbeat_interval", "must be longer than 0"));
        }
        if self.retention.as_secs() < 86_400 {
            return Err(setting(
                "retention",
                "must be at least one day: days are deleted whole",
            ));
        }
        if self.indices.as_deref().is_some_and(str::is_empty) {
            return Err(setting("indices", "is empty; leave it out for the default"));
        }
        let limits = [
            (self.maximum_lines_per_selector, "maximum_lines_per_selector"),
            (self.maximum_lines_per_answer, "maximum_lines_per_answer"),
            (self.maximum_bytes_per_answer, "maximum_bytes_per_answer"),
        ];
        match limits.iter().find(|(limit, _)| *limit == 0) {
            Some((_, field)) => Err(setting(field, "must be at least 1")),
            None => Ok(()),
        }
    }

    pub(super) fn field_names(&self) -> FieldNames {
        let stream = match self.shape {
            LogShape::Rsyslog => "stream",
            LogShape::Fluentd => "@log_name",
        };
        let named = |own: &Option<String>, usual: &str| own.as_deref().unwrap_or(usual).to_owned();
        FieldNames {
            time: named(&self.fields.time, "@timestamp"),
            received: named(&self.fields.received, "received"),
            host_id: named(&self.fields.host_id, "host_id"),
            host: named(&self.fields.host, "host"),
            address: named(&self.fields.address, "address"),
            stream: named(&self.fields.stream, stream),
            message: named(&self.fields.message, "message"),
        }
    }

    /// What stands in the stream field for the stream that rules call so.
    pub(super) fn stream_value(&self, name: &str) -> String {
        match (self.streams.get(name), self.shape) {
            (Some(value), _) => value.clone(),
            (None, LogShape::Rsyslog) => name.to_owned(),
            (None, LogShape::Fluentd) => format!("aops.{name}"),
        }
    }
}

fn setting(key: &'static str, reason: &str) -> Refusal {
    Refusal::new(key, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<LogsConfig, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn the_engine_chooses_its_settings() {
        assert_eq!(
            read(r#"{"engine": "none"}"#).expect("read"),
            LogsConfig::default()
        );
        let text = r#"{"engine": "elasticsearch", "shape": "fluentd", "connection": {"index_prefix": "site-1"},
            "streams": {"messages": "syslog"}, "fields": {"message": "log"}, "retention": "72h"}"#;
        let LogsConfig::Elasticsearch(config) = read(text).expect("read") else {
            panic!("another engine");
        };
        config.check().expect("fine");
        assert_eq!(config.field_names().message, "log");
        assert_eq!(config.field_names().stream, "@log_name");
        assert_eq!(config.stream_value("messages"), "syslog");
        assert_eq!(config.stream_value("dmesg"), "aops.dmesg");
        assert_eq!(config.retention, Duration::from_secs(3 * 86_400));
        for wrong in [
            r#"{"engine": "none", "urls": []}"#,
            r#"{"engine": "elasticsearch", "url": "x"}"#,
            r#"{"engine": "elasticsearch", "fields": {"text": "x"}}"#,
            r#"{"engine": "other"}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for config in [
            LogsConfig::default(),
            LogsConfig::Elasticsearch(ElasticsearchLogsConfig::default()),
        ] {
            let text = serde_json::to_string(&config).expect("written");
            assert_eq!(read(&text).expect("read"), config);
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        let refusal = |change: fn(&mut ElasticsearchLogsConfig)| {
            let mut config = ElasticsearchLogsConfig::default();
            change(&mut config);
            config.check().expect_err("refused").to_string()
        };
        assert!(
            refusal(|config| config.heartbeat_interval = Duration::ZERO).starts_with("heartbeat_interval: ")
        );
        assert!(refusal(|config| config.retention = Duration::from_secs(60)).starts_with("retention: "));
        assert!(refusal(|config| config.indices = Some(String::new())).starts_with("indices: "));
        assert!(
            refusal(|config| config.maximum_lines_per_selector = 0).contains("maximum_lines_per_selector")
        );
        assert!(refusal(|config| config.connection.urls.clear()).starts_with("connection.urls: "));
    }
}
