//! What only the reader of Prometheus must do: bounds, outages, few queries, series without `host_id`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aops_api::series::{MatchOperator, SeriesFetchAnswer, SeriesFetchRequest, SeriesSelector};
use aops_api::{HostId, Shard};
use aops_data_center::series::{Interval, PrometheusConfig, Series, SeriesError, SeriesOptions};
use aops_service::random;

use super::fake::{Asked, Behaviour, Fake};
use super::store::{Directory, Engine, Store, config, server};
use super::{BASE_MS, labels, options, sample, selector};

const EMPTY: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;

fn series(config: PrometheusConfig) -> Series {
    Series::prometheus(config, options(), Arc::new(Directory::default())).expect("settings")
}

/// With little patience, for what is never answered.
fn hasty(url: &str) -> PrometheusConfig {
    PrometheusConfig {
        request_timeout: Duration::from_millis(300),
        ..config(url)
    }
}

async fn fetch(series: &Series, hosts: &[HostId], selectors: Vec<SeriesSelector>) -> SeriesFetchAnswer {
    let request = SeriesFetchRequest {
        hosts: hosts.to_vec(),
        selectors,
    };
    series.fetch(&request, 0).await
}

fn hosts(count: usize) -> Vec<HostId> {
    (0..count)
        .map(|number| HostId::new(format!("{number:032x}")))
        .collect()
}

fn minute(name: &str) -> SeriesSelector {
    selector(name, &[], BASE_MS, BASE_MS + 60_000)
}

/// The hosts that a query names.
fn hosts_in(asked: &Asked) -> Vec<String> {
    let query = asked.parameter("query");
    let (_, after) = query.split_once("host_id=").expect("a host");
    let list = after
        .trim_start_matches(['~', '"'])
        .split('"')
        .next()
        .expect("a list");
    list.split('|')
        .filter(|host| !host.is_empty())
        .map(str::to_owned)
        .collect()
}

/// An answer with so many samples of each host, one a second.
fn matrix(hosts: &[String], samples: usize) -> String {
    let series: Vec<String> = hosts
        .iter()
        .map(|host| {
            let values: Vec<String> = (0..samples)
                .map(|second| format!("[{}.25,\"{second}.5\"]", BASE_MS / 1_000 + second as i64))
                .collect();
            format!(
                r#"{{"metric":{{"__name__":"m","host_id":"{host}","job":"node"}},"values":[{}]}}"#,
                values.join(",")
            )
        })
        .collect();
    format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
        series.join(",")
    )
}

fn only_reason(answer: &SeriesFetchAnswer) -> &str {
    let reason = &answer.failed.first().expect("failed").reason;
    assert!(
        answer.failed.iter().all(|failed| failed.reason == *reason),
        "{:?}",
        answer.failed
    );
    assert_eq!(answer.series, []);
    assert_eq!(answer.never_had, []);
    reason
}

#[tokio::test]
async fn what_a_server_does_wrong_is_told() {
    let fake = Fake::start(Behaviour::Silence).await;
    let whole = matrix(&hosts(1).iter().map(ToString::to_string).collect::<Vec<_>>(), 3);
    let answers = |status: u16, text: &'static str| {
        Behaviour::Answer(Arc::new(move |asked: &Asked| match asked.is_query() {
            true => (status, text.to_owned()),
            false => (200, r#"{"data":[]}"#.to_owned()),
        }))
    };
    let partial = r#"{"status":"success","data":{"resultType":"matrix","result":[]},"warnings":["no store for shard 2"]}"#;
    let in_part = r#"{"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[]}}"#;
    let refused = r#"{"status":"error","errorType":"internal","error":"disk on fire"}"#;
    for (behaviour, expected) in [
        (Behaviour::Silence, "has not answered within"),
        (Behaviour::Trickle, "has not answered within"),
        (Behaviour::HangUp, "broke off its answer"),
        (
            Behaviour::Cut(whole[..whole.len() - 40].to_owned()),
            "broke off its answer",
        ),
        (
            answers(500, refused),
            "answers 500 Internal Server Error: disk on fire",
        ),
        (
            answers(503, "overloaded"),
            "answers 503 Service Unavailable: overloaded",
        ),
        (answers(401, ""), "check series.username"),
        (answers(302, ""), "give series.url as the server has it"),
        (
            answers(200, "<html>Log in</html>"),
            "is not the JSON that was expected",
        ),
        (
            answers(
                200,
                r#"{"status":"success","data":{"resultType":"matrix","result":[{"#,
            ),
            "ends before its end",
        ),
        (
            answers(200, partial),
            "answered in part only: no store for shard 2",
        ),
        (answers(200, in_part), "answered in part only"),
        (
            answers(
                200,
                r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
            ),
            "'vector'",
        ),
    ] {
        // A new one each time, which remembers nothing.
        let series = series(hasty(&fake.url));
        fake.set(behaviour);
        let two = vec![
            minute("m"),
            SeriesSelector {
                want_never_had: true,
                ..minute("n")
            },
        ];
        let answer = fetch(&series, &hosts(2), two).await;
        assert_eq!(answer.failed.len(), 4, "{expected}");
        let reason = only_reason(&answer);
        assert!(reason.contains(expected), "{reason}");
        assert!(
            reason.starts_with(&format!("Prometheus at {}", fake.url)),
            "{reason}"
        );
    }
}

