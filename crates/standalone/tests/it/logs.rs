//! From a line of a machine's log to a report that names the cause. Lines are kept by Elasticsearch alone.

use aops_api::diagnosis::{LeafSource, Outcome};
use aops_service::Clock;
use aops_test_platform::{Engines, FakeNode, TestPlatform, eventually};
use jiff::Timestamp;
use serde_json::json;

use crate::steps::{abnormal_results, diagnose, import_rules, import_tree};

const KILLED: &str = "Nov 21 18:16:01 box kernel: Out of memory: Killed process 4711 (java)";
const TREE: &str = "lost programs";

fn now() -> Timestamp {
    Timestamp::from_millisecond(Clock::system().now_ms()).expect("a time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_found_and_named_as_the_cause() {
    let Some(engines) = Engines::real().await else {
        return;
    };
    let platform = TestPlatform::start_on(&engines).await;
    let admin = &platform.admin;
    let (node, other_node) = (FakeNode::start(), FakeNode::start());
    let host = platform.register(&node, "node-1").await;
    let other = platform.register(&other_node, "node-2").await;
    let rules = json!([{
        "check_item": "program killed",
        "data_list": [{ "name": "messages", "type": "log" }],
        "condition": "keyword('Out of memory: Killed process')"
    }]);
    import_rules(admin, rules).await;
    let root = json!({
        "node name": "a program is gone", "value": null, "condition": "memory", "description": "", "advice": "",
        "children": [{
            "node name": "memory", "value": null, "condition": "killed",
            "description": "The system ran out of memory.", "advice": "Give it more.", "children": [
                { "node name": "killed", "value": null, "check item": "program killed", "msg": "" }
            ]
        }]
    });
    import_tree(admin, TREE, root).await;
    for host in [&host, &other] {
        let streams = "messages kbox history dmesg";
        engines.log(host, "heartbeat", now(), streams).await;
    }

    // Whoever logs late, on a busy machine, does so after its window: the fault goes on, and so does the log.
    let row = eventually("the anomaly", async || {
        engines.log(&host, "messages", now(), KILLED).await;
        let harmless = "Nov 21 18:16:01 box sshd[12]: Accepted password for root";
        engines.log(&other, "messages", now(), harmless).await;
        engines.log(&other, "dmesg", now(), KILLED).await;
        abnormal_results(admin).await.pop()
    })
    .await;
    assert_eq!((&row.host_id, row.check_item.as_str()), (&host, "program killed"));
    let first = row.evidence.first.as_ref().expect("a deciding sample");
    assert!(
        (row.start * 1_000..row.end * 1_000).contains(&first.time_ms),
        "{row:?}"
    );

    let report = diagnose(admin, &host, TREE, row.start, row.end).await;
    assert_eq!(report.explanation.outcome, Outcome::CauseFound);
    assert_eq!(report.explanation.cause_path, ["a program is gone", "memory"]);
    assert_eq!(report.explanation.advice, "Give it more.");
    let leaf = &report.explanation.leaves[0];
    assert_ne!(leaf.source, LeafSource::Evaluated, "what was found is used");
    assert!(
        leaf.findings
            .iter()
            .any(|finding| finding.evidence.first.is_some()),
        "{leaf:?}"
    );

    // Another machine, whose log has the words in another stream only, is not accused.
    let report = diagnose(admin, &other, TREE, row.start, row.end).await;
    assert_eq!(report.explanation.outcome, Outcome::CauseNotFound);
    let rows = abnormal_results(admin).await;
    assert!(rows.iter().all(|row| row.host_id == host), "{rows:?}");
    platform.stop().await;
    engines.remove().await;
}
