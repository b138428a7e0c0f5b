//! Prometheus away, halted, failing and killed, under a whole platform.

use std::collections::BTreeSet;

use aops_api::HostId;
use aops_api::diagnosis::{LeafSource, Outcome as DiagnosisOutcome};
use aops_api::finding::FindingValue;
use aops_api::rule::DataKind;
use aops_api::series::{SeriesFetchRequest, SeriesSelector};

use super::*;
use crate::steps::{diagnose, import_tree};

const TREE: &str = "slow host";
const FAILING: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: 71\r\n\
                       connection: close\r\n\r\n{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"the disk is on fire\"}";

#[tokio::test(flavor = "multi_thread")]
async fn series_that_go_away_lose_and_double_nothing() {
    let Some(engines) = Engines::with_proxies(&[Engine::Series]).await else {
        return;
    };
    let proxy = engines.proxy(Engine::Series);
    // Away at the start.
    proxy.refuse();
    let platform = in_time(TestPlatform::start_on(&engines)).await;
    let admin = &platform.admin;
    let node = FakeNode::start();
    node.set("node_load1", 500.0);
    let host = platform.register(&node, "node-1").await;
    let leaf = json!({ "node name": "queue", "value": null, "check item": "before", "msg": "" });
    let root =
        json!({ "node name": "host is slow", "value": null, "condition": "queue", "children": [leaf] });
    import_tree(admin, TREE, root).await;
    import(admin, "before")
        .await
        .expect("answered")
        .succeeded()
        .expect("imported");
    is_away(&platform, &host, "cannot be connected to").await;
    proxy.forward();
    eventually("the anomaly", async || rows_of(admin, "before").await.pop()).await;

    for (outage, reason) in [
        ("stalled", "has not answered within"),
        ("failing", "the disk is on fire"),
        ("killed", ""),
    ] {
        match outage {
            "stalled" => proxy.stall(),
            "failing" => proxy.answer(FAILING),
            _ => engines.prometheus().kill(),
        }
        let begin = Clock::system().now_ms() / 1_000;
        let hole = is_away(&platform, &host, reason).await;
        assert!(hole.end > begin, "{hole:?}");
        match outage {
            "killed" => engines.prometheus().start(),
            _ => proxy.forward(),
        }
        eventually("anomalies after the outage", async || {
            rows_of(admin, "before")
                .await
                .into_iter()
                .find(|row| row.end > hole.end)
        })
        .await;
        if outage == "killed" {
            continue;
        }
        // Prometheus went on to collect: what could not be judged then is judged by a diagnosis.
        let found = diagnose(admin, &host, TREE, hole.start, hole.end).await;
        assert_eq!(found.explanation.cause_path, ["host is slow"], "{outage}");
        assert_ne!(
            found.explanation.leaves[0].source,
            LeafSource::Findings,
            "{outage}"
        );
    }

    // No moment is told twice.
    let mut rows = rows_of(admin, "before").await;
    rows.sort_by_key(|row| row.start);
    assert!(
        rows.windows(2).all(|pair| pair[0].end <= pair[1].start + 1),
        "{rows:?}"
    );
    let ids: BTreeSet<_> = rows.iter().map(|row| &row.result_id).collect();
    assert_eq!(ids.len(), rows.len());
    in_time(platform.stop()).await;
    engines.remove().await;
}

/// Whoever needs series is told that Prometheus is away and why, in time; everything else goes on. Gives the interval of the
/// windows that could not be judged.
async fn is_away(platform: &TestPlatform, host: &HostId, reason: &str) -> ResultRow {
    let admin = &platform.admin;
    let now_ms = Clock::system().now_ms();
    let request = SeriesFetchRequest {
        hosts: vec![host.clone()],
        selectors: vec![SeriesSelector {
            name: "node_load1".to_owned(),
            kind: DataKind::Kpi,
            matchers: Vec::new(),
            range: aops_api::TimeRange::new(now_ms - 5_000, now_ms),
            want_never_had: true,
        }],
    };
    let answer = in_time(platform.data_center.fetch_series(&request))
        .await
        .expect("answered");
    assert_eq!(answer.failed.len(), 1, "{answer:?}");
    let told = &answer.failed[0].reason;
    assert!(
        told.starts_with("Prometheus at ") && told.contains(reason),
        "{told}"
    );

    let count = in_time(admin.count_rules(&Empty {})).await.expect("answered");
    assert_eq!(count.succeeded().expect("counted").rule_count, 1);
    let hosts = in_time(admin.hosts(&Default::default())).await.expect("answered");
    assert_eq!(hosts.succeeded().expect("hosts").host_infos.len(), 1);
    let hole = eventually("windows that cannot be judged", async || {
        let request = ResultGetRequest {
            value: Some("Internal error".to_owned()),
            ..ResultGetRequest::default()
        };
        let rows = in_time(admin.results(&request)).await.expect("answered");
        let rows = rows.succeeded().ok()?.check_result;
        rows.into_iter().find(|row| row.end * 1_000 > now_ms + 1_000)
    })
    .await;
    assert!(hole.reason.contains(reason), "{hole:?}");

    // A diagnosis is finished, and accuses nobody.
    let report = diagnose(admin, host, TREE, hole.start, hole.end).await;
    assert_ne!(report.explanation.outcome, DiagnosisOutcome::CauseFound);
    let leaf = &report.explanation.leaves[0];
    let says_so = |value: FindingValue| value == FindingValue::InternalError;
    assert!(
        leaf.findings.iter().any(|finding| says_so(finding.value)),
        "{leaf:?}"
    );
    hole
}
