//! `aops checkrule --action check` and `--action test`: no platform, no token.

use std::ffi::OsStr;

use serde_json::{Value, json};

use crate::documents::Files;
use crate::{Ran, aops};

/// Nothing listens there: what asked a platform would fail.
pub(crate) const NO_PLATFORM: &str = "http://127.0.0.1:9";

pub(crate) async fn run_alone(arguments: &[impl AsRef<OsStr>]) -> Ran {
    let output = aops(NO_PLATFORM, arguments).output().await;
    output.expect("the program starts").into()
}

/// Runs with the files in the working folder, so that messages name them as they are.
async fn run_in(files: &Files, arguments: &[&str]) -> Ran {
    let output = aops(NO_PLATFORM, arguments)
        .current_dir(files.path(""))
        .output()
        .await;
    output.expect("the program starts").into()
}

pub(crate) async fn test_in(files: &Files, more: &[&str]) -> Ran {
    let mut arguments = vec![
        "checkrule",
        "--action",
        "test",
        "--conf",
        "rules.json",
        "--data",
        "data.json",
    ];
    arguments.extend(more);
    run_in(files, &arguments).await
}

async fn check_in(files: &Files, more: &[&str]) -> Ran {
    let mut arguments = vec!["checkrule", "--action", "check", "--conf", "rules.json"];
    arguments.extend(more);
    run_in(files, &arguments).await
}

pub(crate) fn write_rules(files: &Files, rules: &Value) {
    files.write("rules.json", &json!({ "check_items": rules }).to_string());
}

pub(crate) fn write_data(files: &Files, data: &Value) {
    files.write("data.json", &data.to_string());
}

/// `m{cpu=1,mode=irq}` with 1 to 8 from 1000 on, every 15 s.
fn eight() -> Value {
    let values: Vec<Value> = (0..8)
        .map(|step| json!([1000 + 15 * step, (step + 1).to_string()]))
        .collect();
    json!({ "name": "m", "type": "kpi", "label": { "cpu": "1", "mode": "irq" }, "values": values })
}

/// A rule on that series.
fn irq(condition: &str) -> Value {
    json!({
        "check_item": "it",
        "data_list": [{ "name": "m", "type": "kpi", "label": { "cpu": "1", "mode": "irq" } }],
        "condition": condition
    })
}

/// `host Abnormal 1090..1120`, with labels in front of the value when there are some.
pub(crate) fn shown(ran: &Ran) -> Vec<String> {
    let answer = ran.json();
    let results = answer["check_result"].as_array().expect("a list");
    let show = |result: &Value| {
        let labels = match result["labels"].as_object() {
            Some(labels) if !labels.is_empty() => format!("{} ", result["labels"]),
            _ => String::new(),
        };
        format!(
            "{} {labels}{} {}..{}",
            result["host_id"].as_str().expect("a text"),
            result["value"].as_str().expect("a text"),
            result["start"],
            result["end"]
        )
    };
    results.iter().map(show).collect()
}

async fn found(rules: Value, data: Value, more: &[&str]) -> Vec<String> {
    let files = Files::new();
    write_rules(&files, &rules);
    write_data(&files, &data);
    shown(&test_in(&files, more).await.expect_code(0))
}

#[tokio::test]
async fn row_26_each_host_gets_its_own_verdict() {
    let files = Files::new();
    write_rules(&files, &json!([irq("$0>6")]));
    write_data(&files, &json!({ "2.2.2.2": [], "1.1.1.1": [eight()] }));
    let ran = test_in(&files, &["--start", "1060", "--end", "1120"])
        .await
        .expect_code(0);
    assert_eq!(
        ran.stdout,
        concat!(
            r#"{"check_result":[{"host_id":"1.1.1.1","check_item":"it","labels":{},"start":1090,"end":1120,"#,
            r#""value":"Abnormal","reason":""},{"host_id":"2.2.2.2","check_item":"it","labels":{},"start":1060,"#,
            r#""end":1120,"value":"No data","reason":"no sample of m ($0) within max_gap"}],"fail_list":[]}"#,
            "\n"
        )
    );
    assert_eq!(ran.stderr, "");
}

#[tokio::test]
async fn rows_30_31_and_32_windows_and_truth() {
    for (condition, window, expected) in [
        ("$0>6", ["1060", "1105"], &["h Abnormal 1090..1105"][..]),
        ("$0>6", ["1060", "1106"], &["h Abnormal 1090..1106"]),
        (
            "$0-7",
            ["1075", "1120"],
            &["h Abnormal 1075..1090", "h Abnormal 1105..1120"],
        ),
        ("'x'", ["1060", "1120"], &["h Abnormal 1060..1120"]),
        ("null", ["1060", "1120"], &[]),
    ] {
        let [start, end] = window;
        let data = json!({ "h": [eight()] });
        let found = found(json!([irq(condition)]), data, &["--start", start, "--end", end]).await;
        assert_eq!(found, expected, "{condition} {window:?}");
    }
}

