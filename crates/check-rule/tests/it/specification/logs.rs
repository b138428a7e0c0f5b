//! Logs as `$0` and beside it: the contracts' §3.

use aops_api::TimeRange;
use aops_api::rule::DataKind;

use crate::specification::{findings, judged, series, text_series, world};
use crate::world::{World, WorldSeries, labels};

fn log(name: &str, lines: &[(i64, &str)]) -> WorldSeries {
    WorldSeries {
        kind: DataKind::Log,
        ..text_series(name, lines)
    }
}

fn of_log(condition: &str, more: &str) -> String {
    format!(
        r#"{{"check_item":"it","data_list":[{{"name":"dmesg","type":"log"}}],"condition":"{condition}"{more}}}"#
    )
}

fn beside(condition: &str, more: &str) -> String {
    format!(
        r#"{{"check_item":"it","data_list":[{{"name":"m"}},{{"name":"dmesg","type":"log"}}],"condition":"{condition}"{more}}}"#
    )
}

/// `m` is 1 every 15 s from 1000 to 1090.
fn with_log(lines: &[(i64, &str)]) -> World {
    let samples: Vec<(i64, f64)> = (0..7).map(|step| (1_000 + 15 * step, 1.0)).collect();
    world(vec![series("m", &[], &samples), log("dmesg", lines)])
}

#[test]
fn a_line_speaks_for_one_sample_period_and_silence_is_normal() {
    let world = world(vec![log(
        "dmesg",
        &[
            (1_000, "error a"),
            (1_100, "error b"),
            (1_107, "error c"),
            (1_110, "ok"),
            (1_200, "error d"),
        ],
    )]);
    assert_eq!(
        findings(&world, &of_log("keyword('error')", ""), (900, 1_300)),
        [
            "Abnormal 1000..1015",
            "Abnormal 1100..1110",
            "Abnormal 1200..1215"
        ]
    );
    // What is found does not depend on the window, and an empty one is normal.
    assert_eq!(
        findings(&world, &of_log("keyword('error')", ""), (1_005, 1_102)),
        ["Abnormal 1005..1015", "Abnormal 1100..1102"]
    );
    let silent = judged(&world, &of_log("keyword('error')", ""), (1_020, 1_090));
    assert!(silent.covered && silent.findings.is_empty());
    assert_eq!(silent.judged, [labels(&[])]);
    assert_eq!(
        findings(&world, &of_log("$0 == 'ok'", ""), (900, 1_300)),
        ["Abnormal 1110..1125"]
    );
    assert_eq!(
        findings(&world, &of_log("$0 > 1", ""), (1_000, 1_090)),
        ["Internal error 1000..1015"]
    );
}

