//! The contract of the series store: what every engine must do alike; and what only the embedded one must.

mod discovery;
mod fake;
mod killed;
mod prometheus;
mod remote_write;
mod store;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;

use aops_api::rule::DataKind;
use aops_api::series::{FetchedSeries, LabelMatcher, MatchOperator, SeriesSelector};
use aops_api::{HostId, Labels, TimeRange};
use aops_data_center::series::{JobIntervals, Sample, SeriesError, SeriesOptions};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use store::{Engine, Store};

/// The moment of the first sample. Engines with a retention of their own are given one that reaches back.
const BASE_MS: i64 = 1_760_000_000_000;
const STEP_MS: i64 = 2_000;

/// The whole contract, over a constructor of empty stores.
async fn contract<Open, Opening>(open: Open)
where
    Open: Fn(SeriesOptions) -> Opening,
    Opening: Future<Output = Store>,
{
    every_value_comes_back(&open(options()).await).await;
    an_end_is_no_sample(&open(options()).await).await;
    ranges_are_half_open(&open(options()).await).await;
    hosts_and_names_are_apart(&open(options()).await).await;
    matchers_are_those_of_prometheus(&open(options()).await).await;
    labels_and_intervals_come_along(&open(options()).await).await;
    long_series_are_complete(&open(options()).await).await;
    never_had_is_not_silent_now(&open(options()).await).await;
    a_bad_selector_fails_alone(&open(options()).await).await;
    let bounded = SeriesOptions {
        maximum_samples_per_selector: 10,
        maximum_samples_per_answer: 15,
        ..options()
    };
    too_much_is_refused_with_the_number(&open(bounded).await).await;
}

