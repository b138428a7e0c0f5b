//! Functions over the samples of an item: the specification's B.4, with the windows of the contracts.

use crate::by_definition::expression::Reading;
use crate::by_definition::series::{Series, SeriesSample};
use crate::tree::{Call, Difference, Fold, Width};
use crate::value::{Fault, Outcome, Value, binary, is_equal, ordered};

pub(crate) fn value(reading: &Reading<'_>, item: usize, call: &Call) -> Outcome {
    let series = reading.series[item];
    let t = reading.time_ms;
    match call {
        Call::Fold(fold, width) => folded(*fold, &numbers(&inside(series, *width, t))?),
        Call::Count {
            width,
            with,
            operator,
        } => {
            let with = reading.value(with)?;
            counted(&inside(series, *width, t), &with, operator)
        }
        // Read as it was delivered, whatever it looks like.
        Call::Keyword(text) => {
            let delivered = reading.sample(item).text();
            Ok(Value::Bool(delivered.contains(text.as_str())))
        }
        Call::Difference(difference, width) => {
            let newest = series.until(t).last().ok_or(Fault("no sample"))?;
            let newest = Value::of_sample(&newest.content)?;
            let before = Value::of_sample(&before(series, *width, t)?.content)?;
            differing(*difference, &newest, &before)
        }
        Call::Predict(width, further_s) => {
            let inside = inside(series, *width, t);
            predicted(&inside, &numbers(&inside)?, t + further_s * 1_000)
        }
    }
}

/// The samples in a window that ends at `t`.
fn inside(series: &Series, width: Width, t: i64) -> Vec<&SeriesSample> {
    let seen: Vec<&SeriesSample> = series.until(t).collect();
    let (candidates, after_ms) = match width {
        Width::Seconds(seconds) | Width::Plain(seconds) => (seen.as_slice(), t - seconds * 1_000 - 1),
        Width::Samples(count) => {
            let first = seen.len().saturating_sub(count as usize);
            (&seen[first..], t - count * series.gap_at(t))
        }
    };
    let inside = candidates.iter().filter(|sample| sample.time_ms > after_ms);
    inside.copied().collect()
}

/// The sample with which the newest one is compared.
fn before(series: &Series, width: Width, t: i64) -> Result<&SeriesSample, Fault> {
    let too_old = Fault("no sample so far back");
    let gap_ms = series.gap_at(t);
    let seen: Vec<&SeriesSample> = series.until(t).collect();
    let (found, after_ms) = match width {
        Width::Samples(count) | Width::Plain(count) => {
            let found = seen.iter().rev().nth(count as usize);
            (found.copied(), t - (count + 1) * gap_ms)
        }
        Width::Seconds(seconds) => {
            let until_ms = t - seconds * 1_000;
            (series.until(until_ms).last(), until_ms - gap_ms)
        }
    };
    found.filter(|sample| sample.time_ms > after_ms).ok_or(too_old)
}

fn numbers(samples: &[&SeriesSample]) -> Result<Vec<Value>, Fault> {
    let values = samples.iter().map(|sample| Value::of_sample(&sample.content));
    values
        .map(|value| match value? {
            Value::Text(_) => Err(Fault("a text in the window")),
            number => Ok(number),
        })
        .collect()
}

fn floats(values: &[Value]) -> Vec<f64> {
    let numbers = values.iter().filter_map(Value::number);
    numbers.map(|number| number.float()).collect()
}

fn folded(fold: Fold, values: &[Value]) -> Outcome {
    match fold {
        Fold::Max => Ok(outermost(values, ">", f64::NEG_INFINITY)),
        Fold::Min => Ok(outermost(values, "<", f64::INFINITY)),
        Fold::Sum => Ok(Value::of_float(exact_sum(&floats(values)))),
        Fold::Avg if values.is_empty() => Err(Fault("mean of nothing")),
        Fold::Avg => Ok(Value::Float(exact_sum(&floats(values)) / values.len() as f64)),
    }
}

fn outermost(values: &[Value], operator: &str, of_none: f64) -> Value {
    let mut outermost = Value::Float(of_none);
    for value in values {
        if ordered(operator, value, &outermost) == Ok(true) {
            outermost = value.clone();
        }
    }
    outermost
}

fn counted(samples: &[&SeriesSample], with: &Value, operator: &str) -> Outcome {
    if *with == Value::Null {
        return Err(Fault("null in a function"));
    }
    let mut count = 0;
    for sample in samples {
        let value = Value::of_sample(&sample.content)?;
        let holds = match operator {
            "==" => is_equal(&value, with),
            "!=" => !is_equal(&value, with),
            order => ordered(order, &value, with)?,
        };
        count += i128::from(holds);
    }
    Ok(Value::Int(count))
}

fn differing(difference: Difference, newest: &Value, before: &Value) -> Outcome {
    match difference {
        Difference::Diff => Ok(Value::Bool(!is_equal(newest, before))),
        Difference::Change => binary("-", newest, before),
        Difference::AbsChange => {
            let change = binary("-", newest, before)?;
            let is_fall = ordered("<", &change, &Value::Int(0))?;
            if is_fall {
                binary("-", before, newest)
            } else {
                Ok(change)
            }
        }
    }
}

/// Where the line of least squares is at `at_ms`; about the mean time, so that large times do not eat the digits.
fn predicted(samples: &[&SeriesSample], values: &[Value], at_ms: i64) -> Outcome {
    if let [only] = values {
        return Ok(only.clone());
    }
    if values.is_empty() {
        return Err(Fault("a line through nothing"));
    }
    let count = values.len() as f64;
    let seconds: Vec<f64> = samples
        .iter()
        .map(|sample| (sample.time_ms - at_ms) as f64 / 1_000.0)
        .collect();
    let values = floats(values);
    let mean_time = seconds.iter().sum::<f64>() / count;
    let mean_value = values.iter().sum::<f64>() / count;
    let mut covariance = 0.0;
    let mut variance = 0.0;
    for (second, value) in seconds.iter().zip(&values) {
        covariance += (second - mean_time) * (value - mean_value);
        variance += (second - mean_time) * (second - mean_time);
    }
    Ok(Value::Float(mean_value - mean_time * covariance / variance))
}

/// The sum rounded once: Shewchuk's partial sums with the half-even correction, as Python's `math.fsum` has it.
pub(crate) fn exact_sum(values: &[f64]) -> f64 {
    let mut partials: Vec<f64> = Vec::new();
    for value in values {
        let mut rest = *value;
        let mut kept = Vec::new();
        for partial in partials {
            let (large, small) = if rest.abs() < partial.abs() {
                (partial, rest)
            } else {
                (rest, partial)
            };
            let sum = large + small;
            let error = small - (sum - large);
            if error != 0.0 {
                kept.push(error);
            }
            rest = sum;
        }
        kept.push(rest);
        partials = kept;
    }
    let Some(mut sum) = partials.pop() else {
        return 0.0;
    };
    while let Some(partial) = partials.pop() {
        let before = sum;
        sum = before + partial;
        let error = partial - (sum - before);
        if error == 0.0 {
            continue;
        }
        let next_has_same_sign = partials.last().is_some_and(|next| (*next < 0.0) == (error < 0.0));
        if next_has_same_sign {
            let doubled = error * 2.0;
            let rounded = sum + doubled;
            if rounded - sum == doubled {
                sum = rounded;
            }
        }
        break;
    }
    sum
}
