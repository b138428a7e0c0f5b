use std::borrow::Cow;

use super::*;
use crate::item_series::tests::series;
use crate::sample::Column;

const TIMES_S: [i64; 5] = [1_000, 1_015, 1_030, 1_045, 1_060];

fn rule(condition: &str) -> Rule {
    let text = format!(
        r#"{{"check_item":"a","data_list":[{{"name":"m"}},{{"name":"n"}},{{"name":"t"}}],"condition":{}}}"#,
        serde_json::to_string(condition).expect("a text")
    );
    Rule::compile(&serde_json::from_str(&text).expect("a check item")).expect(condition)
}

fn texts(samples: [(i64, &str); 5], is_log: bool) -> ItemSeries<'static> {
    let mut texts = series(&[], 45_000);
    let (times_ms, lines): (Vec<i64>, Vec<String>) = samples
        .iter()
        .map(|(time_ms, text)| (*time_ms, (*text).to_owned()))
        .unzip();
    texts.times_ms = Cow::Owned(times_ms);
    texts.column = Column::Texts(Cow::Owned(lines));
    texts.line_speaks_ms = is_log.then_some(15_000);
    texts
}

fn candidates<'work, 'set>(items: &[&'work ItemSeries<'set>]) -> LabelSetSeries<'work, 'set> {
    let item = |(stream, series): (usize, &&'work ItemSeries<'set>)| ItemCandidates {
        stream,
        series: [*series].into(),
        unheard: series.line_speaks_ms.map(|_| [].as_slice()),
    };
    LabelSetSeries {
        items: items.iter().enumerate().map(item).collect(),
    }
}

/// The value at sample `index` of the series of the specification's H.1.
fn value(condition: &str, index: usize) -> String {
    let rule = rule(condition);
    let samples = |values: [f64; 5]| -> Vec<(i64, f64)> {
        TIMES_S.iter().map(|time_s| time_s * 1_000).zip(values).collect()
    };
    let main = series(&samples([1.0, 2.0, 3.0, 4.0, 5.0]), 45_000);
    let other = series(&samples([10.0, 20.0, 20.0, 5.0, 5.5]), 45_000);
    let lines = ["boot ok", "disk error", "x", "error error", "NaN"];
    let third = texts(
        [0, 1, 2, 3, 4].map(|place| (TIMES_S[place] * 1_000, lines[place])),
        false,
    );
    let mut windows = Windows::default();
    let mut moment = Moment::new(&rule, &candidates(&[&main, &other, &third]), &mut windows);
    moment.advance(TIMES_S[index] * 1_000);
    match evaluate(&rule.condition, &rule.condition.root, &mut moment) {
        Ok(value) => value.to_string(),
        Err(reason) => format!("error: {reason}"),
    }
}

#[test]
fn functions_have_the_values_of_the_specification() {
    for (condition, index, expected) in [
        ("max(30s)", 4, "5"),
        ("min(30s)", 4, "3"),
        ("sum(30s)", 4, "12"),
        ("count(30s,3,'>')", 4, "2"),
        ("count(30s,3,'>=')", 4, "3"),
        ("$1.max(30s)", 4, "20"),
        ("$1.sum(1m)", 4, "60.5"),
        ("$1.count(1m,20,'==')", 4, "2"),
        ("$1.count(1m,$0*4,'==')", 4, "2"),
        ("change(#1)", 4, "1"),
        ("$1.change(#1)", 4, "0.5"),
        ("abschange(#3)", 4, "3"),
        ("$1.abschange(#3)", 4, "14.5"),
        ("diff(#4)", 4, "true"),
        (
            "diff(#5)",
            4,
            "error: there is no such earlier sample in diff(#5)",
        ),
        (
            "diff(#1)",
            0,
            "error: there is no such earlier sample in diff(#1)",
        ),
        ("$1.diff(#1)", 2, "false"),
        ("avg(60s)", 4, "3.0"),
        ("avg(30s)", 4, "4.0"),
        ("avg(60s)", 0, "1.0"),
        ("$1.avg(60s)", 4, "12.1"),
        ("min(#2)", 4, "4"),
        ("sum(#2)", 4, "9"),
        ("avg(#2)", 4, "4.5"),
        ("count(#3,3,'>=')", 4, "3"),
        ("sum(#30)", 4, "15"),
        ("max(#30)", 4, "5"),
        ("max(0)", 4, "5"),
        ("max(-1)", 4, "-1e999"),
        ("min(-1)", 4, "1e999"),
        ("sum(-1)", 4, "0"),
        ("avg(-1)", 4, "error: the window is empty in avg(-1)"),
        ("change(2s)", 4, "1"),
        ("change(2)", 4, "2"),
        ("change(1m)", 4, "4"),
        ("$0 + $1", 4, "10.5"),
        ("$0.max(60s) - $0.min(60s)", 4, "4"),
        ("$1", 2, "20"),
        ("predict(60s, 15s) > 5.99 && predict(60s, 15s) < 6.01", 4, "true"),
        ("$2", 2, "\"x\""),
        ("$2", 4, "error: $2 is NaN, not a finite number"),
        ("$2.keyword('error')", 3, "true"),
        ("$2.keyword('error')", 0, "false"),
        ("$2.keyword('')", 0, "true"),
        ("$2.keyword('aN')", 4, "true"),
        ("keyword('5')", 4, "true"),
        ("$1.keyword('.5')", 4, "true"),
        ("keyword($2)", 2, "false"),
        (
            "keyword(null == 1)",
            0,
            "error: null as an operand in null == 1 in keyword(null == 1)",
        ),
        ("$2.diff(#1)", 1, "true"),
        ("$2.change(#1)", 1, "error: a text with a text in $2.change(#1)"),
        ("$2.max(30s)", 1, "error: a text in the window in $2.max(30s)"),
        ("$2.count(60s, 'x', '==')", 3, "1"),
        (
            "$2.count(60s, 3, '>')",
            3,
            "error: a text with a number in $2.count(60s, 3, '>')",
        ),
    ] {
        assert_eq!(value(condition, index), expected, "{condition} at {index}");
    }
}