#[test]
fn there_is_no_data_when_there_never_was_a_line() {
    let never = world(vec![log("other", &[(1_000, "x")])]);
    assert_eq!(
        findings(&never, &of_log("$0 == 'x'", ""), (900, 1_300)),
        ["No data 900..1300"]
    );
    let ignored = judged(
        &never,
        &of_log("$0 == 'x'", r#","absent":"ignore""#),
        (900, 1_300),
    );
    assert!(ignored.covered && ignored.findings.is_empty() && ignored.judged.is_empty());
    // A metric of that name is not the log.
    let metric = world(vec![text_series("dmesg", &[(1_000, "x")])]);
    assert_eq!(
        findings(&metric, &of_log("$0 == 'x'", ""), (900, 1_300)),
        ["No data 900..1300"]
    );
}

#[test]
fn a_shipper_that_was_not_heard_leaves_no_data() {
    let mut world = with_log(&[(1_000, "error"), (1_080, "ok")]);
    world
        .unheard
        .push(("dmesg".to_owned(), TimeRange::new(1_030_000, 1_070_000)));
    assert_eq!(
        findings(&world, &of_log("keyword('error')", ""), (1_000, 1_100)),
        ["Abnormal 1000..1015", "No data 1030..1070"]
    );
    // What was heard of that time speaks.
    world.series.push(log("late", &[(1_040, "error")]));
    world
        .unheard
        .push(("late".to_owned(), TimeRange::new(1_030_000, 1_070_000)));
    let late = of_log("keyword('error')", "").replace("dmesg", "late");
    assert_eq!(
        findings(&world, &late, (1_000, 1_100)),
        ["No data 1030..1040", "Abnormal 1040..1055", "No data 1055..1070"]
    );
    assert_eq!(
        findings(&world, &beside("$0 > 0 && $1 == 'error'", ""), (1_000, 1_105)),
        ["Abnormal 1000..1015", "No data 1030..1075"]
    );
}

#[test]
fn lines_of_one_time_are_one_sample() {
    // The store joins them.
    let world = world(vec![log("dmesg", &[(1_000, "one two"), (1_001, "three")])]);
    assert_eq!(
        findings(&world, &of_log("$0 == 'one two'", ""), (1_000, 1_100)),
        ["Abnormal 1000..1001"]
    );
    assert_eq!(
        findings(&world, &of_log("count(1m, 'x', '!=') == 2", ""), (1_000, 1_100)),
        ["Abnormal 1001..1016"]
    );
}

#[test]
fn digits_are_a_number_and_still_have_keywords() {
    let world = world(vec![log("dmesg", &[(1_000, "500"), (1_015, "007")])]);
    assert_eq!(
        findings(&world, &of_log("$0 == 500", ""), (1_000, 1_100)),
        ["Abnormal 1000..1015", "Internal error 1015..1030"]
    );
    assert_eq!(
        findings(&world, &of_log("keyword('0')", ""), (1_000, 1_100)),
        ["Abnormal 1000..1030"]
    );
    assert_eq!(
        findings(&world, &of_log("keyword('07')", ""), (1_000, 1_100)),
        ["Abnormal 1015..1030"]
    );
}

#[test]
fn beside_another_item_a_log_is_what_was_logged_meanwhile() {
    let world = with_log(&[
        (1_001, "one"),
        (1_014, "two"),
        (1_015, "three"),
        (1_016, "four"),
        (1_080, "5"),
    ]);
    let at = |text: &str| findings(&world, &beside(&format!("$1 == {text}"), ""), (1_000, 1_105));
    assert_eq!(at("''"), ["Abnormal 1000..1015", "Abnormal 1045..1090"]);
    assert_eq!(at("'one two three'"), ["Abnormal 1015..1030"]);
    assert_eq!(at("'four'"), ["Abnormal 1030..1045"]);
    assert_eq!(at("5"), ["Abnormal 1090..1105"]);
}

#[test]
fn a_log_reaches_no_further_back_than_max_gap() {
    let world = world(vec![
        series("m", &[], &[(1_000, 1.0), (1_100, 1.0)]),
        log(
            "dmesg",
            &[
                (950, "a"),
                (956, "b"),
                (1_000, "c"),
                (1_001, "d"),
                (1_055, "e"),
                (1_056, "f"),
                (1_100, "g"),
            ],
        ),
    ]);
    let at = |text: &str, from_s: i64| {
        findings(
            &world,
            &beside(&format!("$1 == '{text}'"), ""),
            (from_s, from_s + 1),
        )
    };
    assert_eq!(at("b c", 1_000), ["Abnormal 1000..1001"]);
    assert_eq!(at("f g", 1_100), ["Abnormal 1100..1101"]);
}

#[test]
fn functions_over_a_log_see_its_lines() {
    let world = with_log(&[(1_001, "x"), (1_002, "x"), (1_020, "y"), (1_040, "x")]);
    let at = |condition: &str, t: i64| findings(&world, &beside(condition, ""), (t, t + 1));
    let yes = |t: i64| [format!("Abnormal {t}..{}", t + 1)];
    assert_eq!(at("$1.count(1m, 'x', '==') == 3", 1_045), yes(1_045));
    assert_eq!(at("$1.count(#2, 'x', '==') == 1", 1_045), yes(1_045));
    assert_eq!(at("$1.diff(#1)", 1_045), yes(1_045));
    assert_eq!(at("$1.diff(#2) == false", 1_045), yes(1_045));
    assert_eq!(at("$1.keyword('y')", 1_030), yes(1_030));
    assert_eq!(at("$1.keyword('y')", 1_045), [""; 0]);
    assert_eq!(at("$1.keyword('')", 1_090), yes(1_090));
    assert_eq!(at("$1.diff(#3)", 1_000), ["Internal error 1000..1001"]);
}

#[test]
fn a_run_of_lines_breaks_at_silence() {
    let lines =
        |times: &[i64]| -> Vec<(i64, &'static str)> { times.iter().map(|time| (*time, "error")).collect() };
    let rule = of_log("keyword('error')", r#","for":"1m""#);
    let steady = world(vec![log("dmesg", &lines(&[1_000, 1_030, 1_075, 1_100]))]);
    assert_eq!(
        findings(&steady, &rule, (1_000, 1_200)),
        ["Abnormal 1075..1090", "Abnormal 1100..1115"]
    );
    let broken = world(vec![log("dmesg", &lines(&[1_000, 1_030, 1_076, 1_100]))]);
    assert_eq!(findings(&broken, &rule, (1_000, 1_200)), [""; 0]);
}

#[test]
fn a_log_that_was_never_there_is_no_data_beside_another_item() {
    let samples: Vec<(i64, f64)> = (0..7).map(|step| (1_000 + 15 * step, 1.0)).collect();
    let world = world(vec![series("m", &[], &samples)]);
    assert_eq!(
        findings(&world, &beside("$0", ""), (1_000, 1_105)),
        ["No data 1000..1105"]
    );
}
