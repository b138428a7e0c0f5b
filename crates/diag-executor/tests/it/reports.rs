//! What reports say.

use serde_json::{Value, json};

use crate::{Executor, NOW_MS, START_MS, abnormal, judged, known, samples, series, task};

fn leaf<'report>(report: &'report Value, name: &str) -> &'report Value {
    let leaves = report["explanation"]["leaves"].as_array().expect("a list");
    let leaf = leaves.iter().find(|leaf| leaf["check_item"] == name);
    leaf.expect("there is such a leaf")
}

#[tokio::test]
async fn where_findings_cover_nothing_is_fetched() {
    let mut test = Executor::new().await;
    let end_ms = START_MS + 20_000;
    let findings = json!([abnormal(START_MS + 12_000, START_MS + 14_000)]);
    let keys = json!([
        judged("k1", START_MS, end_ms, findings),
        judged("k2", 0, NOW_MS, json!([]))
    ]);
    test.data_center
        .succeed("/data/check/finding/query", json!({ "keys": keys }));
    let reports = test.diagnose_until(end_ms).await;

    assert_eq!(test.data_center.calls("/data/series/fetch"), []);
    let query = test.data_center.only_call("/data/check/finding/query");
    assert_eq!(
        query.body,
        json!({ "host_id": "h", "keys": ["k1", "k2"], "range": [START_MS, end_ms] })
    );

    let [quiet, slow] = reports.as_slice() else {
        panic!("two slices: {reports:?}");
    };
    assert_eq!(quiet["explanation"]["outcome"], "cause_not_found");
    assert_eq!((&quiet["start"], &quiet["end"]), (&json!(900), &json!(910)));
    assert_eq!(slow["explanation"]["outcome"], "cause_found");
    assert_eq!(slow["explanation"]["cause_path"], json!(["host is slow"]));
    let cpu = leaf(slow, "cpu");
    assert_eq!(cpu["source"], "findings");
    assert_eq!(cpu["condition"], "$0 > 1");
    assert_eq!(
        cpu["findings"][0]["range"],
        json!([START_MS + 12_000, START_MS + 14_000])
    );
    assert_eq!(leaf(slow, "ram")["findings"], json!([]));
}

#[tokio::test]
async fn where_nothing_covers_rules_are_evaluated_over_the_series() {
    let mut test = Executor::new().await;
    // cpu has been judged in the first slice, ram never.
    let keys = json!([judged("k1", START_MS, START_MS + 10_000, json!([])), known("k2")]);
    test.data_center
        .succeed("/data/check/finding/query", json!({ "keys": keys }));
    let busy_from = |time_ms| if time_ms >= START_MS + 15_000 { 2.0 } else { 0.5 };
    test.data_center.answer_with("/data/series/fetch", move |call| {
        let selectors = call.body["selectors"].as_array().expect("a list");
        let of = |selector: (usize, &Value)| match selector.1["name"].as_str() {
            Some("cpu") => samples(selector.0, busy_from),
            _ => samples(selector.0, |_| 0.0),
        };
        let mut answer = series(selectors.iter().enumerate().map(of).collect());
        answer["code"] = json!(200);
        answer["msg"] = json!("");
        answer
    });
    let reports = test.diagnose_until(START_MS + 20_000).await;

    let fetch = test.data_center.only_call("/data/series/fetch");
    assert_eq!(fetch.body["hosts"], json!(["h"]));
    let [first, second] = reports.as_slice() else {
        panic!("two slices: {reports:?}");
    };
    assert_eq!(leaf(first, "cpu")["source"], "findings");
    assert_eq!(leaf(first, "ram")["source"], "evaluated");
    assert_eq!(first["explanation"]["outcome"], "cause_not_found");
    let cpu = leaf(second, "cpu");
    assert_eq!(cpu["source"], "evaluated");
    assert_eq!(cpu["findings"][0]["value"], "Abnormal");
    assert_eq!(
        cpu["findings"][0]["range"],
        json!([START_MS + 15_000, START_MS + 20_000])
    );
    assert_eq!(cpu["findings"][0]["evidence"]["first"]["values"][0]["value"], "2");
    assert_eq!(second["report"]["value"], true);
    assert_eq!(
        test.data_center.calls("/data/check/finding/save"),
        [],
        "what is evaluated is not saved"
    );
}

#[tokio::test]
async fn what_has_not_happened_yet_is_no_data_and_not_evaluated() {
    let mut test = Executor::new().await;
    test.data_center.succeed(
        "/data/series/fetch",
        series(json!([samples(0, |_| 0.0), samples(1, |_| 0.0)])),
    );
    let reports = test.diagnose_until(NOW_MS + 10_000).await;
    assert_eq!(reports.len(), 11);
    let fetch = test.data_center.only_call("/data/series/fetch");
    for selector in fetch.body["selectors"].as_array().expect("a list") {
        assert_eq!(selector["range"][1], NOW_MS);
    }
    assert_eq!(leaf(&reports[9], "cpu")["findings"], json!([]));
    let future = &leaf(&reports[10], "cpu")["findings"][0];
    assert_eq!(
        (&future["value"], &future["reason"]),
        (&json!("No data"), &json!("not yet happened"))
    );
    assert_eq!(
        reports[10]["explanation"]["unsupported"][0],
        json!(["host is slow"])
    );
}

