//! Rates and differences of neighbouring samples.

use std::borrow::Cow;

use aops_api::rule::Transform;

use crate::rule::{CompiledItem, Rule};
use crate::series_set::{ItemSeries, RawSeries};

/// A series as an item of a rule reads it. A transformed one has a sample wherever the raw one has, but for those whose
/// neighbour is missing or too old.
pub(crate) fn prepare<'set>(rule: &Rule, item: &CompiledItem, raw: &'set RawSeries<'_>) -> ItemSeries<'set> {
    let gap_ms = rule.gap_ms(raw.interval_ms);
    let (times_ms, values) = match item.transform {
        None => (
            Cow::Borrowed(raw.times_ms.as_ref()),
            Cow::Borrowed(raw.values.as_ref()),
        ),
        Some(transform) => differences(transform, &raw.times_ms, &raw.values, gap_ms),
    };
    ItemSeries {
        labels: raw.labels,
        gap_ms,
        is_exact: item.selection.names_all_of(raw.labels),
        times_ms,
        values,
    }
}

fn differences<'set>(
    transform: Transform,
    times_ms: &[i64],
    values: &[f64],
    gap_ms: i64,
) -> (Cow<'set, [i64]>, Cow<'set, [f64]>) {
    let mut transformed_times = Vec::with_capacity(times_ms.len());
    let mut transformed_values = Vec::with_capacity(times_ms.len());
    for (pair_ms, pair) in times_ms.windows(2).zip(values.windows(2)) {
        let elapsed_ms = pair_ms[1].saturating_sub(pair_ms[0]);
        if elapsed_ms > gap_ms {
            continue;
        }
        transformed_times.push(pair_ms[1]);
        transformed_values.push(difference(transform, pair[0], pair[1], elapsed_ms));
    }
    (Cow::Owned(transformed_times), Cow::Owned(transformed_values))
}

fn difference(transform: Transform, before: f64, after: f64, elapsed_ms: i64) -> f64 {
    // A fall is a counter that restarted from 0 and has grown to `after` since.
    let increase = if after < before { after } else { after - before };
    match transform {
        Transform::Rate => increase / (elapsed_ms as f64 / 1_000.0),
        Transform::Increase => increase,
        Transform::Delta => after - before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transformed(transform: Transform) -> Vec<(i64, f64)> {
        let times_ms = [0, 10_000, 20_000, 60_000, 65_000];
        let values = [5.0, 25.0, 10.0, 40.0, 41.0];
        let (times_ms, values) = differences(transform, &times_ms, &values, 15_000);
        times_ms.iter().copied().zip(values.iter().copied()).collect()
    }

    #[test]
    fn a_fall_is_a_restart_except_for_delta() {
        assert_eq!(
            transformed(Transform::Rate),
            [(10_000, 2.0), (20_000, 1.0), (65_000, 0.2)]
        );
        assert_eq!(
            transformed(Transform::Increase),
            [(10_000, 20.0), (20_000, 10.0), (65_000, 1.0)]
        );
        assert_eq!(
            transformed(Transform::Delta),
            [(10_000, 20.0), (20_000, -15.0), (65_000, 1.0)]
        );
    }
}
