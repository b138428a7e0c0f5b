use super::*;
use crate::series_set::tests::item_series;

const TIMES_S: [i64; 5] = [1_000, 1_015, 1_030, 1_045, 1_060];

fn rule(condition: &str) -> Rule {
    let text = format!(
        r#"{{"check_item":"a","data_list":[{{"name":"m"}},{{"name":"n"}}],"condition":{}}}"#,
        serde_json::to_string(condition).expect("a text")
    );
    Rule::compile(&serde_json::from_str(&text).expect("a check item")).expect(condition)
}

/// The value at sample `index` of the series of the specification's H.1.
fn value(condition: &str, index: usize) -> String {
    let rule = rule(condition);
    let samples = |values: [f64; 5]| -> Vec<(i64, f64)> {
        TIMES_S.iter().map(|time_s| time_s * 1_000).zip(values).collect()
    };
    let main = item_series(&samples([1.0, 2.0, 3.0, 4.0, 5.0]), 45_000);
    let other = item_series(&samples([10.0, 20.0, 20.0, 5.0, 5.5]), 45_000);
    let mut moment = Moment::new(&rule, &vec![vec![&main], vec![&other]]);
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
        ("$1.max(30s)", 4, "20"),
        ("avg(60s)", 4, "3.0"),
        ("avg(30s)", 4, "4.0"),
        ("avg(60s)", 0, "1.0"),
        ("$1.avg(60s)", 4, "12.1"),
        ("avg(#2)", 4, "4.5"),
        ("max(#30)", 4, "5"),
        ("max(0)", 4, "5"),
        ("max(-1)", 4, "-1e999"),
        ("avg(-1)", 4, "error: the window is empty in avg(-1)"),
        ("$0 + $1", 4, "10.5"),
        ("$0.max(60s) - $0.avg(60s)", 4, "2.0"),
        ("$1", 2, "20"),
    ] {
        assert_eq!(value(condition, index), expected, "{condition} at {index}");
    }
}

#[test]
fn a_moment_does_not_depend_on_where_it_began() {
    let rule = rule("avg(40s) + max(#3) * $1.avg(25s)");
    let samples: Vec<(i64, f64)> = (0..100)
        .map(|step| (step * 7_000, (step as f64 * 0.7).sin()))
        .collect();
    let series = item_series(&samples, 20_000);
    let candidates = vec![vec![&series], vec![&series]];
    let mut walking = Moment::new(&rule, &candidates);
    for (time_ms, _) in &samples {
        let value_at = |moment: &mut Moment<'_>| {
            moment.advance(*time_ms);
            evaluate(&rule.condition, &rule.condition.root, moment)
        };
        assert_eq!(
            value_at(&mut walking),
            value_at(&mut Moment::new(&rule, &candidates))
        );
    }
}

#[test]
fn a_sample_that_is_no_finite_number_is_an_error_where_it_is_used() {
    let main = item_series(&[(0, f64::NAN)], 45_000);
    let other = item_series(&[(0, f64::INFINITY)], 45_000);
    let verdict = |condition: &str| {
        let rule = rule(condition);
        let mut moment = Moment::new(&rule, &vec![vec![&main], vec![&other]]);
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
    assert_eq!(verdict("1"), Verdict::True);
}
