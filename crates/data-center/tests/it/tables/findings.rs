use aops_api::finding::{
    DecidingSample, Evidence, Finding, FindingQueryAnswer, FindingQueryRequest, FindingValue, JudgedWindow,
};
use aops_api::{EvaluationKey, HostId, Labels, Shard, TimeRange};
use aops_data_center::Error;
use aops_data_center::results::ResultDocument;
use aops_data_center::store::Tables;

use super::{NOW_MS, add_host, add_user};
use crate::backend::{Backend, contract};

contract!(
    a_finding_grows_from_window_to_window,
    each_change_is_told_in_the_transaction_that_made_it,
    the_later_reading_stays,
    what_could_not_be_read_covers_nothing,
    answers_are_cut_to_what_was_asked,
    any_order_at_the_same_time_gives_the_same,
    many_keys_and_hosts_in_one_request,
    windows_of_one_key_in_one_request_follow_each_other,
    wrong_windows_change_nothing,
    old_coverage_is_settled,
);

fn labels(cpu: &str) -> Labels {
    Labels::from([("cpu".to_owned(), cpu.to_owned())])
}

fn finding(cpu: &str, start_ms: i64, end_ms: i64) -> Finding {
    Finding {
        labels: labels(cpu),
        value: FindingValue::Abnormal,
        range: TimeRange::new(start_ms, end_ms),
        evidence: Evidence::of(DecidingSample {
            time_ms: start_ms,
            margin: Some(0.1 + 0.2),
            values: Vec::new(),
        }),
        reason: String::new(),
    }
}

fn window(key: &str, host: &str, start_ms: i64, end_ms: i64, findings: Vec<Finding>) -> JudgedWindow {
    JudgedWindow {
        key: EvaluationKey::from(key),
        host_id: HostId::from(host),
        window: TimeRange::new(start_ms, end_ms),
        as_of_ms: NOW_MS + end_ms,
        covered: true,
        judged: vec![labels("0"), labels("1")],
        findings,
    }
}

async fn save(tables: &Tables, windows: &[JudgedWindow]) {
    tables.save_findings(windows, NOW_MS).await.expect("saved");
}

async fn query(tables: &Tables, host: &str, keys: &[&str], start_ms: i64, end_ms: i64) -> FindingQueryAnswer {
    let request = FindingQueryRequest {
        host_id: HostId::from(host),
        keys: keys.iter().map(|key| EvaluationKey::from(*key)).collect(),
        range: TimeRange::new(start_ms, end_ms),
    };
    tables.query_findings(&request).await.expect("read")
}

/// Covered stretches, and findings with the value of their label.
type Ranges = (Vec<(i64, i64)>, Vec<(String, i64, i64)>);

fn ranges(answer: &FindingQueryAnswer) -> Ranges {
    let known = &answer.keys[0];
    let covered = known
        .coverage
        .iter()
        .map(|span| (span.range.start_ms, span.range.end_ms))
        .collect();
    let findings = known.findings.iter().map(|stored| {
        let finding = &stored.finding;
        let cpu = finding.labels.get("cpu").cloned().unwrap_or_default();
        (cpu, finding.range.start_ms, finding.range.end_ms)
    });
    (covered, findings.collect())
}

async fn told(tables: &Tables) -> Vec<(String, i64, i64)> {
    let rows = tables.outbox(1_000).await.expect("read");
    let told = rows
        .iter()
        .map(|row| {
            let document: ResultDocument = serde_json::from_str(&row.body).expect("a result");
            (row.transition.clone(), document.start_ms, document.end_ms)
        })
        .collect();
    tables.delete_from_outbox(&rows).await.expect("deleted");
    told
}

async fn a_finding_grows_from_window_to_window(backend: &Backend) {
    let tables = backend.open().await;
    save(&tables, &[window("k", "h", 0, 10, vec![finding("0", 4, 10)])]).await;
    save(
        &tables,
        &[window(
            "k",
            "h",
            10,
            20,
            vec![finding("0", 10, 15), finding("1", 12, 13)],
        )],
    )
    .await;
    let answer = query(&*backend.open().await, "h", &["k", "other"], 0, 100).await;
    let (covered, findings) = ranges(&answer);
    assert_eq!(covered, [(0, 20)]);
    assert_eq!(answer.keys[0].coverage[0].judged, [labels("0"), labels("1")]);
    assert_eq!(findings, [("0".to_owned(), 4, 15), ("1".to_owned(), 12, 13)]);
    let evidence = &answer.keys[0].findings[0].finding.evidence;
    let time_of = |sample: &Option<DecidingSample>| sample.as_ref().map(|sample| sample.time_ms);
    assert_eq!(
        (time_of(&evidence.first), time_of(&evidence.last)),
        (Some(4), Some(10))
    );
    assert_eq!(
        evidence.first.as_ref().and_then(|sample| sample.margin),
        Some(0.1 + 0.2),
        "to the last bit"
    );
    assert!(answer.keys[1].coverage.is_empty() && answer.keys[1].findings.is_empty());
    assert_eq!(answer.keys[1].key.as_str(), "other");
}

