//! The rows of the specification's H.1, with what it wants where that differs from what was observed.

use crate::specification::{INTERVAL_MS, text_series, world};
use crate::world::{Sample, World, WorldSeries, compile};
use aops_api::TimeRange;
use aops_api::finding::FindingValue;

/// `$0`, `$1` and `$2` of H.1, as texts, as Prometheus delivers them.
fn samples() -> World {
    let series = |name: &str, texts: [&str; 5]| -> WorldSeries {
        let times_s = [1_000, 1_015, 1_030, 1_045, 1_060];
        let samples: Vec<(i64, &str)> = times_s.into_iter().zip(texts).collect();
        text_series(name, &samples)
    };
    world(vec![
        series("one", ["1", "2", "3", "4", "5"]),
        series("two", ["10", "20", "20", "5", "5.5"]),
        series("three", ["boot ok", "disk error", "x", "error error", "NaN"]),
    ])
}

/// The same numbers as floats.
fn float_samples() -> World {
    let mut world = samples();
    for series in &mut world.series {
        let numbers = series.samples.iter().map(|(time_ms, sample)| {
            let number = sample.text().parse().unwrap_or(f64::NAN);
            (*time_ms, Sample::Number(number))
        });
        series.samples = numbers.collect();
    }
    world
}

fn rule(condition: &str) -> String {
    format!(
        r#"{{"check_item":"it","data_list":[{{"name":"one"}},{{"name":"two"}},{{"name":"three"}}],"condition":{}}}"#,
        serde_json::Value::from(condition)
    )
}

/// What is found at one of the samples, 0 to 4.
fn found(world: &World, condition: &str, index: i64) -> Option<FindingValue> {
    let at_ms = (1_000 + 15 * index) * 1_000;
    let judged = world.judge(
        &compile(&rule(condition)),
        TimeRange::new(at_ms, at_ms + 1),
        INTERVAL_MS,
    );
    assert!(judged.findings.len() <= 1, "{condition}");
    judged.findings.first().map(|finding| finding.value)
}

fn is_equal(world: &World, expression: &str, value: &str, index: i64) {
    let condition = format!("({expression}) == ({value})");
    let found = found(world, &condition, index);
    assert_eq!(found, Some(FindingValue::Abnormal), "{condition} at {index}");
}

fn is_error(expression: &str, index: i64) {
    for world in [samples(), float_samples()] {
        let found = found(&world, expression, index);
        assert_eq!(
            found,
            Some(FindingValue::InternalError),
            "{expression} at {index}"
        );
    }
}

fn is_refused(condition: &str) {
    let item = serde_json::from_str(&rule(condition)).expect("a check item");
    let refused = aops_check_rule::Rule::compile(&item);
    assert!(refused.is_err(), "{condition} is taken");
}

/// At the last sample.
fn are_equal(rows: &[(&str, &str)]) {
    for (expression, value) in rows {
        is_equal(&samples(), expression, value, 4);
        is_equal(&float_samples(), expression, value, 4);
    }
}

#[test]
fn rows_1_to_3_windows_by_time() {
    are_equal(&[
        ("max(30s)", "5"),
        ("min(30s)", "3"),
        ("sum(30s)", "12"),
        ("count(30s,3,'>')", "2"),
        ("count(30s,3,'>=')", "3"),
        ("$1.max(30s)", "20"),
        ("$1.sum(1m)", "60.5"),
        ("$1.count(1m,20,'==')", "2"),
    ]);
}

#[test]
fn rows_4_and_5_differences_by_samples() {
    are_equal(&[
        ("change(#1)", "1"),
        ("$1.change(#1)", "0.5"),
        ("abschange(#3)", "3"),
        ("$1.abschange(#3)", "14.5"),
        ("diff(#4)", "true"),
    ]);
    is_error("diff(#5)", 4);
    is_refused("diff(#0)");
    is_error("diff(#1)", 0);
    is_equal(&samples(), "$1.diff(#1)", "false", 2);
}

#[test]
fn row_6_a_mean_is_of_the_samples_in_the_window() {
    are_equal(&[("avg(60s)", "3"), ("avg(30s)", "4"), ("$1.avg(60s)", "12.1")]);
    is_equal(&samples(), "avg(60s)", "1", 0);
}

#[test]
fn row_7_windows_by_samples() {
    are_equal(&[
        ("min(#2)", "4"),
        ("sum(#2)", "9"),
        ("avg(#2)", "4.5"),
        ("count(#3,3,\">=\")", "3"),
        ("sum(#30)", "15"),
    ]);
}