fn options() -> SeriesOptions {
    SeriesOptions {
        intervals: JobIntervals {
            default_ms: 15_000,
            by_job: BTreeMap::from([("node".to_owned(), STEP_MS)]),
        },
        ..SeriesOptions::default()
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let owned = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    owned.collect()
}

fn sample(name: &str, pairs: &[(&str, &str)], time_ms: i64, value: f64) -> Sample {
    Sample {
        name: name.to_owned(),
        labels: labels(pairs),
        time_ms,
        value,
    }
}

fn selector(
    name: &str,
    matchers: &[(&str, MatchOperator, &str)],
    start_ms: i64,
    end_ms: i64,
) -> SeriesSelector {
    let matchers = matchers.iter().map(|(name, operator, value)| LabelMatcher {
        name: (*name).to_owned(),
        operator: *operator,
        value: (*value).to_owned(),
    });
    SeriesSelector {
        name: name.to_owned(),
        kind: DataKind::Kpi,
        matchers: matchers.collect(),
        range: TimeRange::new(start_ms, end_ms),
        want_never_had: false,
    }
}

/// The only series that a selector finds on the host `h`, if any.
async fn only(store: &Store, selector: SeriesSelector) -> Option<FetchedSeries> {
    let mut answer = store.fetch(&["h"], vec![selector]).await;
    assert_eq!(answer.failed, []);
    assert!(answer.series.len() <= 1, "{:?}", answer.series);
    answer.series.pop()
}

async fn every_value_comes_back(store: &Store) {
    // VictoriaMetrics keeps a block of a series as decimal numbers with one exponent: about 15 digits of the largest
    // value. It has no negative zero, and takes a NaN for the mark that a series ended.
    let is_exact = store.engine != Engine::VictoriaMetrics;
    let common = [0.0, 1.0, -12.34, 0.1 + 0.2, f64::INFINITY, f64::NEG_INFINITY];
    let exact = [
        -0.0,
        f64::MIN_POSITIVE,
        f64::MAX,
        9_007_199_254_740_993.0,
        f64::NAN,
    ];
    let values: Vec<f64> = match is_exact {
        true => common.into_iter().chain(exact).collect(),
        false => common.to_vec(),
    };
    for (value, time_ms) in values.iter().zip((BASE_MS..).step_by(1_000)) {
        store.append("h", vec![sample("m", &[], time_ms, *value)]).await;
    }
    let found = only(store, selector("m", &[], BASE_MS, BASE_MS + 60_000))
        .await
        .expect("found");
    let times: Vec<i64> = (BASE_MS..).step_by(1_000).take(values.len()).collect();
    assert_eq!(found.times_ms, times);
    let is_same = |(one, other): (&f64, &f64)| match is_exact {
        true => one.to_bits() == other.to_bits(),
        false => one == other || (one - other).abs() <= 1e-14 * other.abs(),
    };
    assert!(
        found.values.iter().zip(&values).all(is_same),
        "{:?} {values:?}",
        found.values
    );
}

/// A mark that a series ended is no sample. Our own scraper writes none: with it, a series ends by having no more.
async fn an_end_is_no_sample(store: &Store) {
    if store.engine == Engine::Embedded {
        return;
    }
    for (offset_ms, value) in [(0, 1.0), (1_000, remote_write::STALE), (2_000, 3.0)] {
        let sample = sample("m", &[], BASE_MS + offset_ms, value);
        store.append("h", vec![sample]).await;
    }
    let found = only(store, selector("m", &[], 0, i64::MAX)).await.expect("found");
    assert_eq!(
        (found.times_ms, found.values),
        (vec![BASE_MS, BASE_MS + 2_000], vec![1.0, 3.0])
    );
}

async fn ranges_are_half_open(store: &Store) {
    for time_ms in [BASE_MS, BASE_MS + 1, BASE_MS + 2] {
        store.append("h", vec![sample("m", &[], time_ms, 1.0)]).await;
    }
    for (from, to, expected) in [(0, 2, vec![0, 1]), (1, 3, vec![1, 2]), (2, 3, vec![2])] {
        let found = only(store, selector("m", &[], BASE_MS + from, BASE_MS + to)).await;
        let times: Vec<i64> = expected.iter().map(|offset| BASE_MS + offset).collect();
        assert_eq!(found.expect("found").times_ms, times, "{from} {to}");
    }
    for (from, to) in [(3, 9), (-9, 0), (1, 1), (2, 1)] {
        let found = only(store, selector("m", &[], BASE_MS + from, BASE_MS + to)).await;
        assert_eq!(found, None, "{from} {to}: no samples, no series");
    }
}

async fn hosts_and_names_are_apart(store: &Store) {
    store
        .append(
            "h",
            vec![sample("m", &[], BASE_MS, 1.0), sample("mm", &[], BASE_MS, 2.0)],
        )
        .await;
    store.append("i", vec![sample("m", &[], BASE_MS, 3.0)]).await;
    store.append("j", vec![]).await;
    let all = |name| selector(name, &[], 0, i64::MAX);
    let answer = store
        .fetch(
            &["i", "h", "i", "unknown", "j"],
            vec![all("m"), all("mm"), all("."), all("")],
        )
        .await;
    let mut found: Vec<(usize, &str, f64)> = answer
        .series
        .iter()
        .map(|series| (series.selector, series.host_id.as_str(), series.values[0]))
        .collect();
    found.sort_by_key(|(selector, host, _)| (*selector, *host));
    assert_eq!(found, [(0, "h", 1.0), (0, "i", 3.0), (1, "h", 2.0)]);
    assert_eq!((answer.failed, answer.never_had), (vec![], vec![]));
}

async fn matchers_are_those_of_prometheus(store: &Store) {
    use MatchOperator::{Equal, NotEqual, NotRegex, Regex};
    let devices = ["sda", "sda1", "sdb", "dm-0"];
    let mut samples: Vec<Sample> = devices
        .iter()
        .map(|device| sample("m", &[("device", device)], BASE_MS, 1.0))
        .collect();
    samples.push(sample("m", &[("mode", "idle")], BASE_MS, 1.0));
    store.append("h", samples).await;
    for (matchers, expected) in [
        (vec![], vec!["", "dm-0", "sda", "sda1", "sdb"]),
        (vec![("device", Equal, "sda")], vec!["sda"]),
        (vec![("device", Equal, "")], vec![""]),
        (vec![("device", NotEqual, "sda")], vec!["", "dm-0", "sda1", "sdb"]),
        (vec![("device", Regex, "sd.")], vec!["sda", "sdb"]),
        (vec![("device", Regex, "sda|dm-.+")], vec!["dm-0", "sda"]),
        (vec![("device", NotRegex, "sd.*")], vec!["", "dm-0"]),
        (
            vec![("device", Regex, ".*")],
            vec!["", "dm-0", "sda", "sda1", "sdb"],
        ),
        (
            vec![("device", Regex, "sd.*"), ("device", NotEqual, "sdb")],
            vec!["sda", "sda1"],
        ),
        (vec![("mode", Equal, "idle")], vec![""]),
        (vec![("device", Equal, "sd.")], vec![]),
    ] {
        let answer = store
            .fetch(&["h"], vec![selector("m", &matchers, 0, i64::MAX)])
            .await;
        let mut found: Vec<&str> = answer
            .series
            .iter()
            .map(|series| series.labels.get("device").map_or("", String::as_str))
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{matchers:?}");
    }
}

async fn labels_and_intervals_come_along(store: &Store) {
    let node = [
        ("instance", "127.0.0.1:1"),
        ("job", "node"),
        ("text", "a \"b\"\n,=}{主"),
    ];
    store.append("h", vec![sample("m", &node, BASE_MS, 1.0)]).await;
    let found = only(
        store,
        selector("m", &[("job", MatchOperator::Equal, "node")], 0, i64::MAX),
    )
    .await
    .expect("found");
    assert_eq!(found.labels, labels(&node), "all but host_id");
    assert_eq!(found.interval_ms, STEP_MS);
    store
        .append("h", vec![sample("other", &[("job", "unknown")], BASE_MS, 1.0)])
        .await;
    let found = only(store, selector("other", &[], 0, i64::MAX))
        .await
        .expect("found");
    assert_eq!(found.interval_ms, 15_000);
}

fn steps(first: i64, end: i64) -> impl Iterator<Item = i64> {
    (first..end).map(|step| BASE_MS + step * STEP_MS)
}

async fn append_steps(store: &Store, host: &str, first: i64, end: i64) {
    for time_ms in steps(first, end) {
        let samples = vec![
            sample("m", &[("a", "1")], time_ms, time_ms as f64 / 1_000.0),
            sample("m", &[("a", "2")], time_ms, 7.0),
        ];
        store.append(host, samples).await;
    }
}

async fn long_series_are_complete(store: &Store) {
    append_steps(store, "h", 0, 500).await;
    for (first, end) in [
        (0, 500),
        (0, 1),
        (119, 121),
        (120, 240),
        (239, 241),
        (7, 499),
        (499, 500),
    ] {
        let range = (BASE_MS + first * STEP_MS, BASE_MS + end * STEP_MS);
        let selector = selector("m", &[("a", MatchOperator::Equal, "1")], range.0, range.1);
        let found = only(store, selector).await.expect("found");
        let times: Vec<i64> = steps(first, end).collect();
        let values: Vec<f64> = times.iter().map(|time_ms| *time_ms as f64 / 1_000.0).collect();
        assert_eq!((found.times_ms, found.values), (times, values), "{first} {end}");
    }
    let answer = store.fetch(&["h"], vec![selector("m", &[], 0, i64::MAX)]).await;
    assert_eq!(answer.series.len(), 2);
}

async fn never_had_is_not_silent_now(store: &Store) {
    store
        .append("h", vec![sample("m", &[("a", "1")], BASE_MS, 1.0)])
        .await;
    store.append("i", vec![sample("other", &[], BASE_MS, 1.0)]).await;
    let later = |matchers: &[_], want_never_had| SeriesSelector {
        want_never_had,
        ..selector("m", matchers, BASE_MS + 1, BASE_MS + 2)
    };
    let matcher = [("a", MatchOperator::Equal, "2")];
    let answer = store
        .fetch(
            &["h", "i", "unknown"],
            vec![later(&[], true), later(&[], false), later(&matcher, true)],
        )
        .await;
    let mut never_had: Vec<(usize, &str)> = answer
        .never_had
        .iter()
        .map(|never| (never.selector, never.host_id.as_str()))
        .collect();
    never_had.sort_unstable();
    assert_eq!(
        never_had,
        [(0, "i"), (0, "unknown"), (2, "h"), (2, "i"), (2, "unknown")]
    );
    assert_eq!(answer.series, []);
}

async fn a_bad_selector_fails_alone(store: &Store) {
    store.append("h", vec![sample("m", &[], BASE_MS, 1.0)]).await;
    let bad = selector("m", &[("a", MatchOperator::Regex, "(")], 0, i64::MAX);
    let answer = store
        .fetch(&["h", "i"], vec![bad, selector("m", &[], 0, i64::MAX)])
        .await;
    let failed: Vec<(usize, &str)> = answer
        .failed
        .iter()
        .map(|failed| (failed.selector, failed.host_id.as_str()))
        .collect();
    assert_eq!(failed, [(0, "h"), (0, "i")]);
    assert!(
        answer.failed[0].reason.contains("'('"),
        "{}",
        answer.failed[0].reason
    );
    assert_eq!(answer.series.len(), 1);
}

async fn too_much_is_refused_with_the_number(store: &Store) {
    for step in 0..11 {
        let time_ms = BASE_MS + step * STEP_MS;
        store.append("h", vec![sample("m", &[], time_ms, 1.0)]).await;
    }
    let all = selector("m", &[], 0, i64::MAX);
    let ten = selector("m", &[], BASE_MS, BASE_MS + 10 * STEP_MS);
    let answer = store.fetch(&["h"], vec![all, ten.clone(), ten]).await;
    let found: Vec<usize> = answer.series.iter().map(|series| series.selector).collect();
    assert_eq!(found, [1]);
    let reasons: Vec<&str> = answer
        .failed
        .iter()
        .map(|failed| failed.reason.as_str())
        .collect();
    assert_eq!(
        reasons,
        [
            "11 samples match, more than the limit of 10",
            "10 samples match, and the answer would hold more than the limit of 15",
        ]
    );
}

async fn open(path: &Path) -> Store {
    Store::embedded(path, options()).await
}

#[tokio::test]
async fn embedded_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = std::cell::Cell::new(0);
    contract(|options| {
        opened.set(opened.get() + 1);
        let path = folder.path().join(format!("series-{}.db", opened.get()));
        async move { Store::embedded(&path, options).await }
    })
    .await;
}