async fn each_change_is_told_in_the_transaction_that_made_it(backend: &Backend) {
    let tables = backend.open().await;
    let filled = tables.outbox_filled();
    let first = window("k", "h", 0, 10, vec![finding("0", 4, 10)]);
    save(&tables, std::slice::from_ref(&first)).await;
    filled.notified().await;
    assert_eq!(told(&tables).await, [("opened".to_owned(), 4, 10)]);
    save(&tables, &[first]).await;
    assert_eq!(told(&tables).await, [], "a repetition");
    save(&tables, &[window("k", "h", 10, 20, vec![finding("0", 10, 15)])]).await;
    let rows = tables.outbox(10).await.expect("read");
    assert!(rows[0].revision > 1 && rows[0].kind == "result", "{rows:?}");
    assert_eq!(told(&tables).await, [("closed".to_owned(), 4, 15)]);
    save(&tables, &[window("k", "h", 0, 20, vec![])]).await;
    assert_eq!(told(&tables).await, [("removed".to_owned(), 4, 15)]);
}

async fn the_later_reading_stays(backend: &Backend) {
    let tables = backend.open().await;
    let mut later = window("k", "h", 0, 10, vec![]);
    later.as_of_ms = NOW_MS + 500;
    save(&tables, &[later]).await;
    save(&tables, &[window("k", "h", 0, 20, vec![finding("0", 5, 15)])]).await;
    let (covered, findings) = ranges(&query(&tables, "h", &["k"], 0, 100).await);
    assert_eq!(
        (covered, findings),
        (vec![(0, 20)], vec![("0".to_owned(), 10, 15)])
    );
}

async fn what_could_not_be_read_covers_nothing(backend: &Backend) {
    let tables = backend.open().await;
    let failure = Finding {
        labels: Labels::new(),
        value: FindingValue::InternalError,
        reason: "the store is away 🙂".to_owned(),
        ..finding("", 0, 20)
    };
    let failed = JudgedWindow {
        covered: false,
        judged: vec![],
        as_of_ms: NOW_MS + 900,
        ..window("k", "h", 0, 20, vec![failure])
    };
    save(&tables, &[window("k", "h", 0, 10, vec![])]).await;
    save(&tables, &[failed]).await;
    let answer = query(&tables, "h", &["k"], 0, 100).await;
    assert_eq!(ranges(&answer), (vec![(0, 10)], vec![(String::new(), 10, 20)]));
    assert_eq!(answer.keys[0].findings[0].finding.reason, "the store is away 🙂");
    save(&tables, &[window("k", "h", 10, 20, vec![])]).await;
    let (covered, findings) = ranges(&query(&tables, "h", &["k"], 0, 100).await);
    assert_eq!((covered, findings.len()), (vec![(0, 20)], 0));
}

async fn answers_are_cut_to_what_was_asked(backend: &Backend) {
    let tables = backend.open().await;
    save(
        &tables,
        &[window(
            "k",
            "h",
            0,
            10,
            vec![finding("0", 2, 4), finding("0", 8, 10)],
        )],
    )
    .await;
    save(&tables, &[window("k", "h", 20, 30, vec![finding("0", 20, 22)])]).await;
    let ask = async |start_ms, end_ms| ranges(&query(&tables, "h", &["k"], start_ms, end_ms).await);
    let found = |start_ms, end_ms| ("0".to_owned(), start_ms, end_ms);
    assert_eq!(
        ask(4, 9).await,
        (vec![(4, 9)], vec![found(8, 10)]),
        "findings are not cut"
    );
    assert_eq!(
        ask(10, 20).await,
        (vec![], vec![]),
        "what only touches is left out"
    );
    assert_eq!(
        ask(9, 21).await,
        (vec![(9, 10), (20, 21)], vec![found(8, 10), found(20, 22)])
    );
    assert_eq!(ask(5, 5).await, (vec![], vec![]));
}

async fn any_order_at_the_same_time_gives_the_same(backend: &Backend) {
    let tables = backend.open().await;
    let truth = finding("0", 35, 165);
    let windows: Vec<JudgedWindow> = (0..20)
        .map(|number: i64| {
            let range = TimeRange::new(number * 10, number * 10 + 10);
            let part = truth.range.intersect(range);
            let findings = if part.is_empty() {
                vec![]
            } else {
                vec![finding("0", part.start_ms, part.end_ms)]
            };
            window("k", "h", range.start_ms, range.end_ms, findings)
        })
        .collect();
    let mut saving = tokio::task::JoinSet::new();
    for step in [7_usize, 3, 11] {
        for index in 0..windows.len() {
            let (tables, window) = (tables.clone(), windows[index * step % windows.len()].clone());
            saving.spawn(async move { tables.save_findings(&[window], NOW_MS).await });
        }
    }
    for outcome in saving.join_all().await {
        outcome.expect("saved");
    }
    let answer = query(&tables, "h", &["k"], 0, 1_000).await;
    assert_eq!(ranges(&answer), (vec![(0, 200)], vec![("0".to_owned(), 35, 165)]));
    let rows = tables.outbox(1_000).await.expect("read");
    let last = rows.last().expect("told");
    let open: std::collections::BTreeMap<&str, &str> = rows
        .iter()
        .map(|row| (row.document_id.as_str(), row.transition.as_str()))
        .collect();
    let alive: Vec<&str> = open
        .iter()
        .filter(|(_, told)| **told != "removed")
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(alive, [answer.keys[0].findings[0].result_id.as_str()], "{last:?}");
}