/// Each query is answered in time; all of them together take longer than a user is to wait.
#[tokio::test]
async fn a_request_of_a_user_ends_in_the_time_of_one_query() {
    const QUESTIONS: usize = 12;
    let slow: Arc<super::fake::Answering> = Arc::new(|_| (200, EMPTY.to_owned()));
    let fake = Fake::start(Behaviour::Late(Duration::from_millis(250), slow)).await;
    let config = PrometheusConfig {
        request_timeout: Duration::from_secs(2),
        fetch_timeout: Duration::from_secs(60),
        concurrency: 1,
        match_instance: false,
        ..config(&fake.url)
    };
    let series = series(config);
    let many = || {
        (0..QUESTIONS)
            .map(|number| minute(&format!("m{number}")))
            .collect()
    };
    let in_background = fetch(&series, &hosts(1), many()).await;
    assert_eq!(
        in_background.failed,
        [],
        "it goes on as long as the server answers"
    );

    let for_request = series.for_request();
    let answer = fetch(&for_request, &hosts(1), many()).await;
    assert!(!answer.failed.is_empty());
    let is_told = |reason: &str| {
        reason.contains(&fake.url) && reason.contains("too slow")
            || reason.contains("has not answered within")
    };
    for failed in &answer.failed {
        assert!(is_told(&failed.reason), "{}", failed.reason);
    }
    let next = fetch(&for_request, &hosts(1), many()).await;
    assert_eq!(next.failed.len(), QUESTIONS, "nothing is left of its time");
    let another = fetch(&series.for_request(), &hosts(1), vec![minute("m")]).await;
    assert_eq!(
        another.failed,
        [],
        "and nobody else is told that the server is away"
    );
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_is_away() {
    // 100 questions, 8 at a time, of a server that never answers: one time-out for all.
    let fake = Fake::start(Behaviour::Silence).await;
    let many: Vec<SeriesSelector> = (0..100).map(|number| minute(&format!("m{number}"))).collect();
    let lazy = PrometheusConfig {
        match_instance: false,
        ..hasty(&fake.url)
    };
    let series = series(lazy);
    let answer = fetch(&series, &hosts(3), many.clone()).await;
    assert_eq!(answer.failed.len(), 300);
    only_reason(&answer);
    assert_eq!(
        fake.take_asked().len(),
        1,
        "it was asked for its configuration, and that was it"
    );

    // It knows the configuration now, and goes away after.
    let answering = Behaviour::Answer(Arc::new(|_| (200, EMPTY.to_owned())));
    fake.set(answering.clone());
    assert_eq!(fetch(&series, &hosts(3), many.clone()).await.failed, []);
    assert_eq!(fake.take_asked().len(), 101);
    fake.set(Behaviour::Silence);
    let answer = fetch(&series, &hosts(3), many.clone()).await;
    assert_eq!(answer.failed.len(), 300);
    assert!(fake.take_asked().len() <= 8, "no second round of time-outs");
    fake.set(answering);
    assert_eq!(fetch(&series, &hosts(3), many).await.failed, [], "and it is back");

    let nobody = series_at_a_free_port().await;
    let answer = fetch(&nobody, &hosts(1), vec![minute("m")]).await;
    assert!(
        only_reason(&answer).contains("cannot be connected to"),
        "{answer:?}"
    );
}

async fn series_at_a_free_port() -> Series {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    series(hasty(&url))
}

#[tokio::test]
async fn one_bad_question_fails_alone() {
    let fake = Fake::answering(|asked| match asked.parameter("query").contains("\"bad\"") {
        true => (500, "no".to_owned()),
        false => (200, matrix(&hosts_in(asked), 2)),
    })
    .await;
    let series = series(config(&fake.url));
    let answer = fetch(&series, &hosts(2), vec![minute("m"), minute("bad")]).await;
    assert_eq!(answer.series.len(), 2);
    let failed: Vec<usize> = answer.failed.iter().map(|failed| failed.selector).collect();
    assert_eq!(failed, [1, 1]);
}

#[tokio::test]
async fn who_is_asked_for_too_much_is_asked_for_less() {
    // Three hosts are too many for the server.
    let fake = Fake::answering(|asked| match hosts_in(asked).len() {
        0..3 => (200, matrix(&hosts_in(asked), 5)),
        _ => (
            422,
            r#"{"error":"query processing would load too many samples into memory"}"#.to_owned(),
        ),
    })
    .await;
    let series = series(config(&fake.url));
    let answer = fetch(&series, &hosts(10), vec![minute("m")]).await;
    assert_eq!((answer.series.len(), answer.failed), (10, vec![]));

    // And so it goes when the limit is ours: 5 samples on each of 10 hosts.
    let fake = Fake::answering(|asked| (200, matrix(&hosts_in(asked), 5))).await;
    let bounded = |maximum_samples_per_query| {
        self::series(PrometheusConfig {
            maximum_samples_per_query,
            ..config(&fake.url)
        })
    };
    let answer = fetch(&bounded(20), &hosts(10), vec![minute("m")]).await;
    assert_eq!((answer.series.len(), answer.failed), (10, vec![]));
    let answer = fetch(&bounded(4), &hosts(10), vec![minute("m")]).await;
    assert_eq!(answer.failed.len(), 10);
    assert_eq!(only_reason(&answer), "more than 4 samples match on one host");
}

#[tokio::test]
async fn two_million_samples_are_read_or_refused() {
    let fake = Fake::answering(|asked| (200, matrix(&hosts_in(asked), 400_000))).await;
    let hour = |name| selector(name, &[], BASE_MS, BASE_MS + 1_000_000_000);
    let series = series(config(&fake.url));
    let answer = fetch(&series, &hosts(5), vec![hour("m")]).await;
    assert_eq!(answer.failed, []);
    assert_eq!(
        answer
            .series
            .iter()
            .map(|series| series.times_ms.len())
            .sum::<usize>(),
        2_000_000
    );
    assert_eq!(answer.series[0].times_ms[399_999], BASE_MS + 399_999_250);
    assert!((answer.series[0].values[399_999] - 399_999.5).abs() < 1e-9);
    let answer = fetch(&series, &hosts(6), vec![hour("m")]).await;
    assert_eq!(
        only_reason(&answer),
        "2400000 samples match, more than the limit of 2000000"
    );
}

#[tokio::test]
async fn few_queries_are_asked() {
    // As many metrics as 35 rules ask for, some by several of their labels; a thousand hosts, by shard.
    let fake = Fake::answering(|_| (200, EMPTY.to_owned())).await;
    let series = series(config(&fake.url));
    let mut selectors: Vec<SeriesSelector> = (0..20).map(|number| minute(&format!("m{number}"))).collect();
    for mode in ["idle", "iowait", "steal", "user"] {
        let look_back_ms = 30_000;
        let matcher = [("mode", MatchOperator::Equal, mode)];
        selectors.push(selector(
            "cpu",
            &matcher,
            BASE_MS - look_back_ms,
            BASE_MS + 60_000,
        ));
    }
    let mut shards: BTreeMap<Shard, Vec<HostId>> = BTreeMap::new();
    for host_id in hosts(1_000) {
        shards.entry(Shard::of(&host_id)).or_default().push(host_id);
    }
    for hosts in shards.values() {
        assert_eq!(fetch(&series, hosts, selectors.clone()).await.failed, []);
    }
    let asked = fake.take_asked();
    let queries = asked.iter().filter(|asked| asked.is_query()).count();
    assert_eq!(queries, 21 * shards.len(), "metrics × shards");
    assert_eq!(asked.len() - queries, 1, "the configuration, once");

    let answer = fetch(&series, &hosts(1_000), selectors).await;
    assert_eq!(answer.failed, []);
    let lengths: Vec<usize> = fake
        .take_asked()
        .iter()
        .map(|asked| asked.parameter("query").len())
        .collect();
    assert_eq!(lengths.len(), 21 * 3, "400 hosts in each");
    assert!(lengths.iter().all(|length| *length <= 15_000), "{lengths:?}");
}

#[tokio::test]
async fn a_shard_has_its_label_when_told_so() {
    let fake = Fake::answering(|_| (200, EMPTY.to_owned())).await;
    let series = series(PrometheusConfig {
        shard_label: Some("aops_shard".to_owned()),
        ..config(&fake.url)
    });
    fetch(&series, &hosts(100), vec![minute("m")]).await;
    for asked in fake.take_asked().iter().filter(|asked| asked.is_query()) {
        let shards: Vec<String> = hosts_in(asked)
            .iter()
            .map(|host| format!("aops_shard=\"{}\"", Shard::of(&HostId::new(host.clone()))))
            .collect();
        assert!(
            shards
                .iter()
                .all(|shard| asked.parameter("query").contains(shard)),
            "{asked:?}"
        );
    }
}

#[tokio::test]
async fn intervals_and_credentials() {
    let folder = tempfile::tempdir().expect("a folder");
    let password_file = folder.path().join("password");
    std::fs::write(&password_file, "secret\n").expect("written");
    let answer = |asked: &Asked| match asked.path.as_str() {
        "/prefix/api/v1/query" => (200, matrix(&hosts_in(asked), 2)),
        "/prefix/api/v1/status/config" => {
            let yaml = "scrape_configs:\n- job_name: node\n  scrape_interval: 30s\n";
            (200, serde_json::json!({"data": {"yaml": yaml}}).to_string())
        }
        _ => (404, String::new()),
    };
    let fake = Fake::start(Behaviour::Answer(Arc::new(answer))).await;
    let mut config = PrometheusConfig {
        username: Some("aops".to_owned()),
        password_file: Some(password_file.clone()),
        match_instance: false,
        ..config(&format!("{}/prefix/", fake.url))
    };
    let answer = fetch(&series(config.clone()), &hosts(1), vec![minute("m")]).await;
    assert_eq!(answer.series[0].interval_ms, 30_000, "as the server says");
    let shown: Vec<Option<String>> = fake
        .take_asked()
        .into_iter()
        .map(|asked| asked.authorization)
        .collect();
    assert_eq!(shown, vec![Some("Basic YW9wczpzZWNyZXQ=".to_owned()); 2]);

    config.username = None;
    config.bearer_token_file = config.password_file.take();
    config
        .scrape_intervals
        .insert("node".to_owned(), Interval(Duration::from_secs(7)));
    let answer = fetch(&series(config), &hosts(1), vec![minute("m")]).await;
    assert_eq!(answer.series[0].interval_ms, 7_000, "as configured");
    assert_eq!(
        fake.take_asked()[0].authorization.as_deref(),
        Some("Bearer secret")
    );
}

#[tokio::test]
async fn expressions_that_servers_read_otherwise_are_ours_alone() {
    let fake = Fake::answering(|asked| {
        let host = &hosts_in(asked)[0];
        let with = |device: &str| {
            format!(r#"{{"metric":{{"__name__":"m","host_id":"{host}","device":"{device}"}},"values":[[{},"1"]]}}"#, BASE_MS / 1_000)
        };
        let result = [with("sd1"), with("sd٣"), with("sdx")].join(",");
        (200, format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}}}"#))
    })
    .await;
    let series = series(config(&fake.url));
    let digits = selector(
        "m",
        &[("device", MatchOperator::Regex, r"sd\d")],
        BASE_MS,
        BASE_MS + 1,
    );
    let answer = fetch(&series, &hosts(1), vec![digits]).await;
    let mut devices: Vec<&str> = answer
        .series
        .iter()
        .map(|series| series.labels["device"].as_str())
        .collect();
    devices.sort_unstable();
    assert_eq!(devices, ["sd1", "sd٣"]);
    let query = fake.take_asked().pop().expect("asked");
    assert!(!query.parameter("query").contains("device"), "{query:?}");
}

