//! How logs lie in Elasticsearch: names of indices, template. Pure.
//!
//! Shippers name the indices, one for each day of the lines' time in UTC: `aops-log-v1-2026.11.21`. The number is the
//! version of the layout, which stands in the shipped configurations too.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::logs::config::{ElasticsearchLogsConfig, FieldNames};

/// Version of the mapping.
const VERSION: u32 = 1;

const DAY_MS: i64 = 86_400_000;

/// Lucene takes terms of 32,766 bytes; a letter has up to four.
const LONGEST_TERM: u32 = 8_191;

/// Names and settings of the indices.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    prefix: String,
    shards: u32,
    replicas: Option<u32>,
    /// Where lines are read.
    pub(super) indices: String,
    /// Whether template and retention are ours.
    pub(super) is_ours: bool,
}

impl Layout {
    pub(super) fn new(config: &ElasticsearchLogsConfig) -> Self {
        let prefix = config.connection.index_prefix.clone();
        Self {
            indices: config
                .indices
                .clone()
                .unwrap_or_else(|| format!("{prefix}-log-*")),
            is_ours: config.indices.is_none(),
            prefix,
            shards: config.connection.shards,
            replicas: config.connection.replicas,
        }
    }

    pub(super) fn template_name(&self) -> String {
        format!("{}-log-v{VERSION}", self.prefix)
    }

    /// What every new index gets. Fields that are not declared are stored and not searched: a shipper that sends more does
    /// no harm.
    pub(super) fn template(&self, fields: &FieldNames, labels: impl Iterator<Item = String>) -> Value {
        let mut settings = json!({ "number_of_shards": self.shards, "refresh_interval": "500ms" });
        match self.replicas {
            Some(replicas) => settings["number_of_replicas"] = json!(replicas),
            None => settings["auto_expand_replicas"] = json!("0-1"),
        }
        let mut properties = json!({
            fields.time.as_str(): { "type": "date" },
            fields.received.as_str(): { "type": "date" },
            fields.message.as_str(): {
                "type": "text",
                "fields": { "whole": { "type": "keyword", "ignore_above": LONGEST_TERM } },
            },
        });
        let names = [&fields.host_id, &fields.host, &fields.address, &fields.stream];
        for name in names.into_iter().cloned().chain(labels) {
            properties[name] = json!({ "type": "keyword", "ignore_above": LONGEST_TERM });
        }
        json!({
            "index_patterns": [format!("{}-log-*", self.prefix)],
            "priority": 500,
            "version": VERSION,
            "_meta": { "description": "Lines of logs for A-Ops. Written by its data center at every start." },
            "template": { "settings": settings, "mappings": { "dynamic": false, "properties": properties } },
        })
    }

    /// Whether an index is one of ours and its day ended before.
    pub(super) fn ended_before(&self, index: &str, before_ms: i64) -> bool {
        let Some(rest) = index.strip_prefix(&format!("{}-log-", self.prefix)) else {
            return false;
        };
        rest.rsplit('-')
            .next()
            .and_then(end_of_day_ms)
            .is_some_and(|end_ms| end_ms <= before_ms)
    }
}

/// Of `2026.11.21`.
fn end_of_day_ms(day: &str) -> Option<i64> {
    let mut parts = day.split('.');
    let mut next = || parts.next();
    let date = Date::new(
        next()?.parse().ok()?,
        next()?.parse().ok()?,
        next()?.parse().ok()?,
    )
    .ok()?;
    if parts.next().is_some() {
        return None;
    }
    let start = date.to_zoned(TimeZone::UTC).ok()?;
    Some(start.timestamp().as_millisecond() + DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_days_of_ours_are_old() {
        let layout = Layout::new(&ElasticsearchLogsConfig::default());
        let midnight = 1_795_305_600_000;
        assert!(layout.ended_before("aops-log-v1-2026.11.21", midnight));
        assert!(!layout.ended_before("aops-log-v1-2026.11.21", midnight - 1));
        assert!(
            layout.ended_before("aops-log-2026.11.21", midnight),
            "as fluentd names them"
        );
        for other in [
            "aops-result-v1-2026.11.21",
            "aops-log-v1-2026.11",
            "aops-log-v1-2026.13.01",
            "aops-log-v1-2026.11.21.1",
            "aops-log-v1-x",
            "other-log-v1-2026.11.21",
        ] {
            assert!(!layout.ended_before(other, i64::MAX), "{other}");
        }
    }

    #[test]
    fn every_field_that_is_searched_is_declared() {
        let config = ElasticsearchLogsConfig::default();
        let template = Layout::new(&config).template(&config.field_names(), config.labels.values().cloned());
        let properties = &template["template"]["mappings"]["properties"];
        for field in ["@timestamp", "received"] {
            assert_eq!(properties[field]["type"], "date", "{field}");
        }
        for field in [
            "host_id", "host", "address", "stream", "program", "severity", "facility",
        ] {
            assert_eq!(properties[field]["type"], "keyword", "{field}");
        }
    }
}
