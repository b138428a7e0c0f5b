//! Sums are exact until they are rounded once, wherever the window begins and whatever went before it.

use aops_api::TimeRange;
use aops_api::finding::FindingValue;
use proptest::prelude::*;

use crate::by_definition::exact_sum;
use crate::specification::{INTERVAL_MS, series, world};
use crate::world::{World, compile};

/// Of sizes that swallow each other.
fn values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        (-50_i32..50).prop_map(|tenths| f64::from(tenths) / 10.0),
        prop::sample::select(vec![1e16, -1e16, 1e15, -1e15, 1e300, -1e300, 1e-300]),
        -1e9..1e9_f64,
    ];
    prop::collection::vec(value, 1..40)
}

fn is_abnormal_at(world: &World, item: &str, condition: &str, time_s: i64) -> bool {
    let rule = format!(r#"{{"check_item":"it","data_list":[{item}],"condition":"{condition}"}}"#);
    // The window is judged from the first sample on, so that sums have slid here.
    let window = TimeRange::new(1_000_000, time_s * 1_000 + 1);
    let judged = world.judge(&compile(&rule), window, INTERVAL_MS);
    judged
        .findings
        .iter()
        .any(|finding| finding.value == FindingValue::Abnormal && finding.range.end_ms == window.end_ms)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn of_a_window(values in values(), inside in 1_usize..20) {
        let times_s = (0..).map(|step| 1_000 + 15 * step);
        let samples: Vec<(i64, f64)> = times_s.zip(values.iter().copied()).collect();
        let last_s = samples.last().expect("a sample").0;
        let world = world(vec![series("m", &[], &samples)]);
        let inside = inside.min(values.len());
        let sum = exact_sum(&values[values.len() - inside..]);
        let mean = sum / inside as f64;
        let width_s = 15 * (inside - 1);
        for condition in [
            format!("sum(#{inside}) == {sum:e}"),
            format!("sum({width_s}s) == {sum:e}"),
            format!("avg(#{inside}) == {mean:e}"),
            format!("avg({width_s}s) == {mean:e}"),
        ] {
            // A sign and an exponent are no token of this language, but a calculation.
            let condition = condition.replace("== -", "== 0 - ");
            prop_assert!(is_abnormal_at(&world, r#"{"name":"m"}"#, &condition, last_s), "{}", condition);
        }
    }

    #[test]
    fn of_an_aggregate(values in values()) {
        let members = values.iter().enumerate().map(|(device, value)| {
            let device = device.to_string();
            series("m", &[("device", device.as_str())], &[(1_000, *value)])
        });
        let world = world(members.collect());
        let sum = exact_sum(&values);
        for (aggregate, value) in [("sum", sum), ("avg", sum / values.len() as f64)] {
            let item = format!(r#"{{"name":"m","aggregate":"{aggregate}"}}"#);
            let condition = format!("$0 == {value:e}").replace("== -", "== 0 - ");
            prop_assert!(is_abnormal_at(&world, &item, &condition, 1_000), "{} {}", aggregate, condition);
        }
    }
}