#[test]
fn a_log_beside_is_what_was_logged_since_the_sample_before() {
    let main = series(&[(0, 1.0), (15_000, 1.0), (30_000, 1.0), (100_000, 1.0)], 45_000);
    let log = texts(
        [
            (1_000, "a"),
            (15_000, "b"),
            (16_000, "c"),
            (17_000, "d"),
            (40_000, "too old"),
        ],
        true,
    );
    let rule = rule("$1");
    let mut windows = Windows::default();
    let mut moment = Moment::new(&rule, &candidates(&[&main, &log, &main]), &mut windows);
    let mut found = Vec::new();
    for time_ms in [0, 15_000, 30_000, 100_000] {
        moment.advance(time_ms);
        found.push(moment.item(1));
    }
    let expected = ["", "a b", "c d", ""].map(|text| Ok(Value::text(text)));
    assert_eq!(found, expected);
}

#[test]
fn a_moment_does_not_depend_on_where_it_began() {
    let rule =
        rule("avg(40s) + max(#3) * $1.avg(25s) + min(30s) - sum(50s) + count(60s, 0, '>') + change(#2)");
    let samples: Vec<(i64, f64)> = (0..100)
        .map(|step| (step * 7_000, (step as f64 * 0.7).sin()))
        .collect();
    let series = series(&samples, 20_000);
    let candidates = candidates(&[&series, &series, &series]);
    let mut windows = Windows::default();
    let mut walking = Moment::new(&rule, &candidates, &mut windows);
    for (time_ms, _) in &samples {
        let value_at = |moment: &mut Moment<'_, '_>| {
            moment.advance(*time_ms);
            evaluate(&rule.condition, &rule.condition.root, moment)
        };
        let mut anew = Windows::default();
        let fresh = value_at(&mut Moment::new(&rule, &candidates, &mut anew));
        assert_eq!(value_at(&mut walking), fresh);
    }
}

#[test]
fn a_sample_that_is_no_finite_number_is_an_error_where_it_is_used() {
    let main = series(&[(0, f64::NAN)], 45_000);
    let other = series(&[(0, f64::INFINITY)], 45_000);
    let verdict = |condition: &str| {
        let rule = rule(condition);
        let mut windows = Windows::default();
        let mut moment = Moment::new(&rule, &candidates(&[&main, &other, &other]), &mut windows);
        moment.advance(0);
        moment.verdict()
    };
    let error = |reason: &str| Verdict::Error {
        reason: reason.to_owned(),
    };
    assert_eq!(verdict("$0 > 1"), error("$0 is NaN, not a finite number"));
    assert_eq!(verdict("$1 > 1"), error("$1 is inf, not a finite number"));
    assert_eq!(
        verdict("max(60s) > 1"),
        error("a value in the window is not a finite number in max(60s)")
    );
    assert_eq!(
        verdict("count(60s, 1, '>') > 1"),
        error("a value in the window is not a finite number in count(60s, 1, '>')")
    );
    assert_eq!(verdict("1"), Verdict::True { margin: None });
}