#[tokio::test]
async fn row_37_a_gap_is_no_data_and_nothing_is_filled_in() {
    let data = json!({ "h": [{ "name": "m", "values": [[1000, 1], [1090, 9]] }] });
    let rule = json!([{ "check_item": "it", "data_list": [{ "name": "m" }], "condition": "$0>0" }]);
    assert_eq!(
        found(rule, data, &["--start", "1000", "--end", "1100"]).await,
        [
            "h Abnormal 1000..1045",
            "h No data 1045..1090",
            "h Abnormal 1090..1100"
        ]
    );
}

#[tokio::test]
async fn without_start_and_end_all_is_judged_to_a_period_after_the_last_sample() {
    let data = || json!({ "h": [eight()] });
    assert_eq!(
        found(json!([irq("$0>0")]), data(), &[]).await,
        ["h Abnormal 1000..1120"]
    );
    assert_eq!(
        found(json!([irq("$0>0")]), data(), &["--sample-period", "2.5"]).await,
        // A sample speaks for 15 s at least.
        ["h Abnormal 1000..1107.5"]
    );
    assert_eq!(
        found(json!([irq("$0>0")]), data(), &["--start", "19700101-00:18:00"]).await,
        ["h Abnormal 1080..1120"]
    );
    assert_eq!(
        found(json!([irq("$0>0")]), data(), &["--end", "1970-01-01T00:17:00.5Z"]).await,
        ["h Abnormal 1000..1020.5"]
    );
}

#[tokio::test]
async fn what_lies_before_the_start_is_history() {
    let rule = json!([irq("$0 >= avg(60s) + 2")]);
    let data = json!({ "h": [eight()] });
    assert_eq!(
        found(rule, data, &["--start", "1075", "--end", "1076"]).await,
        ["h Abnormal 1075..1076"]
    );
}

#[tokio::test]
async fn labels_host_item_and_start_give_the_order() {
    let series = |cpu: u32, values: Value| json!({ "name": "m", "label": { "cpu": cpu }, "values": values });
    let data = json!({
        "b": [series(0, json!([[1000, 1]]))],
        "a": [series(1, json!([[1000.25, 1], [1015, 0]])), series(0, json!([[1000, 0], [1015, 1]]))]
    });
    let rules = json!([
        { "check_item": "z", "data_list": [{ "name": "m", "label": { "cpu": "*" } }], "condition": "$0>0" },
        { "check_item": "y", "data_list": [{ "name": "n" }], "condition": "$0>0", "absent": "ignore" }
    ]);
    assert_eq!(
        found(rules, data, &[]).await,
        [
            r#"a {"cpu":"1"} Abnormal 1000.25..1015"#,
            r#"a {"cpu":"0"} Abnormal 1015..1030"#,
            r#"b {"cpu":"0"} Abnormal 1000..1030"#,
        ]
    );
}

#[tokio::test]
async fn absent_series_are_ignored_where_the_rule_says_so() {
    let rule = |absent: &str| json!([{ "check_item": "it", "data_list": [{ "name": "n" }], "condition": "$0>0", "absent": absent }]);
    let data = || json!({ "h": [eight()] });
    assert_eq!(found(rule("ignore"), data(), &[]).await, [""; 0]);
    assert_eq!(
        found(rule("no_data"), data(), &[]).await,
        ["h No data 1000..1120"]
    );
}

#[tokio::test]
async fn a_refused_rule_is_shown_at_its_place_and_the_others_run() {
    let files = Files::new();
    files.write(
        "rules.json",
        r#"{
  "check_items": [
    {"check_item": "load", "data_list": [{"name": "m"}], "condition": "\"\u00e9\" != '' &&\n$0 = 1"},
    {"check_item": "good", "data_list": [{"name": "m"}], "condition": "$0>7"},
    {"check_item": "typo", "data_list": [{"name": "m", "labels": {}}], "condition": "$0>6"}
  ]
}"#,
    );
    write_data(&files, &json!({ "h": [eight()] }));
    let ran = test_in(&files, &[]).await.expect_code(2);
    assert_eq!(shown(&ran), ["h Abnormal 1105..1120"]);
    assert_eq!(
        ran.json()["fail_list"],
        json!([
            { "check_item": "load", "reason": "found '='; did you mean '=='?" },
            { "check_item": "typo", "reason": "data_list[0].labels: unknown field; did you mean label?" }
        ])
    );
    let diagnostics = r#"rules.json:3:96: error: found '='; did you mean '=='?
  |