#[tokio::test]
async fn prometheus_keeps_the_contract() {
    if let Some(url) = store::server(Engine::Prometheus) {
        contract(|options| std::future::ready(Store::behind(Engine::Prometheus, &url, options))).await;
    }
}

#[tokio::test]
async fn victoria_metrics_keeps_the_contract() {
    if let Some(url) = store::server(Engine::VictoriaMetrics) {
        contract(|options| std::future::ready(Store::behind(Engine::VictoriaMetrics, &url, options))).await;
    }
}

#[tokio::test]
async fn embedded_keeps_samples_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("series.db");
    let series = open(&path).await;
    append_steps(&series, "h", 0, 150).await;
    series.series.close().await;
    let refusal = series.series.append(HostId::from("h"), vec![]).await;
    assert!(matches!(refusal, Err(SeriesError::Closed)), "{refusal:?}");
    series.series.close().await;

    let series = open(&path).await;
    append_steps(&series, "h", 150, 300).await;
    let selector = selector("m", &[("a", MatchOperator::Equal, "2")], 0, i64::MAX);
    let found = only(&series, selector).await.expect("found");
    assert_eq!(found.times_ms, steps(0, 300).collect::<Vec<_>>());
}

#[tokio::test]
async fn embedded_deletes_what_is_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("series.db");
    let series = open(&path).await;
    append_steps(&series, "h", 0, 300).await;
    series.append("gone", vec![sample("m", &[], BASE_MS, 1.0)]).await;
    series.append("h", vec![sample("ended", &[], BASE_MS, 1.0)]).await;
    append_steps(&series, "h", 300, 420).await;
    let before_ms = BASE_MS + 130 * STEP_MS;
    series.series.delete_before(before_ms).await.expect("deleted");

    check_what_is_left(&series, before_ms).await;
    check_what_is_left(&reopened(&path, series).await, before_ms).await;
}

