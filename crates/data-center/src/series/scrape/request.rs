//! One scrape: the request, and the samples in its answer.

use aops_api::Labels;
use reqwest::Client;

use super::exposition::{self, ExpositionError, Line};
use super::{ScrapeLimits, Target};
use crate::agent_request::{self, AgentRequestError, AgentRequestLimits};
use crate::series::{HOST, INSTANCE, JOB, Sample};

/// Why a scrape brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScrapeError {
    #[error(transparent)]
    Request(#[from] AgentRequestError),
    #[error("the answer is not UTF-8")]
    NotText,
    #[error(transparent)]
    Exposition(#[from] ExpositionError),
}

/// What a scrape brought.
#[derive(Debug, Default)]
pub(super) struct Scraped {
    pub(super) samples: Vec<Sample>,
    /// Samples over the limit.
    pub(super) dropped: usize,
}

pub(super) async fn scrape(
    client: &Client,
    target: &Target,
    limits: &ScrapeLimits,
    time_ms: i64,
) -> Result<Scraped, ScrapeError> {
    let bounds = AgentRequestLimits {
        timeout: limits.timeout.min(target.interval * 4 / 5),
        maximum_body_bytes: limits.maximum_body_bytes,
    };
    let accept = "text/plain;version=0.0.4;q=1,*/*;q=0.1";
    let body = agent_request::get(client, &target.address, "/metrics", accept, bounds).await?;
    let text = str::from_utf8(&body).map_err(|_| ScrapeError::NotText)?;
    let mut lines = exposition::parse(text)?;
    let dropped = lines.len().saturating_sub(limits.maximum_samples);
    lines.truncate(limits.maximum_samples);
    let samples = lines
        .into_iter()
        .map(|line| sample(line, target, time_ms))
        .collect();
    Ok(Scraped { samples, dropped })
}

fn sample(line: Line, target: &Target, time_ms: i64) -> Sample {
    let mut labels = line.labels;
    for name in [HOST, INSTANCE, JOB] {
        move_to_exported(&mut labels, name);
    }
    attach(&mut labels, target);
    Sample {
        name: line.name,
        labels,
        time_ms,
        value: line.value,
    }
}

/// The labels that we attach; `host_id` goes with the append.
pub(super) fn attach(labels: &mut Labels, target: &Target) {
    labels.insert(INSTANCE.to_owned(), target.address.clone());
    labels.insert(JOB.to_owned(), target.job.clone());
}

/// A label that the target gave a name of ours is kept under a free name.
fn move_to_exported(labels: &mut Labels, name: &str) {
    let Some(value) = labels.remove(name) else {
        return;
    };
    let mut free = format!("exported_{name}");
    while labels.contains_key(&free) {
        free = format!("exported_{free}");
    }
    labels.insert(free, value);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aops_api::HostId;

    use super::*;

    #[test]
    fn labels_with_our_names_move() {
        let target = Target {
            host_id: HostId::from("h"),
            address: "127.0.0.1:1".to_owned(),
            job: "node".to_owned(),
            interval: Duration::from_secs(15),
        };
        let line =
            exposition::parse(r#"a{job="x",exported_job="y",instance="z",host_id="w",device="sda"} 1"#)
                .expect("a line")
                .remove(0);
        let expected = [
            ("device", "sda"),
            ("exported_exported_job", "x"),
            ("exported_host_id", "w"),
            ("exported_instance", "z"),
            ("exported_job", "y"),
            ("instance", "127.0.0.1:1"),
            ("job", "node"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(sample(line, &target, 5).labels, Labels::from(expected));
    }
}
