//! How often jobs are scraped: as configured here, as the server's own configuration says, or as we assume.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::ask::{Asker, Failure};
use super::config::PrometheusConfig;
use super::decode;
use crate::series::JobIntervals;

/// How long the server's configuration is taken to be as it was.
const CONFIGURATION_LASTS: Duration = Duration::from_secs(60);
/// Of Prometheus, where its configuration does not say.
const PROMETHEUS_DEFAULT_MS: i64 = 60_000;

#[derive(Debug)]
pub(super) struct Intervals {
    assumed: JobIntervals,
    configured: BTreeMap<String, i64>,
    known: Mutex<Option<(Instant, JobIntervals)>>,
}

impl Intervals {
    pub(super) fn new(config: &PrometheusConfig, assumed: JobIntervals) -> Self {
        let in_ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let configured = config.scrape_intervals.iter();
        Self {
            assumed,
            configured: configured
                .map(|(job, interval)| (job.clone(), in_ms(interval.0)))
                .collect(),
            known: Mutex::new(None),
        }
    }

    /// The intervals as of now. The error is the server's not answering when it was never asked before.
    pub(super) async fn current(&self, asker: &Asker, deadline: Instant) -> Result<JobIntervals, String> {
        let before = self.known().clone();
        if let Some((read_at, intervals)) = &before
            && read_at.elapsed() < CONFIGURATION_LASTS
        {
            return Ok(intervals.clone());
        }
        let jobs = match asker.get("api/v1/status/config", &[], deadline).await {
            Ok(body) => jobs_in(&body),
            // Thanos and others have no jobs.
            Err(error) if error.kind == Failure::Refused => BTreeMap::new(),
            Err(error) => return before.map(|(_, intervals)| intervals).ok_or(error.reason),
        };
        let mut intervals = self.assumed.clone();
        intervals.by_job.extend(jobs);
        intervals.by_job.extend(self.configured.clone());
        *self.known() = Some((Instant::now(), intervals.clone()));
        Ok(intervals)
    }

    fn known(&self) -> MutexGuard<'_, Option<(Instant, JobIntervals)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct ConfigurationAnswer {
    data: ConfigurationText,
}

#[derive(Deserialize)]
struct ConfigurationText {
    yaml: String,
}

#[derive(Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    global: Global,
    #[serde(default)]
    scrape_configs: Vec<Job>,
}

#[derive(Default, Deserialize)]
struct Global {
    scrape_interval: Option<String>,
}

#[derive(Deserialize)]
struct Job {
    job_name: String,
    scrape_interval: Option<String>,
}

/// The scrape intervals in the server's configuration; none when it is not one of Prometheus.
fn jobs_in(body: &[u8]) -> BTreeMap<String, i64> {
    let Ok(answer) = decode::read::<ConfigurationAnswer>(body) else {
        return BTreeMap::new();
    };
    // VictoriaMetrics that scrapes nothing.
    if answer.data.yaml.trim().is_empty() {
        return BTreeMap::new();
    }
    let configuration: Configuration = match serde_saphyr::from_str(&answer.data.yaml) {
        Ok(configuration) => configuration,
        Err(error) => {
            tracing::warn!(%error, "the scrape intervals in Prometheus' configuration cannot be read");
            return BTreeMap::new();
        }
    };
    let global_ms = configuration
        .global
        .scrape_interval
        .as_deref()
        .and_then(milliseconds);
    let interval_of = |job: Job| {
        let own_ms = job.scrape_interval.as_deref().and_then(milliseconds);
        (
            job.job_name,
            own_ms.or(global_ms).unwrap_or(PROMETHEUS_DEFAULT_MS),
        )
    };
    configuration
        .scrape_configs
        .into_iter()
        .map(interval_of)
        .collect()
}

/// A duration as Prometheus writes it: `1m30s`.
fn milliseconds(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 7] = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
        ("w", 7 * 86_400_000),
        ("y", 365 * 86_400_000),
    ];
    let mut rest = text.trim();
    let mut total_ms = 0_i64;
    while !rest.is_empty() {
        let digits = rest.len()
            - rest
                .trim_start_matches(|letter: char| letter.is_ascii_digit())
                .len();
        let (number, after) = rest.split_at(digits);
        let letters = after.len()
            - after
                .trim_start_matches(|letter: char| letter.is_ascii_alphabetic())
                .len();
        let (unit, after) = after.split_at(letters);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total_ms = total_ms.checked_add(number.parse::<i64>().ok()?.checked_mul(*scale)?)?;
        rest = after;
    }
    (total_ms > 0).then_some(total_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_intervals_of_jobs_are_read() {
        let yaml = "global:\n  scrape_interval: 1m30s\n  evaluation_interval: 1m\nscrape_configs:\n- job_name: a\n  \
                    scrape_interval: 2s\n  honor_timestamps: true\n- job_name: b\nalerting: {}\n";
        let body = serde_json::json!({"status": "success", "data": {"yaml": yaml}}).to_string();
        let expected = [("a".to_owned(), 2_000), ("b".to_owned(), 90_000)];
        assert_eq!(jobs_in(body.as_bytes()), BTreeMap::from(expected));
        let alone = serde_json::json!({"data": {"yaml": "scrape_configs: [{job_name: a}]"}}).to_string();
        assert_eq!(
            jobs_in(alone.as_bytes()),
            BTreeMap::from([("a".to_owned(), 60_000)])
        );
        for none in [
            r#"{"data":{"yaml":""}}"#,
            r#"{"data":{}}"#,
            "<html>",
            r#"{"data":{"yaml":"[1]"}}"#,
        ] {
            assert_eq!(jobs_in(none.as_bytes()), BTreeMap::new(), "{none}");
        }
    }

    #[test]
    fn durations_are_those_of_prometheus() {
        for (text, expected) in [("15s", 15_000), ("1h2m3s4ms", 3_723_004), ("1d", 86_400_000)] {
            assert_eq!(milliseconds(text), Some(expected), "{text}");
        }
        for text in ["", "0s", "15", "s", "1x", "99999999999999y", "-1s"] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