async fn check_what_is_left(series: &Store, before_ms: i64) {
    let found = only(
        series,
        selector("m", &[("a", MatchOperator::Equal, "1")], 0, i64::MAX),
    )
    .await
    .expect("found");
    assert_eq!(found.times_ms.last(), Some(&(BASE_MS + 419 * STEP_MS)));
    assert!(found.times_ms[0] > BASE_MS, "the first chunk is gone");
    assert!(found.times_ms[0] <= before_ms, "nothing that is young enough");
    let wants = SeriesSelector {
        want_never_had: true,
        ..selector("m", &[], 0, i64::MAX)
    };
    let ended = SeriesSelector {
        name: "ended".to_owned(),
        ..wants.clone()
    };
    let answer = series.fetch(&["gone", "h"], vec![wants, ended]).await;
    let forgotten: Vec<(usize, &str)> = answer
        .never_had
        .iter()
        .map(|never| (never.selector, never.host_id.as_str()))
        .collect();
    assert_eq!(forgotten, [(0, "gone"), (1, "gone"), (1, "h")]);
}

async fn reopened(path: &Path, series: Store) -> Store {
    series.series.close().await;
    open(path).await
}

/// While a writer appends, a reader sees a run of samples without a hole, that only grows.
#[tokio::test(flavor = "multi_thread")]
async fn embedded_readers_miss_nothing_while_chunks_are_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let series = open(&folder.path().join("series.db")).await;
    let writing = tokio::spawn({
        let series = series.clone();
        async move { append_steps(&series, "h", 0, 500).await }
    });
    let mut seen = 0;
    while seen < 500 {
        let is_written = writing.is_finished();
        let selector = selector("m", &[("a", MatchOperator::Equal, "1")], 0, i64::MAX);
        let times = only(&series, selector)
            .await
            .map_or(vec![], |found| found.times_ms);
        assert_eq!(times, steps(0, times.len() as i64).collect::<Vec<_>>());
        assert!(times.len() >= seen);
        assert!(!is_written || times.len() == 500);
        seen = times.len();
    }
    writing.await.expect("written");
}