#[test]
fn row_8_what_a_window_may_be() {
    are_equal(&[
        ("max(0)", "5"),
        ("max(-1)", "-1e400"),
        ("min(-1)", "1e400"),
        ("sum(-1)", "0"),
        ("count(-1, 0, '>')", "0"),
    ]);
    is_error("avg(-1)", 4);
    // A window that the samples decide would have no fixed look-back.
    for condition in [
        "max($0)",
        "max()",
        "max(3s,4s)",
        "max(\"3\")",
        "max(null)",
        "change($0)",
    ] {
        is_refused(condition);
    }
}

#[test]
fn row_9_differences_by_time() {
    are_equal(&[
        ("change(2s)", "1"),
        ("change(2)", "2"),
        ("change(1m)", "4"),
        ("change(15s)", "1"),
        ("change(16s)", "2"),
        ("abschange(1m)", "4"),
        ("$1.diff(30s)", "true"),
        ("diff(0)", "false"),
        ("change(0)", "0"),
    ]);
    is_error("change(76s)", 3);
    is_error("change(106s)", 4);
}

#[test]
fn rows_10_to_14_operators() {
    are_equal(&[
        ("$0 + $1", "10.5"),
        ("$0 >= 5 ? \"hi\":\"lo\"", "'hi'"),
        ("$0.max(60s) - $0.min(60s)", "4"),
        ("1||0&&0", "1"),
        ("0||1&&0", "0"),
        ("1|2^3&4", "3"),
        ("2*(3+4)-1", "13"),
        ("-$0 + 10", "5"),
        ("3>2>1", "false"),
        ("1<2<3", "true"),
        ("(3>2)>1", "false"),
        ("(3>2>1)", "false"),
        ("-7%3", "2"),
        ("7.9&3", "3"),
        ("-8>>1", "-4"),
        ("1.5<<1", "2"),
        ("~5", "-6"),
        ("True+1", "2"),
        ("1/3*3", "1.0"),
        ("5 && 7", "7"),
        ("0 || 3", "3"),
        ("!1==0", "true"),
        ("!\"\"", "true"),
    ]);
}

#[test]
fn row_15_nothing_is_skipped_and_null_is_an_error() {
    for expression in [
        "0 && 1/0",
        "0 ? 2 : 1/0",
        "1 || 1/0",
        "1 ? 2 : null",
        "null ? 1 : 2",
        "null == null",
        "true && null",
        "!null",
        "-null",
        "null + 1",
        "1 / 0",
        "1 % 0",
        "1 / 0.0",
    ] {
        is_error(expression, 4);
    }
    assert_eq!(found(&samples(), "null", 4), None);
    assert_eq!(found(&samples(), "(null)", 4), None);
}

#[test]
fn row_16_membership() {
    are_equal(&[
        ("({1:2} in {1:2,3:1})", "true"),
        ("({1:2,5:6} in {1:2})", "true"),
        ("({\"a\":$0} in {\"a\":5})", "true"),
        ("({\"a\":$0} notin {\"a\":5})", "false"),
        ("({1:2} in {1:3})", "false"),
        ("({1:2} in {2:1})", "false"),
        ("({$0:'x'} in {5:'x'})", "true"),
        ("({1:1} in {1.0:true})", "true"),
        ("({1:2, 1:3} in {1:2})", "false"),
    ]);
    for condition in ["{1:2} in {1:2,3:1}", "{1:2} notin {1:3}", "{1:2} in {1:2} && 1"] {
        let found = found(&samples(), condition, 4);
        assert_eq!(found, Some(FindingValue::Abnormal), "{condition}");
    }
}

#[test]
fn values_of_all_kinds() {
    are_equal(&[
        ("7 / 2", "3.5"),
        ("6 / 2", "3"),
        ("7 % -3", "-2"),
        ("-7.5 % 2", "0.5"),
        ("'a' + 'b'", "'ab'"),
        ("3 * 'ab'", "'ababab'"),
        ("'ab' * 2", "'abab'"),
        ("'ab' * -1", "''"),
        ("true * 'ab'", "'ab'"),
        ("'a' < 'b'", "true"),
        ("'B' < 'a'", "true"),
        ("'1' == 1", "false"),
        ("'1' != 1", "true"),
        ("1 == true", "true"),
        ("1 == 1.0", "true"),
        ("9007199254740993 == 9007199254740992.0", "false"),
        ("9007199254740993 > 9007199254740992.0", "true"),
        // The quotient of the numbers, not of the floats next to them.
        ("9007199254740993 * 3 / 3", "9007199254740992"),
        ("~sum(30s)", "-13"),
        ("-true", "-1"),
        ("~true", "-2"),
        ("1 << 100 >> 100", "1"),
        ("-1 >> 500", "-1"),
        ("0 << 500", "0"),
        ("'' || 0", "0"),
        ("'x' && 2.5", "2.5"),
        ("$0 > 3 ? $1 > 5 ? 'a' : 'b' : 'c'", "'a'"),
    ]);
    for expression in [
        "'a' + 1",
        "'a' - 'b'",
        "1.5 * 'a'",
        "'a' * 'a'",
        "'a' / 2",
        "'a' < 1",
        "1 >= 'a'",
        "-'a'",
        "~'a'",
        "~1.5",
        "1 << -1",
        "1 >> -1",
        "1 << 127",
        "1 << 100000000000000000000",
        "'x' | 1",
        "1e400 & 1",
        "(1e400 - 1e400) | 1",
        "70000 * 'a'",
        "~avg(30s)",
        "{null:1} in {1:2}",
        "{1:2} in {1:null}",
        "{1:2, 3:null} notin {1:2}",
    ] {
        is_error(expression, 4);
    }
}