/// Series without `host_id` belong to the machine at their `instance`; those that are there with and without are one.
async fn series_without_a_host_are_found(engine: Engine) {
    let Some(url) = server(engine) else {
        return;
    };
    let address = format!("{}:9100", random::id());
    let probe = Store::behind(engine, &url, options());
    let config = config(&url);
    let directory = vec![
        (probe.host("h"), address.clone()),
        (probe.host("i"), "nobody:1".to_owned()),
    ];
    let store =
        probe.at(Series::prometheus(config, options(), Arc::new(Directory(directory))).expect("settings"));
    let name = format!("m_{}", random::id());
    let at = [("instance", address.as_str()), ("job", "node")];
    store
        .write(vec![
            sample(&name, &at, BASE_MS, 1.0),
            sample(&name, &[("instance", "other:1")], BASE_MS, 5.0),
        ])
        .await;
    store
        .append("h", vec![sample(&name, &at, BASE_MS + 1_000, 2.0)])
        .await;
    let all = SeriesSelector {
        want_never_had: true,
        ..selector(
            &name,
            &[("job", MatchOperator::Equal, "node")],
            BASE_MS,
            BASE_MS + 60_000,
        )
    };
    let past = SeriesSelector {
        range: aops_api::TimeRange::new(BASE_MS + 600_000, BASE_MS + 601_000),
        ..all.clone()
    };
    let answer = store.fetch(&["h", "i"], vec![all, past]).await;
    assert_eq!(answer.failed, []);
    let [found] = answer.series.as_slice() else {
        panic!("{:?}", answer.series);
    };
    assert_eq!(found.host_id, HostId::from("h"));
    assert_eq!(found.labels, labels(&at));
    assert_eq!(
        (&found.times_ms, &found.values),
        (&vec![BASE_MS, BASE_MS + 1_000], &vec![1.0, 2.0])
    );
    let never_had: Vec<(usize, &str)> = answer
        .never_had
        .iter()
        .map(|never| (never.selector, never.host_id.as_str()))
        .collect();
    assert_eq!(never_had, [(0, "i"), (1, "i")]);
}