async fn many_keys_and_hosts_in_one_request(backend: &Backend) {
    let tables = backend.open().await;
    let request = |start_ms: i64| {
        let mut windows = Vec::new();
        for host in 0..20 {
            for key in 0..60 {
                let findings = match (host * key) % 3 {
                    0 => vec![
                        finding("0", start_ms, start_ms + 10),
                        finding("1", start_ms + 1, start_ms + 2),
                    ],
                    _ => vec![],
                };
                windows.push(window(
                    &format!("k{key}"),
                    &format!("h{host}"),
                    start_ms,
                    start_ms + 10,
                    findings,
                ));
            }
        }
        windows
    };
    save(&tables, &request(0)).await;
    save(&tables, &request(10)).await;
    let answer = query(&tables, "h7", &["k3", "k4"], 0, 100).await;
    let found = |cpu: &str, start_ms, end_ms| (cpu.to_owned(), start_ms, end_ms);
    assert_eq!(
        ranges(&answer),
        (
            vec![(0, 20)],
            vec![found("0", 0, 20), found("1", 1, 2), found("1", 11, 12)]
        )
    );
    assert_eq!(
        (answer.keys[1].coverage.len(), answer.keys[1].findings.len()),
        (1, 0)
    );
}

async fn windows_of_one_key_in_one_request_follow_each_other(backend: &Backend) {
    let tables = backend.open().await;
    let windows = [
        window("k", "h", 0, 10, vec![finding("0", 5, 10)]),
        window("k", "h", 10, 20, vec![finding("0", 10, 12)]),
        window("k", "h", 0, 20, vec![]),
        window("k", "h", 0, 20, vec![finding("0", 5, 12)]),
    ];
    save(&tables, &windows).await;
    let answer = query(&tables, "h", &["k"], 0, 100).await;
    assert_eq!(ranges(&answer).1, [("0".to_owned(), 5, 12)]);
    let rows = tables.outbox(100).await.expect("read");
    let removed = rows.iter().find(|row| row.transition == "removed").expect("told");
    let last = rows.last().expect("told");
    assert_eq!(removed.document_id, last.document_id);
    assert!(
        last.revision > removed.revision,
        "what comes back is newer than its removal"
    );
}

async fn wrong_windows_change_nothing(backend: &Backend) {
    let tables = backend.open().await;
    let good = window("k", "h", 0, 10, vec![]);
    let outside = window("k", "h", 0, 10, vec![finding("0", 5, 11)]);
    match tables.save_findings(&[good, outside], NOW_MS).await {
        Err(Error::Invalid(reason)) => {
            assert!(reason.starts_with("windows[1].findings[0].range"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    let long = window(&"k".repeat(65), "h", 0, 10, vec![]);
    assert!(matches!(
        tables.save_findings(&[long], NOW_MS).await,
        Err(Error::Invalid(_))
    ));
    assert!(ranges(&query(&tables, "h", &["k"], 0, 100).await).0.is_empty());
    save(&tables, &[]).await;
}

async fn old_coverage_is_settled(backend: &Backend) {
    let tables = backend.open().await;
    add_user(&tables, "ann").await;
    let host = add_host(&tables, "h", "ann").await;
    for number in 0..30 {
        let start_ms = number * 10;
        save(&tables, &[window("k", "h", start_ms, start_ms + 10, vec![])]).await;
    }
    let before = query(&tables, "h", &["k"], 0, 1_000).await;
    let shard = Shard::of(&host);
    let saved = tables
        .settle_coverage(shard, NOW_MS + 205)
        .await
        .expect("settled");
    assert_eq!(saved, 19, "of 20 one is left, and the 10 younger ones");
    assert_eq!(
        tables
            .settle_coverage(shard, NOW_MS + 205)
            .await
            .expect("settled"),
        0
    );
    assert_eq!(query(&tables, "h", &["k"], 0, 1_000).await, before);

    // Saves go on as before, on old ground and on new.
    save(
        &tables,
        &[window("k", "h", 300, 310, vec![finding("0", 301, 302)])],
    )
    .await;
    let mut again = window("k", "h", 95, 105, vec![finding("0", 95, 105)]);
    again.as_of_ms = NOW_MS + 10_000;
    save(&tables, &[again]).await;
    let (covered, findings) = ranges(&query(&tables, "h", &["k"], 0, 1_000).await);
    assert_eq!(covered, [(0, 310)]);
    assert_eq!(findings, [("0".to_owned(), 95, 105), ("0".to_owned(), 301, 302)]);
}
