//! The offline test of what the language does with logs, texts, aggregates and suspicious conditions.

use serde_json::{Value, json};

use crate::checkrule::{shown, test_in, write_data, write_rules};
use crate::documents::Files;

async fn found(rule: Value, data: Value, more: &[&str]) -> Vec<String> {
    let files = Files::new();
    write_rules(&files, &json!([rule]));
    write_data(&files, &data);
    shown(&test_in(&files, more).await.expect_code(0))
}

fn rule(data_list: Value, condition: &str) -> Value {
    json!({ "check_item": "it", "data_list": data_list, "condition": condition })
}

fn series(name: &str, kind: &str, values: Value) -> Value {
    json!({ "name": name, "type": kind, "values": values })
}

#[tokio::test]
async fn rows_28_and_29_a_difference_needs_a_sample_before() {
    let values: Vec<Value> = (0..8).map(|step| json!([1000 + 15 * step, step + 1])).collect();
    let data = || json!({ "h": [series("m", "kpi", json!(values))] });
    let differs = || rule(json!([{ "name": "m" }]), "diff(#1)");
    assert_eq!(
        found(differs(), data(), &["--start", "1060", "--end", "1120"]).await,
        ["h Abnormal 1060..1120"]
    );
    assert_eq!(
        found(differs(), data(), &["--start", "1000", "--end", "1060"]).await,
        ["h Internal error 1000..1015", "h Abnormal 1015..1060"]
    );
}

#[tokio::test]
async fn a_line_of_a_log_speaks_for_one_period_and_silence_is_normal() {
    let log = || rule(json!([{ "name": "dmesg", "type": "log" }]), "keyword('error')");
    let lines = json!([
        [1000, "disk error"],
        [1000, "again"],
        [1015, "x"],
        [1100, "error"]
    ]);
    let data = json!({ "h": [series("dmesg", "log", lines)] });
    let window = ["--start", "1000", "--end", "1200"];
    assert_eq!(
        found(log(), data, &window).await,
        ["h Abnormal 1000..1015", "h Abnormal 1100..1115"]
    );
}

#[tokio::test]
async fn a_host_that_never_had_the_log_has_no_data() {
    let log = || rule(json!([{ "name": "dmesg", "type": "log" }]), "keyword('error')");
    let window = ["--start", "1000", "--end", "1100"];
    assert_eq!(
        found(log(), json!({ "h": [] }), &window).await,
        ["h No data 1000..1100"]
    );
    let metric_of_that_name = json!({ "h": [series("dmesg", "kpi", json!([[1000, 1]]))] });
    assert_eq!(
        found(log(), metric_of_that_name, &window).await,
        ["h No data 1000..1100"]
    );
    let silent = json!({ "h": [series("dmesg", "log", json!([]))] });
    assert_eq!(found(log(), silent, &window).await, [""; 0]);
}

#[tokio::test]
async fn a_metric_may_have_texts() {
    let values = json!([[1000, "5"], [1015, "down"], [1030, "0"]]);
    let data = || json!({ "h": [series("m", "kpi", values.clone())] });
    let is_down = rule(json!([{ "name": "m" }]), "$0 == 'down'");
    assert_eq!(found(is_down, data(), &[]).await, ["h Abnormal 1015..1030"]);
    let is_high = rule(json!([{ "name": "m" }]), "$0 > 1");
    assert_eq!(
        found(is_high, data(), &[]).await,
        ["h Abnormal 1000..1015", "h Internal error 1015..1030"]
    );
}

#[tokio::test]
async fn series_are_made_one() {
    let with_cpu = |cpu: &str| json!({ "name": "m", "label": { "cpu": cpu }, "values": [[1000, 1], [1015, 2], [1030, 3]] });
    let data = json!({ "h": [with_cpu("0"), with_cpu("1")] });
    let sum = rule(json!([{ "name": "m", "aggregate": "sum" }]), "$0 > 3");
    assert_eq!(found(sum, data, &[]).await, ["h Abnormal 1015..1045"]);
}

#[tokio::test]
async fn what_looks_wrong_is_shown_and_does_not_fail() {
    let files = Files::new();
    files.write(
        "rules.json",
        "[{\"check_item\": \"a\", \"data_list\": [{\"name\": \"m\"}], \"condition\": \"$0 > 1 &&\\n$0 != 'x'\"}]",
    );
    write_data(&files, &json!({ "h": [series("m", "kpi", json!([[1000, 5]]))] }));
    let ran = test_in(&files, &[]).await.expect_code(0);
    assert_eq!(shown(&ran), ["h Abnormal 1000..1015"]);
    // The place is that behind the escaped line end.
    assert!(
        ran.stderr.starts_with("rules.json:1:77: warning: $0 != \"x\" "),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr.lines().count(), 4, "{}", ran.stderr);
}