#[test]
fn texts_that_only_look_like_numbers_are_errors_where_they_are_read() {
    let world = samples();
    is_equal(&world, "$2", "'boot ok'", 0);
    is_equal(&world, "$2.keyword('error')", "true", 1);
    is_equal(&world, "$2.keyword('boot')", "false", 1);
    is_equal(&world, "$2.keyword('')", "true", 2);
    is_equal(&world, "$2.diff(#1)", "true", 2);
    is_equal(&world, "$2.count(30s, 'x', '==')", "1", 3);
    is_equal(&world, "$2.count(30s, 'd', '>')", "3", 3);
    is_equal(&world, "$2.count(30s, 1, '!=')", "3", 3);
    is_error("$2", 4);
    is_error("$2 == 'NaN'", 4);
    is_error("$2.diff(#1)", 4);
    is_error("$2.count(30s, 'x', '==')", 4);
    for expression in [
        "$2.count(30s, 1, '>')",
        "$2.max(30s)",
        "$2.sum(#2)",
        "$2.avg(30s)",
        "$2.change(#1)",
        "$2 + 1",
    ] {
        assert_eq!(
            found(&world, expression, 3),
            Some(FindingValue::InternalError),
            "{expression}"
        );
    }
    // Where it is not read it does no harm.
    is_equal(&world, "$0", "5", 4);
}

#[test]
fn keyword_reads_numbers_as_they_were_delivered() {
    for world in [samples(), float_samples()] {
        is_equal(&world, "keyword('5')", "true", 4);
        is_equal(&world, "keyword('.')", "false", 4);
        is_equal(&world, "$1.keyword('5.5')", "true", 4);
        is_equal(&world, "$1.keyword('20')", "true", 2);
    }
}

#[test]
fn row_22_the_history_a_rule_needs() {
    // The verdict at an instant is that of a sample up to 45 s before it.
    for (condition, seconds) in [
        ("max(60s) > $1.diff(#2)", 45 + 3 * 45),
        ("max(60s) > 1", 45 + 60),
        ("max(#10)", 45 + 10 * 45),
        ("max(60)", 45 + 60),
        // The items beside it are read as far back as `max_gap`.
        ("max(0.5m)", 45 + 45),
        ("change(60s)", 45 + 60 + 45),
        ("predict(1h, 4h) < 0", 45 + 3_600),
    ] {
        let look_back_ms = compile(&rule(condition)).look_back_ms(INTERVAL_MS);
        // Windows open at an edge may save a millisecond for each.
        let expected_ms = seconds * 1_000;
        let is_near = (expected_ms - 3..=expected_ms).contains(&look_back_ms);
        assert!(is_near, "{condition}: {look_back_ms}, not {expected_ms}");
    }
}

#[test]
fn predict_draws_the_line_on() {
    let within = |expression: &str, value: &str| {
        let condition = format!("({expression}) > {value} - 1e-9 && ({expression}) < {value} + 1e-9");
        for world in [samples(), float_samples()] {
            assert_eq!(
                found(&world, &condition, 4),
                Some(FindingValue::Abnormal),
                "{condition}"
            );
        }
    };
    within("predict(60s, 15s)", "6");
    within("predict(60s, 1m)", "9");
    within("predict(#2, 30s)", "7");
    within("predict(60s, 0s)", "5");
    within("predict(0s, 1h)", "5");
    within("predict(#1, 1h)", "5");
    // Least squares through 20, 5, 5.5: mean 61/6, slope −7.25 a sample.
    within("$1.predict(30s, 15s)", "(61/6 - 14.5)");
    is_error("predict(-1, 15)", 4);
    is_error("$2.predict(30s, 15s)", 4);
}
