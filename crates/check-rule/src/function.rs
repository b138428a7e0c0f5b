//! Functions that are computed from the samples of their window each time.

use std::cmp::Ordering;

use crate::condition::{Back, Comparison, Function, Window, WindowAggregate};
use crate::exact_sum::exact_sum;
use crate::item_series::ItemSeries;
use crate::operation::{BinaryOperator, apply_binary, compare};
use crate::value::{Number, Value};

/// The samples of a window that ends at a time, the last of them `seen - 1`.
fn in_window(series: &ItemSeries<'_>, seen: usize, window: Window, time_ms: i64) -> std::ops::Range<usize> {
    let (earliest_ms, count) = window.bounds(series, time_ms);
    let by_time = series
        .times_ms
        .partition_point(|sample_ms| *sample_ms < earliest_ms);
    let start = by_time.max(seen.saturating_sub(count)).min(seen);
    start..seen
}

/// The first sample that a function reads.
pub(crate) fn first_sample(series: &ItemSeries<'_>, seen: usize, function: &Function, time_ms: i64) -> usize {
    match function {
        Function::Aggregate { window, .. }
        | Function::Count { window, .. }
        | Function::Predict { window, .. } => in_window(series, seen, *window, time_ms).start,
        Function::Compare { back, .. } => {
            let newest = seen.saturating_sub(1);
            let earlier = seen
                .checked_sub(1)
                .and_then(|newest| earlier_sample(series, newest, *back, time_ms));
            earlier.unwrap_or(newest)
        }
        Function::Keyword { .. } => seen.saturating_sub(1),
    }
}

/// How many samples compare so with a value.
pub(crate) fn count(
    series: &ItemSeries<'_>,
    seen: usize,
    window: Window,
    time_ms: i64,
    comparison: BinaryOperator,
    operand: &Value,
) -> Result<Value, String> {
    if *operand == Value::Null {
        return Err("null as an operand".to_owned());
    }
    let mut count = 0;
    for index in in_window(series, seen, window, time_ms) {
        let value = series.column.value(index)?;
        count += i128::from(compare(comparison, &value, operand)?);
    }
    Ok(Value::Int(count))
}

/// The numbers in a window.
pub(crate) fn numbers_in(
    series: &ItemSeries<'_>,
    seen: usize,
    window: Window,
    time_ms: i64,
) -> Result<Vec<Number>, String> {
    in_window(series, seen, window, time_ms)
        .map(|index| {
            let value = series.column.value(index)?;
            value
                .number()
                .ok_or_else(|| format!("{} in the window", value.kind()))
        })
        .collect()
}

/// `max`, `min`, `sum` or `avg` of numbers, as over a window that is kept from sample to sample.
pub(crate) fn aggregate(aggregate: WindowAggregate, numbers: &[Number]) -> Result<Value, String> {
    let floats = numbers.iter().map(|number| number.as_float());
    let value = match aggregate {
        WindowAggregate::Max => extreme(numbers, Ordering::Greater, f64::NEG_INFINITY),
        WindowAggregate::Min => extreme(numbers, Ordering::Less, f64::INFINITY),
        WindowAggregate::Sum => Value::of_sample(exact_sum(floats)),
        WindowAggregate::Avg if numbers.is_empty() => return Err("the window is empty".to_owned()),
        WindowAggregate::Avg => Value::Float(exact_sum(floats) / numbers.len() as f64),
    };
    Ok(value)
}

/// The first of the largest or smallest numbers, an integer or a float as it is.
fn extreme(numbers: &[Number], beyond: Ordering, of_none: f64) -> Value {
    let mut found: Option<Number> = None;
    for number in numbers {
        if found.is_none_or(|found| number.compare(found) == Some(beyond)) {
            found = Some(*number);
        }
    }
    found.map_or(Value::Float(of_none), Value::from)
}

/// The newest value against an earlier one.
pub(crate) fn compare_with_earlier(
    series: &ItemSeries<'_>,
    seen: usize,
    comparison: Comparison,
    back: Back,
    time_ms: i64,
) -> Result<Value, String> {
    let missing = "there is no such earlier sample";
    let newest = seen.checked_sub(1).ok_or(missing)?;
    let earlier = earlier_sample(series, newest, back, time_ms).ok_or(missing)?;
    let newest = series.column.value(newest)?;
    let earlier = series.column.value(earlier)?;
    match comparison {
        Comparison::Diff => apply_binary(BinaryOperator::NotEqual, newest, earlier),
        Comparison::Change => apply_binary(BinaryOperator::Subtract, newest, earlier),
        Comparison::AbsChange => match apply_binary(BinaryOperator::Subtract, newest, earlier)? {
            Value::Int(integer) => integer
                .checked_abs()
                .map(Value::Int)
                .ok_or_else(|| "an integer beyond 128 bits".to_owned()),
            Value::Float(float) => Ok(Value::Float(float.abs())),
            other => Ok(other),
        },
    }
}