3 |     {"check_item": "load", "data_list": [{"name": "m"}], "condition": "\"\u00e9\" != '' &&\n$0 = 1"},
  |                                                                                                ^
rules.json:5:56: error: data_list[0].labels: unknown field; did you mean label?
  |
5 |     {"check_item": "typo", "data_list": [{"name": "m", "labels": {}}], "condition": "$0>6"}
  |                                                        ^^^^^^^^
"#;
    assert_eq!(ran.stderr, format!("{diagnostics}3 rules, 2 refused\n"));

    let ran = check_in(&files, &[]).await.expect_code(2);
    assert_eq!(ran.stderr, diagnostics);
    assert_eq!(ran.stdout, "3 rules, 2 refused\n");

    let ran = check_in(&files, &["--output", "json"]).await.expect_code(2);
    assert_eq!(ran.stderr, "");
    assert_eq!(
        ran.json(),
        json!({
            "rule_count": 3, "refused_count": 2, "warning_count": 0,
            "diagnostics": [
                { "severity": "error", "check_item": "load", "reason": "found '='; did you mean '=='?",
                  "line": 3, "column": 96, "end_column": 97 },
                { "severity": "error", "check_item": "typo",
                  "reason": "data_list[0].labels: unknown field; did you mean label?",
                  "line": 5, "column": 56, "end_column": 64 }
            ]
        })
    );
}

#[tokio::test]
async fn good_rules_pass_the_check_also_as_a_bare_list() {
    let files = Files::new();
    files.write("rules.json", &json!([irq("$0>6")]).to_string());
    let ran = check_in(&files, &[]).await.expect_code(0);
    assert_eq!(
        (ran.stdout.as_str(), ran.stderr.as_str()),
        ("1 rule, none refused\n", "")
    );
}

#[tokio::test]
async fn unreadable_rules_exit_with_1() {
    let files = Files::new();
    write_data(&files, &json!({}));
    let ran = test_in(&files, &[]).await.expect_code(1);
    assert_eq!(
        ran.stderr,
        "error: cannot read rules.json: No such file or directory (os error 2)\n"
    );
    files.write(
        "rules.json",
        "{\n  \"check_items\": [\n    {\"check_item\": \"a\",\n",
    );
    for ran in [test_in(&files, &[]).await, check_in(&files, &[]).await] {
        let ran = ran.expect_code(1);
        assert_eq!(ran.stdout, "");
        assert_eq!(
            ran.stderr,
            r#"rules.json:3:5: error: not JSON: unterminated object
  |
3 |     {"check_item": "a",
  |     ^
"#
        );
    }
    let ran = check_in(&files, &["--output", "json"]).await.expect_code(1);
    assert_eq!(ran.json()["diagnostics"][0]["line"], 3);
}

#[tokio::test]
async fn unreadable_data_exit_with_1() {
    let files = Files::new();
    write_rules(&files, &json!([irq("$0>6")]));
    files.write(
        "data.json",
        "{\"10.0.0.1\": [{\"name\": \"m\",\n  \"values\": [[1, 2], [3, null]]}]}",
    );
    let ran = test_in(&files, &[]).await.expect_code(1);
    assert_eq!(ran.stdout, "");
    assert_eq!(
        ran.stderr,
        r#"data.json:2:26: error: host 10.0.0.1, series 0, sample 1: invalid type: null, expected a number or a text
  |
2 |   "values": [[1, 2], [3, null]]}]}
  |                          ^^^^
"#
    );
    write_data(&files, &json!({ "h": [] }));
    let ran = test_in(&files, &[]).await.expect_code(1);
    assert_eq!(
        ran.stderr,
        "error: the data hold no sample: give --start and --end\n"
    );
    let ran = test_in(&files, &["--start", "0", "--end", "60"])
        .await
        .expect_code(0);
    assert_eq!(shown(&ran), ["h No data 0..60"]);
}

#[tokio::test]
async fn samples_in_disorder_are_put_right_and_told_once() {
    let files = Files::new();
    write_rules(
        &files,
        &json!([{ "check_item": "it", "data_list": [{ "name": "m" }], "condition": "$0>1" }]),
    );
    write_data(
        &files,
        &json!({ "h": [{ "name": "m", "values": [[1015, 1], [1000, 9], [1015, 2]] }] }),
    );
    let ran = test_in(&files, &[]).await.expect_code(0);
    assert_eq!(shown(&ran), ["h Abnormal 1000..1030"]);
    assert_eq!(
        ran.stderr,
        "note: data.json: host h, series 0: the samples were not in order of time; they were sorted\n\
         note: data.json: host h, series 0: a time is there more than once; the last sample counts\n"
    );
}

