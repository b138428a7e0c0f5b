//! Which series a data item means, and what is made of them before the condition sees them: the contracts' §3.

use std::collections::{BTreeMap, BTreeSet};

use aops_api::Labels;
use aops_api::rule::{Aggregate, CheckItem, DataItem, DataKind, LabelValue, Transform};

use crate::by_definition::function::exact_sum;
use crate::value::Value;
use crate::world::{Sample, World, WorldSeries};

pub(crate) const WHOSE: [&str; 2] = ["instance", "job"];

/// A series as a condition reads it.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) is_log: bool,
    pub(crate) interval_ms: i64,
    gap_ms: i64,
    samples: Vec<SeriesSample>,
}

#[derive(Clone, Debug)]
pub(crate) struct SeriesSample {
    pub(crate) time_ms: i64,
    pub(crate) content: Sample,
    /// For how long it may speak.
    pub(crate) gap_ms: i64,
}

impl Series {
    /// The samples at or before an instant.
    pub(crate) fn until(&self, instant_ms: i64) -> impl Iterator<Item = &SeriesSample> {
        self.samples
            .iter()
            .filter(move |sample| sample.time_ms <= instant_ms)
    }

    pub(crate) fn at(&self, instant_ms: i64) -> Option<&SeriesSample> {
        self.samples.iter().find(|sample| sample.time_ms == instant_ms)
    }

    pub(crate) fn times_ms(&self) -> impl Iterator<Item = i64> {
        self.samples.iter().map(|sample| sample.time_ms)
    }

    /// `max_gap` as it is at an instant.
    pub(crate) fn gap_at(&self, instant_ms: i64) -> i64 {
        self.until(instant_ms)
            .last()
            .map_or(self.gap_ms, |newest| newest.gap_ms)
    }

    /// The newest sample that may still speak at an instant.
    pub(crate) fn speaking(&self, instant_ms: i64) -> Option<&SeriesSample> {
        let newest = self.until(instant_ms).last()?;
        Some(newest).filter(|newest| newest.time_ms > instant_ms - newest.gap_ms)
    }
}

/// The series of a data item: filtered, transformed, aggregated.
pub(crate) fn of_item(item: &CheckItem, data: &DataItem, world: &World) -> Vec<Series> {
    let matching = world.series.iter().filter(|series| matches(data, series));
    let had = matching.filter(|series| !series.samples.is_empty());
    let series: Vec<Series> = had.map(|series| transformed(item, data, series)).collect();
    let Some(aggregate) = data.aggregate else {
        return series;
    };
    let mut groups: BTreeMap<Labels, Vec<Series>> = BTreeMap::new();
    for one in series {
        groups.entry(starred(data, &one.labels)).or_default().push(one);
    }
    let groups = groups.into_iter();
    groups
        .map(|(labels, members)| aggregated(aggregate, labels, &members))
        .collect()
}

fn matches(data: &DataItem, series: &WorldSeries) -> bool {
    let holds = |(name, wanted): (&String, &LabelValue)| {
        let value = series.labels.get(name).map_or("", String::as_str);
        match wanted {
            _ if name == "*" => true,
            LabelValue::Text(text) => value == text,
            LabelValue::Each => !value.is_empty(),
            LabelValue::Pattern {
                pattern,
                negated,
                each,
            } => {
                let anchored = regex::Regex::new(&format!("^(?:{pattern})$")).expect("a pattern");
                anchored.is_match(value) != *negated && (!each || !value.is_empty())
            }
        }
    };
    data.name == series.name && data.kind == series.kind && data.label.iter().all(holds)
}

fn transformed(item: &CheckItem, data: &DataItem, series: &WorldSeries) -> Series {
    let default_gap_ms = (3 * series.interval_ms).max(15_000);
    let gap_ms = item.max_gap.map_or(default_gap_ms, |gap| gap.milliseconds);
    let is_text = series.is_text();
    let delivered = |sample: &Sample| {
        if is_text {
            Sample::Text(sample.text())
        } else {
            sample.clone()
        }
    };
    let mut samples: Vec<(i64, Sample)> = series
        .samples
        .iter()
        .map(|(time_ms, sample)| (*time_ms, delivered(sample)))
        .collect();
    if let Some(transform) = data.transform {
        let near = samples.windows(2).filter(|pair| pair[1].0 - pair[0].0 <= gap_ms);
        samples = near
            .map(|pair| {
                let seconds = (pair[1].0 - pair[0].0) as f64 / 1_000.0;
                let value = difference(transform, number(&pair[0].1), number(&pair[1].1), seconds);
                (pair[1].0, Sample::Number(value))
            })
            .collect();
    }
    Series {
        labels: series.labels.clone(),
        is_log: series.kind == DataKind::Log,
        interval_ms: series.interval_ms,
        gap_ms,
        samples: samples
            .into_iter()
            .map(|(time_ms, content)| SeriesSample {
                time_ms,
                content,
                gap_ms,
            })
            .collect(),
    }
}

/// NaN stands for what is no number.
fn number(sample: &Sample) -> f64 {
    if let Sample::Number(number) = sample {
        return *number;
    }
    let value = Value::of_sample(sample).ok().and_then(|value| value.number());
    value.map_or(f64::NAN, |number| number.float())
}

fn difference(transform: Transform, before: f64, now: f64, seconds: f64) -> f64 {
    let grown = if now < before { now } else { now - before };
    match transform {
        Transform::Rate => grown / seconds,
        Transform::Increase => grown,
        Transform::Delta => now - before,
    }
}

/// At every time stamp of a member, each counts with its newest sample within its own gap. The sample made of them may
/// speak for as long as the most patient of those that count: that is known from samples within the look-back.
fn aggregated(aggregate: Aggregate, labels: Labels, members: &[Series]) -> Series {
    let times_ms: BTreeSet<i64> = members.iter().flat_map(Series::times_ms).collect();
    let samples = times_ms.into_iter().map(|time_ms| {
        let speaking: Vec<&SeriesSample> = members
            .iter()
            .filter_map(|member| member.speaking(time_ms))
            .collect();
        let numbers: Vec<f64> = speaking.iter().map(|sample| number(&sample.content)).collect();
        SeriesSample {
            time_ms,
            content: Sample::Number(united(aggregate, &numbers)),
            gap_ms: speaking
                .iter()
                .map(|sample| sample.gap_ms)
                .max()
                .expect("one speaks"),
        }
    });
    Series {
        labels,
        is_log: false,
        interval_ms: 0,
        gap_ms: 0,
        samples: samples.collect(),
    }
}

fn united(aggregate: Aggregate, numbers: &[f64]) -> f64 {
    let count = numbers.len() as f64;
    if aggregate == Aggregate::Count {
        return count;
    }
    if numbers.iter().any(|number| !number.is_finite()) {
        return f64::NAN;
    }
    match aggregate {
        Aggregate::Sum => exact_sum(numbers),
        Aggregate::Avg => exact_sum(numbers) / count,
        Aggregate::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        Aggregate::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Aggregate::Count => count,
    }
}

/// The labels that say what is measured, not whose it is.
pub(crate) fn measured(labels: &Labels) -> Labels {
    let kept = labels.iter().filter(|(name, _)| !WHOSE.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

pub(crate) fn starred(data: &DataItem, series: &Labels) -> Labels {
    let stars_all = data.label.contains_key("*");
    let mut starred = measured(series);
    starred.retain(|name, _| data.label.get(name).map_or(stars_all, LabelValue::is_starred));
    starred
}
