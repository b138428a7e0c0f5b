//! Input that is wrong, huge or never ends: a refusal or a finding, and no panic.

use aops_api::finding::{FindingValue, JudgedWindow};
use aops_api::rule::DataKind;
use aops_api::series::{FetchedSeries, SeriesFetchAnswer};
use aops_api::{Labels, TimeRange};
use aops_check_rule::{FetchPlan, MAX_CONDITION_BYTES, MAX_NESTING, Rule, RuleError, SeriesSet};

use crate::specification::{INTERVAL_MS, findings, judged, series, text_series, world};
use crate::world::{World, WorldSeries, compile, host, labels};

fn rule(condition: &str) -> String {
    format!(
        r#"{{"check_item":"it","data_list":[{{"name":"m"}}],"condition":{}}}"#,
        serde_json::Value::from(condition)
    )
}

fn read(condition: &str) -> Result<Rule, RuleError> {
    let item = serde_json::from_str(&rule(condition)).expect("a check item");
    Rule::compile(&item)
}

/// What is found where `$0` is 1.
fn found(condition: &str) -> Vec<String> {
    let world = world(vec![series("m", &[], &[(1_000, 1.0)])]);
    findings(&world, &rule(condition), (1_000, 1_001))
}

#[test]
fn a_megabyte_is_refused_with_the_limit() {
    let long = format!("$0 > 1{}", " ".repeat(1 << 20));
    let reason = read(&long).expect_err("too long").reason;
    let kibibytes = (MAX_CONDITION_BYTES / 1_024).to_string();
    let names_the_limit = reason.contains(&MAX_CONDITION_BYTES.to_string()) || reason.contains(&kibibytes);
    assert!(names_the_limit, "{reason}");
    // The longest that is taken.
    let long = format!("$0 >= 1{}", " ".repeat(MAX_CONDITION_BYTES - 7));
    assert_eq!(found(&long), ["Abnormal 1000..1001"]);
}

#[test]
fn nesting_is_refused_with_the_limit() {
    let nested = |depth: usize| format!("{}$0{}", "(".repeat(depth), ")".repeat(depth));
    read(&nested(100_000)).expect_err("too long");
    let most = MAX_CONDITION_BYTES / 2 - 2;
    let limit = MAX_NESTING.to_string();
    for condition in [
        nested(most),
        nested(MAX_NESTING + 1),
        "(".repeat(most),
        format!("{}$0", "!".repeat(most)),
        format!("{}$0", "-".repeat(most)),
        format!("{}$0", "-(".repeat(most)),
        format!("{}1", "count(60s, ".repeat(5_000)),
        format!("{}1", "1?(".repeat(5_000)),
    ] {
        let reason = read(&condition).expect_err("too deep").reason;
        assert!(reason.contains(&limit), "{}…: {reason}", &condition[..20]);
    }
    assert_eq!(found(&nested(MAX_NESTING / 2)), ["Abnormal 1000..1001"]);
}

/// Whether they are taken or refused, they are dealt with.
#[test]
fn long_conditions_that_are_not_deep_end() {
    for condition in [
        format!("0{} == 20000", " + $0".repeat(10_000)).replace("20000", "10000"),
        format!("{}$0", "0 || ".repeat(10_000)),
        format!("{}$0", "0 ? 0 : ".repeat(5_000)),
        format!("{}0{}", "1 ? ".repeat(5_000), " : 1".repeat(5_000)),
        format!("0{}", " < 1".repeat(10_000)),
        format!("{{1:1{}}} in {{1:1}}", ", 2:3".repeat(5_000)),
        format!("{}0", "max(60s) > 0 || ".repeat(3_000)),
    ] {
        let Ok(_) = read(&condition) else { continue };
        assert!(found(&condition).len() <= 1);
    }
}

#[test]
fn no_text_of_any_kind_breaks_the_reader() {
    for condition in [
        "\0",
        "\u{feff}$0",
        "$0\u{a0}> 1",
        "'\u{0}'",
        "😀",
        "\u{202e}",
        "''''",
        "'\\",
        "\\",
        "#",
        "##",
        "{{{{",
        "}{",
        "?:",
        "...",
        "$0.",
        ".$0",
        "$$",
        "0x",
        "1e",
        "1e+",
        "99e999999999999999999",
        "max(",
        "max(#99999999999999999999)",
        "max(99999999999999999999s)",
        "max(1e400)",
        "max(-1e400)",
        "predict(1s, 1e400)",
        "change(99999999999999999999)",
        "max(NaN)",
        "1e-400",
    ] {
        if read(condition).is_ok() {
            found(condition);
        }
    }
}