#[tokio::test]
async fn scope_and_enabled_are_told_and_not_applied() {
    let files = Files::new();
    let mut rule = irq("$0>7");
    rule["enabled"] = json!(false);
    rule["scope"] = json!({ "host_groups": ["g"] });
    write_rules(&files, &json!([rule]));
    write_data(&files, &json!({ "h": [eight()] }));
    let ran = test_in(&files, &[]).await.expect_code(0);
    assert_eq!(shown(&ran), ["h Abnormal 1105..1120"]);
    assert_eq!(
        ran.stderr,
        "note: tested on every host, whatever their scope: it\nnote: tested although disabled: it\n"
    );
}

#[tokio::test]
async fn the_samples_that_decided_are_shown_on_demand() {
    let files = Files::new();
    write_rules(&files, &json!([irq("$0>6")]));
    write_data(&files, &json!({ "h": [eight()], "i": [] }));
    let ran = test_in(&files, &["--explain"]).await.expect_code(0);
    let values = |value: u32| {
        json!([
            { "expression": "$0", "value": value.to_string() },
            { "expression": "$0 > 6", "value": "true" }
        ])
    };
    let results = &ran.json()["check_result"];
    assert_eq!(
        results[0]["evidence"],
        json!({
            "first": { "time": 1090, "margin": 1.0, "values": values(7) },
            "worst": { "time": 1105, "margin": 2.0, "values": values(8) },
            "last": { "time": 1105, "margin": 2.0, "values": values(8) }
        })
    );
    assert_eq!(
        results[1]["evidence"],
        json!({ "first": null, "worst": null, "last": null })
    );
    let ran = test_in(&files, &["--output", "table", "--explain", "--start", "1060"])
        .await
        .expect_code(0);
    assert_eq!(
        ran.stdout,
        "\
HOST_ID  CHECK_ITEM  VALUE     LABELS  START                      END                        WHY
h        it          Abnormal          1970-01-01 00:18:10+00:00  1970-01-01 00:18:40+00:00  $0 = 8, $0 > 6 = true
i        it          No data           1970-01-01 00:17:40+00:00  1970-01-01 00:18:40+00:00  no sample of m ($0) within max_gap

HOST_ID  CHECK_ITEM  SAMPLE  TIME                       VALUES
h        it          first   1970-01-01 00:18:10+00:00  $0 = 7, $0 > 6 = true
h        it          worst   1970-01-01 00:18:25+00:00  $0 = 8, $0 > 6 = true
h        it          last    1970-01-01 00:18:25+00:00  $0 = 8, $0 > 6 = true
"
    );
    let ran = test_in(&files, &["--output", "json"]).await.expect_code(0);
    assert_eq!(ran.json()["check_result"][0].get("evidence"), None);
}

#[tokio::test]
async fn wrong_use_is_told() {
    let files = Files::new();
    write_rules(&files, &json!([irq("$0>6")]));
    write_data(&files, &json!({ "h": [eight()] }));
    for (more, part) in [
        (
            &["--start", "2000"][..],
            "the start, 1970-01-01 00:33:20+00:00, is not before the end, 1970-01-01 00:18:40+00:00",
        ),
        (&["--start", "noon"], "--start: 'noon' is not a time"),
        (
            &["--sample-period", "0"],
            "--sample-period: '0' is not a number of seconds from 0.001 to 86400",
        ),
        (&["--sample-period", "NaN"], "--sample-period: 'NaN'"),
    ] {
        let ran = test_in(&files, more).await.expect_code(2);
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    let ran = check_in(&files, &["--explain"]).await.expect_code(2);
    assert!(
        ran.stderr.contains("--explain is for --action test"),
        "{}",
        ran.stderr
    );
    for arguments in [
        &["checkrule", "--action", "check"][..],
        &["checkrule", "--action", "test", "--conf", "rules.json"],
    ] {
        let ran = run_alone(arguments).await.expect_code(2);
        assert!(ran.stderr.contains("required"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn bad_values_are_findings() {
    let data = json!({ "h": [{ "name": "m", "values": [[1000, "NaN"], [1015, "5"], [1030, "+Inf"]] }] });
    let rule = json!([{ "check_item": "it", "data_list": [{ "name": "m" }], "condition": "$0>1" }]);
    assert_eq!(
        found(rule, data, &[]).await,
        [
            "h Internal error 1000..1015",
            "h Abnormal 1015..1030",
            "h Internal error 1030..1045"
        ]
    );
}