fn earlier_sample(series: &ItemSeries<'_>, newest: usize, back: Back, time_ms: i64) -> Option<usize> {
    let gap_ms = series.gap_at(newest);
    let (index, oldest_ms) = match back {
        Back::Samples { count } => {
            let reach_ms = gap_ms.saturating_mul(i64::from(count) + 1);
            (
                newest.checked_sub(count as usize)?,
                time_ms.saturating_sub(reach_ms),
            )
        }
        Back::Time { ms } => {
            let latest_ms = time_ms.saturating_sub(ms);
            let index = series.seen_at(latest_ms).checked_sub(1)?;
            (index.min(newest), latest_ms.saturating_sub(gap_ms))
        }
    };
    (series.times_ms[index] > oldest_ms).then_some(index)
}

/// The straight line through the samples of a window (least squares), so far after the moment.
pub(crate) fn predict(
    series: &ItemSeries<'_>,
    seen: usize,
    window: Window,
    time_ms: i64,
    ahead_ms: i64,
) -> Result<Value, String> {
    let numbers = numbers_in(series, seen, window, time_ms)?;
    if let [only] = numbers.as_slice() {
        return Ok((*only).into());
    }
    if numbers.is_empty() {
        return Err("the window is empty".to_owned());
    }
    let range = in_window(series, seen, window, time_ms);
    let seconds: Vec<f64> = series.times_ms[range]
        .iter()
        .map(|sample_ms| (sample_ms - time_ms) as f64 / 1_000.0)
        .collect();
    let values: Vec<f64> = numbers.iter().map(|number| number.as_float()).collect();
    let count = values.len() as f64;
    let mean_second = seconds.iter().sum::<f64>() / count;
    let mean_value = values.iter().sum::<f64>() / count;
    let mut covariance = 0.0;
    let mut variance = 0.0;
    for (second, value) in seconds.iter().zip(&values) {
        covariance += (second - mean_second) * (value - mean_value);
        variance += (second - mean_second) * (second - mean_second);
    }
    let slope = covariance / variance;
    let predicted = mean_value + slope * (ahead_ms as f64 / 1_000.0 - mean_second);
    if !predicted.is_finite() {
        return Err("the predicted value is not a finite number".to_owned());
    }
    Ok(Value::Float(predicted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item_series::tests::series;

    const SAMPLES: [(i64, f64); 4] = [(0, 1.0), (15_000, 2.0), (30_000, 3.0), (60_000, 5.0)];

    #[test]
    fn an_earlier_sample_must_not_be_too_old() {
        let series = series(&SAMPLES, 20_000);
        let change = |seen: usize, back: Back| {
            let time_ms = series.times_ms[seen - 1];
            compare_with_earlier(&series, seen, Comparison::Change, back, time_ms)
        };
        assert_eq!(change(3, Back::Samples { count: 1 }), Ok(Value::Int(1)));
        assert_eq!(change(3, Back::Samples { count: 2 }), Ok(Value::Int(2)));
        assert_eq!(change(4, Back::Samples { count: 1 }), Ok(Value::Int(2)));
        // At 0, while (0, 60] is what three samples back may reach.
        assert!(change(4, Back::Samples { count: 3 }).is_ok());
        assert!(change(3, Back::Samples { count: 3 }).is_err());
        assert_eq!(change(4, Back::Time { ms: 30_000 }), Ok(Value::Int(2)));
        assert_eq!(change(4, Back::Time { ms: 29_000 }), Ok(Value::Int(2)));
        assert_eq!(change(4, Back::Time { ms: 31_000 }), Ok(Value::Int(3)));
        // 45 to 25 s before: none is in (10, 30].
        assert!(change(2, Back::Time { ms: 40_000 }).is_err());
    }

    #[test]
    fn a_straight_line_is_continued() {
        let series = series(&SAMPLES, 20_000);
        let window = Window::Time { ms: 600_000 };
        let Ok(Value::Float(predicted)) = predict(&series, 4, window, 60_000, 150_000) else {
            panic!("a number");
        };
        assert!((predicted - 15.0).abs() < 1e-9, "{predicted}");
        let alone = predict(&series, 1, window, 0, 150_000);
        assert_eq!(alone, Ok(Value::Int(1)));
        assert!(predict(&series, 0, window, 0, 0).is_err());
    }
}