#[tokio::test]
async fn prometheus_finds_series_without_a_host() {
    series_without_a_host_are_found(Engine::Prometheus).await;
}

#[tokio::test]
async fn victoria_metrics_finds_series_without_a_host() {
    series_without_a_host_are_found(Engine::VictoriaMetrics).await;
}

/// A proxy before the real server goes away in mid-run; when it is back, all is there.
#[tokio::test]
async fn an_outage_loses_nothing() {
    let Some(url) = server(Engine::Prometheus) else {
        return;
    };
    let proxy = Fake::start(Behaviour::HangUp).await;
    let config = PrometheusConfig {
        request_timeout: Duration::from_secs(5),
        ..config(&proxy.url)
    };
    let store = Store::with(Engine::Prometheus, &url, config, options(), Directory::default());
    store.append("h", vec![sample("m", &[], BASE_MS, 1.0)]).await;
    let ask = async || store.fetch(&["h"], vec![minute("m")]).await;
    assert!(
        only_reason(&ask().await).contains("broke off"),
        "away at the start"
    );
    proxy.set(Behaviour::Forward(url.clone()));
    assert_eq!(ask().await.series.len(), 1);
    for behaviour in [
        Behaviour::HangUp,
        Behaviour::Cut(EMPTY.to_owned()),
        Behaviour::Answer(Arc::new(|_| (500, String::new()))),
    ] {
        proxy.set(behaviour);
        let answer = ask().await;
        assert_eq!((answer.failed.len(), answer.series.len()), (1, 0));
        store
            .append("h", vec![sample("m", &[], BASE_MS + 1_000, 2.0)])
            .await;
        proxy.set(Behaviour::Forward(url.clone()));
        let answer = ask().await;
        assert_eq!(answer.failed, []);
        assert_eq!(answer.series[0].values, [1.0, 2.0]);
    }
}

