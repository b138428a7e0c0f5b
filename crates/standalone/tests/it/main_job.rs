//! From a node's metrics to a report that names the cause.

use std::time::Duration;

use aops_api::code::Empty;
use aops_api::diagnosis::{LeafSource, Outcome};
use aops_api::finding::FindingValue;
use aops_client::Platform;
use aops_service::Clock;
use aops_test_platform::{Engines, FakeNode, TestPlatform, eventually};
use serde_json::json;

use crate::scenarios;
use crate::steps::{self, abnormal_results, diagnose};

scenarios!(
    an_anomaly_is_found_and_its_cause_named,
    a_diagnosis_evaluates_what_no_check_has_covered,
    a_restart_keeps_everything_and_goes_on,
);

const BUSY: &str = r#"node_cpu_seconds_total{cpu="0",mode="idle"}"#;
const CALM: &str = r#"node_cpu_seconds_total{cpu="1",mode="idle"}"#;

async fn import_rules(admin: &Platform) {
    let rules = json!([
        {
            "check_item": "cpu busy",
            "data_list": [{
                "name": "node_cpu_seconds_total",
                "label": { "cpu": "*", "mode": "idle" },
                "transform": "rate"
            }],
            "condition": "avg(2s) < 0.2"
        },
        { "check_item": "load high", "data_list": [{ "name": "node_load1" }], "condition": "$0 > 100" }
    ]);
    steps::import_rules(admin, rules).await;
}

const TREE: &str = "slow host";

async fn import_tree(admin: &Platform) {
    let root = json!({
        "node name": "host is slow", "value": null, "condition": "processors || queue",
        "description": "Programs answer late.", "advice": "", "children": [
            {
                "node name": "processors", "value": null, "condition": "busy",
                "description": "A processor has no time to spare.", "advice": "Stop what burns it.", "children": [
                    { "node name": "busy", "value": null, "check item": "cpu busy", "msg": "" }
                ]
            },
            { "node name": "queue", "value": null, "check item": "load high", "msg": "" }
        ]
    });
    steps::import_tree(admin, TREE, root).await;
}

async fn an_anomaly_is_found_and_its_cause_named(engines: &Engines) {
    let platform = TestPlatform::start_on(engines).await;
    let node = FakeNode::start();
    for series in [BUSY, CALM] {
        node.set(series, 100.0);
        // At a scrape each 250 ms: idle all the time.
        node.grow(series, 0.25);
    }
    node.set("node_load1", 1.0);
    let host = platform.register(&node, "node-1").await;
    import_rules(&platform.admin).await;
    import_tree(&platform.admin).await;

    node.grow(BUSY, 0.0);
    let row = eventually("the anomaly", async || {
        abnormal_results(&platform.admin)
            .await
            .into_iter()
            .find(|row| row.check_item == "cpu busy")
    })
    .await;
    assert_eq!(row.host_id, host);
    assert_eq!(row.labels.get("cpu").map(String::as_str), Some("0"));
    assert_eq!(row.value, FindingValue::Abnormal);
    assert!(row.end > row.start);
    let first = row.evidence.first.as_ref().expect("a deciding sample");
    assert!(
        first.values.iter().any(|value| value.expression.contains("avg")),
        "{first:?}"
    );

    // The anomaly grows as one interval; the processor that is calm has none.
    let longer = eventually("the interval to grow", async || {
        abnormal_results(&platform.admin)
            .await
            .into_iter()
            .find(|now| now.end >= row.end + 3)
    })
    .await;
    assert_eq!(longer.result_id, row.result_id);
    assert_eq!(abnormal_results(&platform.admin).await.len(), 1);

    // A diagnosis over what has been checked reads the findings …
    let report = diagnose(&platform.admin, &host, TREE, row.start, row.end).await;
    assert_eq!(report.explanation.outcome, Outcome::CauseFound);
    assert_eq!(report.explanation.cause_path, ["host is slow", "processors"]);
    assert_eq!(report.explanation.advice, "Stop what burns it.");
    assert_eq!(report.report["value"], json!(true));
    let leaf = &report.explanation.leaves[0];
    assert_eq!(leaf.findings[0].labels.get("cpu").map(String::as_str), Some("0"));

    // … and ends with the fault: the interval is closed, and what comes after is normal.
    node.grow(BUSY, 0.25);
    let closed = eventually("the interval to close", async || {
        let now = Clock::system().now_ms() / 1000;
        let row = abnormal_results(&platform.admin).await.remove(0);
        (now - row.end > 8).then_some(row)
    })
    .await;
    assert_eq!(closed.result_id, row.result_id);
    let report = diagnose(&platform.admin, &host, TREE, closed.end + 1, closed.end + 4).await;
    assert_eq!(report.explanation.outcome, Outcome::CauseNotFound);
    platform.stop().await;
}

async fn a_diagnosis_evaluates_what_no_check_has_covered(engines: &Engines) {
    let platform = TestPlatform::start_on(engines).await;
    let node = FakeNode::start();
    node.set("node_load1", 500.0);
    let host = platform.register(&node, "node-1").await;
    let begin = Clock::system().now_ms() / 1000;
    // Samples come in while no rule exists: nothing is covered.
    eventually("samples", async || {
        let machines = platform
            .data_center
            .machines(&Empty {})
            .await
            .expect("machines")
            .machines;
        let first = machines
            .iter()
            .find(|machine| machine.host_id == host)?
            .first_sample_ms?;
        (Clock::system().now_ms() > first + 3_000).then_some(())
    })
    .await;
    let end = Clock::system().now_ms() / 1000;
    import_rules(&platform.admin).await;
    import_tree(&platform.admin).await;

    let report = diagnose(&platform.admin, &host, TREE, begin, end).await;
    assert_eq!(report.explanation.cause_path, ["host is slow"]);
    let leaf = report
        .explanation
        .leaves
        .iter()
        .find(|leaf| leaf.check_item == "load high")
        .expect("the leaf");
    assert_eq!(leaf.source, LeafSource::Evaluated);
    // The node never had processors: that leaf rests on missing data, and says so.
    assert_eq!(
        report.report["children"][0]["children"][0]["msg"],
        json!("No data")
    );
    platform.stop().await;
}

async fn a_restart_keeps_everything_and_goes_on(engines: &Engines) {
    let platform = TestPlatform::start_on(engines).await;
    let node = FakeNode::start();
    node.set("node_load1", 500.0);
    platform.register(&node, "node-1").await;
    import_rules(&platform.admin).await;
    import_tree(&platform.admin).await;
    let before = eventually("the anomaly", async || {
        abnormal_results(&platform.admin)
            .await
            .into_iter()
            .find(|row| row.check_item == "load high")
    })
    .await;

    let platform = TestPlatform::start_in(platform.stop().await, engines).await;
    let rules = platform
        .admin
        .count_rules(&Empty {})
        .await
        .expect("answered")
        .succeeded()
        .expect("counted");
    assert_eq!(rules.rule_count, 2);
    // The same interval goes on: it was not closed by the restart, nor opened a second time.
    eventually("the interval to grow", async || {
        let rows = abnormal_results(&platform.admin).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].result_id, before.result_id);
        (rows[0].end > before.end + 2).then_some(())
    })
    .await;
    tokio::time::timeout(Duration::from_secs(20), platform.stop())
        .await
        .expect("stops in time");
}