/// A copy that SQLite makes while samples are written is whole, and opens as any other file.
#[tokio::test(flavor = "multi_thread")]
async fn embedded_can_be_copied_while_it_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("series.db");
    let copy = folder.path().join("copy.db");
    let series = open(&path).await;
    append_steps(&series, "h", 0, 130).await;
    let writing = tokio::spawn({
        let series = series.clone();
        async move { append_steps(&series, "h", 130, 260).await }
    });
    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .connect()
        .await
        .expect("opened");
    sqlx::query("VACUUM INTO ?")
        .bind(copy.to_str().expect("a text"))
        .execute(&mut connection)
        .await
        .expect("copied");
    writing.await.expect("written");

    let restored = open(&copy).await;
    let selector = selector("m", &[("a", MatchOperator::Equal, "1")], 0, i64::MAX);
    let found = only(&restored, selector).await.expect("found");
    assert!(found.times_ms.len() >= 130);
    assert_eq!(
        found.times_ms,
        steps(0, found.times_ms.len() as i64).collect::<Vec<_>>()
    );
    append_steps(&restored, "h", 300, 301).await;
}

/// Appends with times and series in any order, some twice, with restarts between, against a map.
#[test]
fn embedded_answers_as_a_map_does() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let some_sample = (0..3_u8, 0..400_i64, any::<f64>());
    let some_append = proptest::collection::vec(some_sample, 1..150);
    let input = (
        proptest::collection::vec((some_append, proptest::bool::weighted(0.1)), 1..12),
        0..400_i64,
        0..400_i64,
    );
    let config = Config {
        cases: 32,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&input, |(appends, start, end)| {
            runtime.block_on(async {
                let folder = tempfile::tempdir().expect("a folder");
                let path = folder.path().join("series.db");
                let mut series = open(&path).await;
                let mut model: BTreeMap<u8, BTreeMap<i64, u64>> = BTreeMap::new();
                for (samples, is_restart) in appends {
                    let mut batch = Vec::new();
                    for (number, minute, value) in samples {
                        let time_ms = minute * 60_000;
                        model.entry(number).or_default().insert(time_ms, value.to_bits());
                        batch.push(sample("m", &[("n", &number.to_string())], time_ms, value));
                    }
                    series.append("h", batch).await;
                    if is_restart {
                        series = reopened(&path, series).await;
                    }
                }
                let range = (start * 60_000, end * 60_000);
                for (number, expected) in model {
                    let number = number.to_string();
                    let matcher = [("n", MatchOperator::Equal, number.as_str())];
                    let found = only(&series, selector("m", &matcher, range.0, range.1)).await;
                    let found: Vec<(i64, u64)> = found.map_or(vec![], |found| {
                        let bits = found.values.iter().map(|value| value.to_bits());
                        found.times_ms.iter().copied().zip(bits).collect()
                    });
                    let expected: Vec<(i64, u64)> = expected
                        .into_iter()
                        .filter(|(time_ms, _)| range.0 <= *time_ms && *time_ms < range.1)
                        .collect();
                    prop_assert_eq!(found, expected);
                }
                series.series.close().await;
                Ok(())
            })
        })
        .expect("equal");
}