#[test]
fn integers_beyond_128_bits_are_refused_or_an_error() {
    let largest = i128::MAX;
    assert_eq!(found(&format!("{largest} > 0")), ["Abnormal 1000..1001"]);
    assert_eq!(found(&format!("-{largest} - 1 < 0")), ["Abnormal 1000..1001"]);
    for condition in [
        format!("{largest} + $0"),
        format!("-{largest} - $0 - 1"),
        format!("{largest} * ($0 + 1)"),
        format!("-(-{largest} - $0)"),
        "1 << 126 << $0".to_owned(),
        "1e39 | 1".to_owned(),
    ] {
        assert_eq!(found(&condition), ["Internal error 1000..1001"], "{condition}");
    }
    for literal in [
        "170141183460469231731687303715884105728",
        &"9".repeat(10_000),
        &format!("0x{}", "f".repeat(33)),
    ] {
        let condition = format!("{literal} > 0");
        if read(&condition).is_ok() {
            assert_eq!(found(&condition), ["Internal error 1000..1001"], "{literal}");
        }
    }
    let huge = world(vec![text_series("m", &[(1_000, "9".repeat(40).as_str())])]);
    assert_eq!(
        findings(&huge, &rule("$0 > 0"), (1_000, 1_001)),
        ["Internal error 1000..1001"]
    );
}

#[test]
fn texts_beyond_64_kib_are_an_error() {
    assert_eq!(found("'a' * 65536 != ''"), ["Abnormal 1000..1001"]);
    for condition in [
        "'a' * 65537 != ''",
        "'a' * 65536 + 'b' != ''",
        "'ö' * 40000 != ''",
        "'a' * 99999999999999999999",
    ] {
        assert_eq!(found(condition), ["Internal error 1000..1001"], "{condition}");
    }
    let long = "x".repeat(70_000);
    let world = world(vec![text_series("m", &[(1_000, long.as_str())])]);
    assert_eq!(
        findings(&world, &rule("$0 != ''"), (1_000, 1_001)),
        ["Internal error 1000..1001"]
    );
}

#[test]
fn what_is_no_number_is_an_error_where_it_is_read() {
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let world = world(vec![series(
            "m",
            &[],
            &[(1_000, 1.0), (1_015, wrong), (1_030, 1.0)],
        )]);
        let at = |condition: &str| findings(&world, &rule(condition), (1_000, 1_045));
        let there = ["Internal error 1015..1030"];
        let there_and_later = ["Internal error 1015..1045"];
        assert_eq!(at("$0 > 5"), there);
        assert_eq!(at("$0 == $0 && 0"), there);
        assert_eq!(at("max(0s) > 5"), there);
        for function in [
            "max(15s)",
            "min(#2)",
            "sum(15s)",
            "avg(15s)",
            "count(15s, 1, '>')",
            "predict(15s, 1m)",
        ] {
            assert_eq!(at(&format!("{function} > 5")), there_and_later, "{function}");
        }
        for function in ["diff(15s) && 0", "change(15s) > 5", "abschange(15s) > 5"] {
            let expected = ["Internal error 1000..1045"];
            assert_eq!(at(function), expected, "{function}");
        }
    }
}

/// Judges over an answer as it is, sound or not.
fn judged_over(rule: &str, series: Vec<FetchedSeries>) -> JudgedWindow {
    let window = TimeRange::new(1_000_000, 1_100_000);
    let plan = FetchPlan::new(vec![compile(rule)], window, INTERVAL_MS);
    let answer = SeriesFetchAnswer {
        as_of_ms: 42,
        series,
        ..SeriesFetchAnswer::default()
    };
    plan.judge(0, &host(), &SeriesSet::new(&answer), window)
}

fn fetched(times_s: &[i64], values: &[f64], texts: &[&str]) -> FetchedSeries {
    FetchedSeries {
        selector: 0,
        host_id: host(),
        labels: Labels::new(),
        interval_ms: INTERVAL_MS,
        times_ms: times_s
            .iter()
            .map(|time_s| time_s.saturating_mul(1_000))
            .collect(),
        values: values.to_vec(),
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
    }
}

#[test]
fn samples_out_of_order_are_put_in_order() {
    let rule = rule("change(#1) > 1 || sum(1m) > 9");
    let sound = judged_over(
        &rule,
        vec![fetched(&[1_000, 1_015, 1_030], &[1.0, 3.0, 7.0], &[])],
    );
    let unsorted = judged_over(
        &rule,
        vec![fetched(&[1_030, 1_000, 1_015], &[7.0, 1.0, 3.0], &[])],
    );
    assert_eq!(unsorted, sound);
    assert_eq!(sound.findings[1].value, FindingValue::Abnormal);
    // Of one time the last that was delivered.
    let repeated = judged_over(
        &rule,
        vec![fetched(&[1_000, 1_015, 1_015, 1_030], &[1.0, 9.0, 3.0, 7.0], &[])],
    );
    assert_eq!(repeated, sound);
}