#[tokio::test]
async fn nothing_is_written_and_nothing_deleted_unasked() {
    let fake = Fake::start(Behaviour::Answer(Arc::new(|_| (200, "{}".to_owned())))).await;
    let series = series(config(&fake.url));
    let refusal = series.append(HostId::from("h"), vec![]).await;
    assert!(matches!(refusal, Err(SeriesError::NotWritable)), "{refusal:?}");
    let refusal = series.delete_before(0).await.expect_err("refused").to_string();
    assert!(refusal.contains("series.admin_api is off"), "{refusal}");
    assert!(fake.take_asked().is_empty());
}

/// Each on its own hosts: other tests are at work on the same server, so nothing is deleted by time there.
async fn a_host_is_deleted(engine: Engine) {
    let Some(url) = server(engine) else {
        return;
    };
    let config = PrometheusConfig {
        admin_api: true,
        ..config(&url)
    };
    let store = Store::with(
        engine,
        &url,
        config,
        SeriesOptions::default(),
        Directory::default(),
    );
    // Of the present: Prometheus 2.42 does not delete what came out of order before it has compacted it.
    let now_ms = BASE_MS + 2 * 3_600_000;
    for host in ["h", "i"] {
        store.append(host, vec![sample("m", &[], now_ms, 1.0)]).await;
    }
    let found = async || {
        let selector = selector("m", &[], now_ms, now_ms + 1);
        let answer = store.fetch(&["h", "i"], vec![selector]).await;
        let hosts = answer.series.iter().map(|series| series.host_id.to_string());
        hosts.collect::<Vec<_>>()
    };
    assert_eq!(found().await, ["h", "i"]);
    let Series::Prometheus(prometheus) = &store.series else {
        panic!("another engine");
    };
    prometheus.delete_host(&store.host("h")).await.expect("deleted");
    assert_eq!(found().await, ["i"]);
    if engine == Engine::VictoriaMetrics {
        // It would delete series as a whole.
        let refusal = store
            .series
            .delete_before(0)
            .await
            .expect_err("refused")
            .to_string();
        assert!(
            refusal.contains("only Prometheus itself deletes by time"),
            "{refusal}"
        );
    }
}

