//! One scrape: the request, the answer within its bounds, the samples in it.

use std::error::Error;
use std::time::Duration;

use aops_api::Labels;
use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

use super::exposition::{self, ExpositionError, Line};
use super::{ScrapeLimits, Target};
use crate::series::{HOST, INSTANCE, JOB, Sample};

/// Why a scrape brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScrapeError {
    #[error("'{0}' is not host:port")]
    Address(String),
    #[error("{}", .0.source().map_or_else(|| .0.to_string(), last_cause))]
    Request(reqwest::Error),
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    #[error("the answer is not UTF-8")]
    NotText,
    #[error(transparent)]
    Exposition(#[from] ExpositionError),
}

/// What a client says at the end of its chain of causes: "Connection refused", not "error sending request".
fn last_cause(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// What a scrape brought.
#[derive(Debug, Default)]
pub(super) struct Scraped {
    pub(super) samples: Vec<Sample>,
    /// Samples over the limit.
    pub(super) dropped: usize,
}

/// The client of all scrapes: straight to the target, and nowhere else.
pub(super) fn client() -> Result<Client, reqwest::Error> {
    Client::builder().no_proxy().redirect(Policy::none()).build()
}

pub(super) async fn scrape(
    client: &Client,
    target: &Target,
    limits: &ScrapeLimits,
    time_ms: i64,
) -> Result<Scraped, ScrapeError> {
    let timeout = limits.timeout.min(target.interval * 4 / 5);
    let body = tokio::time::timeout(timeout, read_body(client, target, limits.maximum_body_bytes))
        .await
        .map_err(|_| ScrapeError::Timeout(timeout))??;
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

async fn read_body(client: &Client, target: &Target, maximum: usize) -> Result<Vec<u8>, ScrapeError> {
    let url = metrics_url(&target.address)?;
    let accept = HeaderValue::from_static("text/plain;version=0.0.4;q=1,*/*;q=0.1");
    let mut response = client
        .get(url)
        .header(ACCEPT, accept)
        .send()
        .await
        .map_err(ScrapeError::Request)?;
    if response.status() != StatusCode::OK {
        return Err(ScrapeError::Status(response.status()));
    }
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(ScrapeError::Request)? {
        if body.len() + piece.len() > maximum {
            return Err(ScrapeError::TooLong(maximum));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// An address names a host and a port, and no path, user or query on it.
fn metrics_url(address: &str) -> Result<Url, ScrapeError> {
    let refuse = || ScrapeError::Address(address.to_owned());
    let has_only_host_and_port = !address.contains(['/', '?', '#', '@', '\\']);
    let has_port = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !has_only_host_and_port || !has_port {
        return Err(refuse());
    }
    Url::parse(&format!("http://{address}/metrics")).map_err(|_| refuse())
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
    use aops_api::HostId;

    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (address, url) in [
            ("127.0.0.1:9100", "http://127.0.0.1:9100/metrics"),
            ("[::1]:9100", "http://[::1]:9100/metrics"),
            ("node-1.example:80", "http://node-1.example/metrics"),
        ] {
            assert_eq!(metrics_url(address).expect(address).as_str(), url);
        }
        for address in [
            "", "a", ":80", "a:b", "a:80/b", "a:80?b", "u@a:80", "a:80#b", "a:99999", "a b:80", "a\\b:80",
        ] {
            assert!(metrics_url(address).is_err(), "{address}");
        }
    }

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