#[test]
fn unsound_answers_are_no_panic() {
    let no_data = [FindingValue::NoData];
    let values = |judged: JudgedWindow| -> Vec<FindingValue> {
        judged.findings.iter().map(|finding| finding.value).collect()
    };
    for condition in [
        "$0 > 1",
        "max(60s) > sum(#3)",
        "change(1m) > 0",
        "predict(1m, 1m) > 2",
        "keyword('a')",
    ] {
        let rule = rule(condition);
        assert_eq!(values(judged_over(&rule, Vec::new())), no_data, "{condition}");
        assert_eq!(
            values(judged_over(&rule, vec![fetched(&[], &[], &[])])),
            no_data,
            "{condition}"
        );
        for series in [
            fetched(&[1_000, 1_015], &[1.0], &[]),
            fetched(&[1_000], &[1.0, 2.0], &[]),
            fetched(&[1_000, 1_015], &[1.0, 2.0], &["a"]),
            fetched(&[1_000, 1_015], &[], &["a", "b", "c"]),
            fetched(&[i64::MIN, 1_000, i64::MAX], &[1.0, 2.0, 3.0], &[]),
            fetched(&[i64::MIN / 1_000, i64::MAX / 1_000], &[1.0, 2.0], &[]),
        ] {
            let twice = vec![series.clone(), series];
            assert!(judged_over(&rule, twice).findings.len() < 10);
        }
        let mut odd = fetched(&[1_000, 1_015], &[1.0, 2.0], &[]);
        odd.interval_ms = 0;
        judged_over(&rule, vec![odd.clone()]);
        odd.interval_ms = -1;
        judged_over(&rule, vec![odd.clone()]);
        odd.interval_ms = i64::MAX;
        judged_over(&rule, vec![odd.clone()]);
        odd.selector = 7;
        assert_eq!(values(judged_over(&rule, vec![odd])), no_data);
    }
}

#[test]
fn more_label_sets_than_the_limit_are_told() {
    let of = |number: usize| -> WorldSeries {
        let device = format!("{number:05}");
        series("m", &[("device", device.as_str())], &[(1_000, 1.0)])
    };
    let starred =
        r#"{"check_item":"it","data_list":[{"name":"m","label":{"device":"*"}}],"condition":"$0 > 5"}"#;
    let within = judged(&world((0..10_000).map(of).collect()), starred, (1_000, 1_010));
    assert_eq!(within.findings, []);
    assert_eq!(within.judged.len(), 10_000);
    let beyond = judged(&world((0..10_001).map(of).collect()), starred, (1_000, 1_010));
    let is_told = |reason: &str| reason.contains("10000") || reason.contains("10,000");
    let told = beyond.findings.iter().find(|finding| is_told(&finding.reason));
    let told = told.expect("a finding tells the limit");
    assert_eq!(
        (told.value, &told.labels),
        (FindingValue::InternalError, &labels(&[]))
    );
    assert!(
        told.reason.contains("10001") || told.reason.contains("10,001"),
        "{}",
        told.reason
    );
    assert!(beyond.judged.len() <= 10_001);
}

/// `m` is 1 every 15 s; a line is logged every millisecond of 100 s.
fn flood() -> World {
    let line = "error ".repeat(10);
    let lines = (1_000_000..1_100_000).map(|time_ms| (time_ms, line.as_str().into()));
    let flood = WorldSeries {
        kind: DataKind::Log,
        samples: lines.collect(),
        ..series("dmesg", &[], &[])
    };
    let main: Vec<(i64, f64)> = (0..7).map(|step| (1_000 + 15 * step, 1.0)).collect();
    world(vec![series("m", &[], &main), flood])
}

fn beside_log(condition: &str) -> String {
    format!(
        r#"{{"check_item":"it","data_list":[{{"name":"m"}},{{"name":"dmesg","type":"log"}}],"condition":"{condition}"}}"#
    )
}

#[test]
fn more_lines_than_a_text_may_hold_are_an_error() {
    assert_eq!(
        findings(&flood(), &beside_log("$1 != ''"), (1_000, 1_100)),
        ["Abnormal 1000..1015", "Internal error 1015..1100"]
    );
}

#[test]
fn a_flood_of_lines_is_counted() {
    let rule = beside_log("$1.count(10s, 'x', '!=') == 10001");
    assert_eq!(findings(&flood(), &rule, (1_000, 1_100)), ["Abnormal 1015..1100"]);
    let rule =
        r#"{"check_item":"it","data_list":[{"name":"dmesg","type":"log"}],"condition":"keyword('error')"}"#;
    assert_eq!(
        findings(&flood(), rule, (990, 1_200)),
        ["Abnormal 1000..1114.999"]
    );
}