#[tokio::test]
async fn prometheus_deletes_a_host() {
    a_host_is_deleted(Engine::Prometheus).await;
}

#[tokio::test]
async fn victoria_metrics_deletes_a_host() {
    a_host_is_deleted(Engine::VictoriaMetrics).await;
}

/// Deletion by time reaches every series of the server: what is asked of it is looked at, not done.
#[tokio::test]
async fn deletion_by_time_spares_what_is_not_ours() {
    let answer = |asked: &Asked| match asked.path.as_str() {
        "/api/v1/status/buildinfo" => (
            200,
            r#"{"data":{"version":"2.42.0","revision":"abc"}}"#.to_owned(),
        ),
        _ => (204, String::new()),
    };
    let fake = Fake::start(Behaviour::Answer(Arc::new(answer))).await;
    let series = series(PrometheusConfig {
        admin_api: true,
        ..config(&fake.url)
    });
    series.delete_before(BASE_MS).await.expect("deleted");
    let asked = fake.take_asked();
    let paths: Vec<&str> = asked.iter().map(|asked| asked.path.as_str()).collect();
    let admin = [
        "/api/v1/admin/tsdb/delete_series",
        "/api/v1/admin/tsdb/clean_tombstones",
    ];
    assert_eq!(paths[1..], admin);
    assert_eq!(asked[1].parameter("match[]"), r#"{host_id!=""}"#);
    assert_eq!(asked[1].parameter("end"), format!("{}.999", BASE_MS / 1_000 - 1));
}