#[tokio::test]
async fn series_that_cannot_be_read_are_an_internal_error() {
    let mut test = Executor::new().await;
    let failed = json!([{ "selector": 0, "host_id": "h", "reason": "the store is away" }]);
    let mut answer = series(json!([samples(1, |_| 0.0)]));
    answer["failed"] = failed;
    test.data_center.succeed("/data/series/fetch", answer);
    let reports = test.diagnose_until(START_MS + 10_000).await;
    let report = &reports[0];
    assert_eq!(report["report"]["children"][0]["msg"], "Internal error");
    assert!(
        leaf(report, "cpu")["findings"][0]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("the store is away"))
    );
    assert_eq!(report["report"]["children"][1]["msg"], "");
}

#[tokio::test]
async fn a_leaf_without_a_rule_is_missing_data() {
    let mut test = Executor::new().await;
    let mut task = task();
    task["task"]["rules"][0]["item"]["enabled"] = json!(false);
    task["task"]["rules"].as_array_mut().expect("a list").pop();
    test.data_center
        .succeed("/data/diag/task/pinned", json!({ "task": task }));
    let reports = test.diagnose_until(START_MS + 10_000).await;
    assert_eq!(test.data_center.calls("/data/check/finding/query"), []);
    assert_eq!(leaf(&reports[0], "cpu")["source"], "no_rule");
    assert_eq!(reports[0]["report"]["children"][0]["msg"], "No data");
}

#[tokio::test]
async fn a_tree_that_cannot_be_read_makes_failed_reports() {
    let mut test = Executor::new().await;
    let mut task = task();
    task["task"]["trees"][0]["tree_content"] = json!({ "node name": "x" });
    test.data_center
        .succeed("/data/diag/task/pinned", json!({ "task": task }));
    let reports = test.diagnose_until(START_MS + 20_000).await;
    assert_eq!(reports.len(), 2);
    for report in &reports {
        assert_eq!(report["report"], json!({}));
        assert_eq!(report["explanation"]["outcome"], "failed");
    }
}

#[tokio::test]
async fn a_branch_has_a_copy_for_each_label_set_that_was_judged() {
    let mut test = Executor::new().await;
    let mut task = task();
    let tree = &mut task["task"]["trees"][0]["tree_content"];
    tree["for each"] = json!("device");
    test.data_center
        .succeed("/data/diag/task/pinned", json!({ "task": task }));
    let end_ms = START_MS + 20_000;
    let mut busy = abnormal(START_MS + 2_000, START_MS + 4_000);
    busy["finding"]["labels"] = json!({ "device": "sda" });
    let mut cpu = judged("k1", START_MS, end_ms, json!([busy]));
    let sets = |names: &[&str]| -> Value { names.iter().map(|name| json!({ "device": name })).collect() };
    cpu["coverage"] = json!([
        { "range": [START_MS, START_MS + 10_000], "judged": sets(&["sda", "sdb"]) },
        { "range": [START_MS + 10_000, end_ms], "judged": sets(&["sdb"]) }
    ]);
    let keys = json!([cpu, judged("k2", START_MS, end_ms, json!([]))]);
    test.data_center
        .succeed("/data/check/finding/query", json!({ "keys": keys }));
    let reports = test.diagnose_until(end_ms).await;
    let copies = |report: &Value| -> Vec<(Value, Value)> {
        let children = report["report"]["children"].as_array().expect("a list");
        let name_and_value = |copy: &Value| (copy["node name"].clone(), copy["value"].clone());
        children.iter().map(name_and_value).collect()
    };
    assert_eq!(
        copies(&reports[0]),
        [
            (json!("host is slow [sda]"), json!(true)),
            (json!("host is slow [sdb]"), json!(false))
        ]
    );
    assert_eq!(copies(&reports[1]), [(json!("host is slow [sdb]"), json!(false))]);
    assert_eq!(
        reports[0]["explanation"]["cause_path"],
        json!(["host is slow", "host is slow [sda]"])
    );
}

#[tokio::test]
async fn the_same_job_makes_the_same_reports() {
    let mut test = Executor::new().await;
    let first = test.diagnose_until(START_MS + 20_000).await;
    let second = test.diagnose_until(START_MS + 20_000).await;
    assert_eq!(first, second);
    assert_ne!(first[0]["report_id"], first[1]["report_id"]);
}
