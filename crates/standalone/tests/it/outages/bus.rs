//! Kafka away, halted and killed, under a whole platform.

use std::collections::BTreeSet;

use aops_api::finding::FindingValue;
use aops_api::result::ResultRow;

use super::*;
use crate::steps::{abnormal_results, execute, import_tree, progress, report};

const TREE: &str = "slow host";

/// One test of all outages of a broker: starting one takes some seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_goes_away_loses_and_doubles_nothing() {
    let Some(engines) = Engines::with_broker().await else {
        return;
    };
    let broker = engines.broker();
    let platform = in_time(TestPlatform::start_on(&engines)).await;
    let admin = &platform.admin;
    let node = FakeNode::start();
    node.set("node_load1", 500.0);
    let host = platform.register(&node, "node-1").await;
    let leaf = json!({ "node name": "queue", "value": null, "check item": "before", "msg": "" });
    let root =
        json!({ "node name": "host is slow", "value": null, "condition": "queue", "children": [leaf] });
    import_tree(admin, TREE, root).await;

    // Away at the start: rules and diagnoses are taken, and carried out later.
    is_imported(admin, "before").await;
    let now = Clock::system().now_ms() / 1_000;
    let early = in_time(execute(admin, &host, TREE, now - 5, now)).await;
    assert_eq!(progress(admin, &early).await, 0);
    tokio::task::block_in_place(|| broker.start());
    report(admin, &early).await;
    let before = eventually("the anomaly", async || rows_of(admin, "before").await.pop()).await;

    let mut tasks = vec![early];
    for outage in ["halted", "killed"] {
        match outage {
            "halted" => broker.pause(),
            _ => broker.kill(),
        }
        let stood = stands_still(admin).await;
        is_imported(admin, outage).await;
        let task = in_time(execute(admin, &host, TREE, before.start, before.end)).await;
        assert_eq!(in_time(progress(admin, &task)).await, 0, "{outage}");
        match outage {
            "halted" => broker.go_on(),
            _ => tokio::task::block_in_place(|| broker.start()),
        }
        eventually("checks of the new rule", async || {
            rows_of(admin, outage).await.pop()
        })
        .await;
        let found = report(admin, &task).await;
        assert_eq!(found.explanation.cause_path, ["host is slow"], "{outage}");
        tasks.push(task);
        // The anomaly that lasted through it all is one interval still, and has no gap: late windows are judged, too.
        let after = eventually("the interval to grow", async || {
            let mut rows = every_verdict(admin).await;
            assert!(rows.len() <= 1, "{outage}: {rows:?}");
            rows.pop().filter(|row| row.end > stood.end + 5)
        })
        .await;
        assert_eq!(after.result_id, before.result_id, "{outage}");
    }

    let rows = abnormal_results(admin).await;
    let names: BTreeSet<&str> = rows.iter().map(|row| row.check_item.as_str()).collect();
    assert_eq!((rows.len(), names.len()), (3, 3), "{rows:?}");
    for task in &tasks {
        // It looks whether there is one report, and not two.
        report(admin, task).await;
    }
    let count = admin.count_rules(&Empty {}).await.expect("answered");
    assert_eq!(count.succeeded().expect("counted").rule_count, 3);
    in_time(platform.stop()).await;
    engines.remove().await;
}

/// What stands in the tables goes on, and what is found can be read.
async fn is_imported(admin: &Platform, name: &str) {
    let answer = import(admin, name).await.expect("answered");
    answer.succeeded().expect("imported");
    rows_of(admin, name).await;
}

/// Waits until checks have stopped: the anomaly has not grown for longer than it takes to judge a window.
async fn stands_still(admin: &Platform) -> ResultRow {
    eventually("checks to stand still", async || {
        let row = rows_of(admin, "before").await.pop()?;
        (Clock::system().now_ms() / 1_000 > row.end + 6).then_some(row)
    })
    .await
}

/// What was said of the machine since the anomaly began, whatever it is.
async fn every_verdict(admin: &Platform) -> Vec<ResultRow> {
    let request = ResultGetRequest {
        check_items: vec!["before".to_owned()],
        ..ResultGetRequest::default()
    };
    let mut rows = eventually("results", async || {
        let answer = in_time(admin.results(&request)).await.expect("answered");
        answer.succeeded().ok().map(|answer| answer.check_result)
    })
    .await;
    let begin = rows
        .iter()
        .filter(|row| row.value == FindingValue::Abnormal)
        .map(|row| row.start)
        .min();
    // Starts are rounded down, and ends up.
    rows.retain(|row| begin.is_some_and(|begin| row.end > begin + 1));
    rows
}
