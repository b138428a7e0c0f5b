//! Reading series from a fake of Prometheus in this process, and how many queries it takes.
//!
//! Not Criterion's way: what counts is one long read, and a number of queries.

#[path = "../tests/it/series/fake.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod fake;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use aops_api::rule::DataKind;
use aops_api::series::{LabelMatcher, MatchOperator, SeriesFetchRequest, SeriesSelector};
use aops_api::{HostId, Shard, TimeRange};
use aops_data_center::series::{Addresses, AddressesAnswer, PrometheusConfig, Series, SeriesOptions};
use fake::{Asked, Fake};

const START_SECONDS: i64 = 1_790_000_000;
const STEP_SECONDS: i64 = 15;

#[derive(Debug)]
struct Nobody;

impl Addresses for Nobody {
    fn addresses(&self) -> AddressesAnswer<'_> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        one_long_read().await;
        one_pass().await;
    });
}

/// An answer with a series for each host, as Prometheus writes it.
fn matrix<'a>(hosts: impl IntoIterator<Item = &'a str>, samples: i64) -> String {
    let mut text = String::from(r#"{"status":"success","data":{"resultType":"matrix","result":["#);
    for (number, host) in hosts.into_iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        write!(
            text,
            r#"{comma}{{"metric":{{"__name__":"node_load1","host_id":"{host}","instance":"10.0.0.1:50002","job":"node"}},"values":["#
        )
        .expect("written");
        for sample in 0..samples {
            let comma = if sample > 0 { "," } else { "" };
            let seconds = START_SECONDS + sample * STEP_SECONDS;
            write!(text, "{comma}[{seconds}.281,\"{}.0625\"]", sample % 97).expect("written");
        }
        text.push_str("]}");
    }
    text.push_str("]}}");
    text
}

fn series(fake: &Fake) -> Series {
    let config = PrometheusConfig {
        url: fake.url.clone(),
        ..PrometheusConfig::default()
    };
    Series::prometheus(config, SeriesOptions::default(), Arc::new(Nobody)).expect("settings")
}

fn selector(name: String, matcher: Option<&str>, samples: i64) -> SeriesSelector {
    let matcher = matcher.map(|mode| LabelMatcher {
        name: "mode".to_owned(),
        operator: MatchOperator::Equal,
        value: mode.to_owned(),
    });
    let start_ms = START_SECONDS * 1_000;
    SeriesSelector {
        name,
        kind: DataKind::Kpi,
        matchers: matcher.into_iter().collect(),
        range: TimeRange::new(start_ms, start_ms + samples * STEP_SECONDS * 1_000),
        want_never_had: false,
    }
}

fn hosts(count: usize) -> Vec<HostId> {
    (0..count)
        .map(|number| HostId::new(format!("{number:032x}")))
        .collect()
}

/// Two million samples of a hundred hosts, in one answer.
async fn one_long_read() {
    let hosts = hosts(100);
    let text = matrix(hosts.iter().map(HostId::as_str), 20_000);
    let bytes = text.len();
    let fake = Fake::answering(move |_| (200, text.clone())).await;
    let series = series(&fake);
    let request = SeriesFetchRequest {
        hosts,
        selectors: vec![selector("node_load1".to_owned(), None, 20_000)],
    };
    for _ in 0..3 {
        let before = peak_memory_kb();
        let started = Instant::now();
        let answer = series.fetch(&request, 0).await;
        let elapsed = started.elapsed();
        let samples: usize = answer.series.iter().map(|series| series.times_ms.len()).sum();
        assert_eq!((samples, answer.failed), (2_000_000, vec![]));
        println!(
            "one answer of {} MB, 2,000,000 samples: {:.0} ms, {:.0} ns a sample; peak of memory {} MB, before {} MB",
            bytes / 1_000_000,
            elapsed.as_secs_f64() * 1e3,
            elapsed.as_secs_f64() * 1e9 / 2e6,
            peak_memory_kb() / 1_000,
            before / 1_000,
        );
    }
}

/// A window of a minute with a minute of history: 35 rules on 1,000 hosts, which ask for 21 metrics, by shard.
async fn one_pass() {
    let mut shards: BTreeMap<Shard, Vec<HostId>> = BTreeMap::new();
    for host_id in hosts(1_000) {
        shards.entry(Shard::of(&host_id)).or_default().push(host_id);
    }
    let answers: BTreeMap<String, String> = shards
        .values()
        .map(|hosts| {
            (
                hosts[0].as_str().to_owned(),
                matrix(hosts.iter().map(HostId::as_str), 8),
            )
        })
        .collect();
    let fake = Fake::answering(move |asked: &Asked| {
        let query = asked.parameter("query");
        let answer = answers.iter().find(|(host, _)| query.contains(host.as_str()));
        (200, answer.expect("a shard").1.clone())
    })
    .await;
    let series = series(&fake);
    let mut selectors: Vec<SeriesSelector> = (0..20)
        .map(|number| selector(format!("m{number}"), None, 8))
        .collect();
    for rule in 0..15 {
        selectors.push(selector(
            "cpu".to_owned(),
            Some(["idle", "iowait", "steal"][rule % 3]),
            8,
        ));
    }
    selectors.dedup();
    for _ in 0..3 {
        fake.take_asked();
        let started = Instant::now();
        let mut samples = 0;
        for hosts in shards.values() {
            let request = SeriesFetchRequest {
                hosts: hosts.clone(),
                selectors: selectors.clone(),
            };
            let answer = series.fetch(&request, 0).await;
            assert_eq!(answer.failed, []);
            samples += answer
                .series
                .iter()
                .map(|series| series.times_ms.len())
                .sum::<usize>();
        }
        let elapsed = started.elapsed();
        let queries = fake.take_asked().iter().filter(|asked| asked.is_query()).count();
        println!(
            "35 rules, 21 metrics, 1,000 hosts in {} shards: {queries} queries, {samples} samples, {:.0} ms",
            shards.len(),
            elapsed.as_secs_f64() * 1e3
        );
    }
}

/// The most memory that this process has had.
fn peak_memory_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("the peak");
    line.split_whitespace()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .expect("a number")
}
