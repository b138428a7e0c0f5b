//! From the series of a selector to those that an item of a rule reads: transformed, aggregated.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use aops_api::Labels;
use aops_api::rule::{Aggregate, DataKind, Transform};
use aops_api::series::FetchedSeries;

use crate::exact_sum::exact_sum;
use crate::item_series::ItemSeries;
use crate::label::LabelSelection;
use crate::look_back::gap_ms;
use crate::sample::Column;
use crate::series_set::{RawSeries, rank};

/// How the series of an item come from those of its selector. Items of equal description, of whatever rules, share them.
#[derive(Clone, Debug)]
pub(crate) struct StreamPlan {
    pub(crate) selector: usize,
    pub(crate) kind: DataKind,
    pub(crate) selection: LabelSelection,
    pub(crate) transform: Option<Transform>,
    pub(crate) aggregate: Option<Aggregate>,
    pub(crate) max_gap_ms: Option<i64>,
    /// How long before the end of a window a sample may still be read in the next.
    pub(crate) keep_ms: i64,
}

/// The series that an item reads on one host.
pub(crate) struct Stream<'set> {
    sources: Sources<'set>,
    aggregated: Option<Aggregated<'set>>,
}

/// One series for each value of the starred labels.
#[derive(Default)]
struct Aggregated<'set> {
    series: Vec<ItemSeries<'set>>,
    /// Where the series of some labels stands.
    places: HashMap<Labels, usize>,
    next_id: u32,
}

/// The series of a selector, transformed.
#[derive(Default)]
struct Sources<'set> {
    /// By rank.
    series: Vec<ItemSeries<'set>>,
    /// The newest sample of each before the transform.
    newest: Vec<Option<(i64, f64)>>,
    next_id: u32,
}

impl<'set> Stream<'set> {
    pub(crate) fn of(plan: &StreamPlan, raw: &'set [RawSeries<'set>]) -> Self {
        let mut sources = Sources::default();
        for one in raw {
            sources.push(plan, one);
        }
        let mut stream = Self {
            sources,
            aggregated: plan.aggregate.map(|_| Aggregated::default()),
        };
        stream.aggregate(plan);
        stream
    }

    pub(crate) fn series(&self) -> &[ItemSeries<'set>] {
        match &self.aggregated {
            Some(aggregated) => &aggregated.series,
            None => &self.sources.series,
        }
    }

    pub(crate) fn into_owned(self) -> Stream<'static> {
        let owned = |series: Vec<ItemSeries<'set>>| series.into_iter().map(ItemSeries::into_owned).collect();
        Stream {
            sources: Sources {
                series: owned(self.sources.series),
                newest: self.sources.newest,
                next_id: self.sources.next_id,
            },
            aggregated: self.aggregated.map(|aggregated| Aggregated {
                series: owned(aggregated.series),
                places: aggregated.places,
                next_id: aggregated.next_id,
            }),
        }
    }

    /// Makes the aggregated series, or continues them.
    fn aggregate(&mut self, plan: &StreamPlan) {
        let (Some(aggregate), Some(aggregated)) = (plan.aggregate, &mut self.aggregated) else {
            return;
        };
        let mut groups: BTreeMap<Labels, Vec<&ItemSeries<'_>>> = BTreeMap::new();
        for member in &self.sources.series {
            if let Some(values) = plan.selection.starred_values(&member.labels) {
                groups.entry(values).or_default().push(member);
            }
        }
        for (labels, members) in groups {
            let place = aggregated.place(labels);
            extend_aggregate(&mut aggregated.series[place], aggregate, &members);
        }
    }
}

impl Stream<'static> {
    /// Whether a series that was fetched since comes at the interval at which it came before.
    pub(crate) fn keeps_interval(&self, plan: &StreamPlan, fetched: &FetchedSeries) -> bool {
        let by_rank = |series: &ItemSeries<'_>| rank(&series.labels).cmp(&rank(&fetched.labels));
        match self.sources.series.binary_search_by(by_rank) {
            Ok(index) => self.sources.series[index].gap_ms == gap_ms(plan.max_gap_ms, fetched.interval_ms),
            Err(_) => true,
        }
    }

    /// Takes in what was fetched since.
    pub(crate) fn extend(&mut self, plan: &StreamPlan, raw: &[RawSeries<'_>]) {
        for one in raw {
            self.sources.extend(plan, one);
        }
        self.aggregate(plan);
    }

    /// Forgets samples before a time, and series without any.
    pub(crate) fn drop_before(&mut self, time_ms: i64) {
        let mut newest = self.sources.newest.drain(..);
        let mut kept_newest = Vec::new();
        self.sources.series.retain_mut(|series| {
            series.drop_before(time_ms);
            let newest = newest.next().flatten();
            let is_kept = !series.times_ms.is_empty() || newest.is_some_and(|(at_ms, _)| at_ms >= time_ms);
            if is_kept {
                kept_newest.push(newest);
            }
            is_kept
        });
        drop(newest);
        self.sources.newest = kept_newest;
        if let Some(aggregated) = &mut self.aggregated {
            aggregated.series.retain_mut(|series| {
                series.drop_before(time_ms);
                !series.times_ms.is_empty()
            });
            let places = aggregated.series.iter().enumerate();
            aggregated.places = places
                .map(|(place, series)| (series.labels.clone().into_owned(), place))
                .collect();
        }
    }

    /// Memory in use, in bytes, about.
    pub(crate) fn bytes(&self) -> usize {
        let aggregated = self.aggregated.iter().flat_map(|aggregated| &aggregated.series);
        let all = self.sources.series.iter().chain(aggregated);
        all.map(ItemSeries::bytes).sum()
    }
}

impl Aggregated<'_> {
    /// Where the series of these labels stands; it is made if it is new.
    fn place(&mut self, labels: Labels) -> usize {
        if let Some(place) = self.places.get(&labels) {
            return *place;
        }
        let place = self.series.len();
        self.series.push(no_samples(self.next_id, labels.clone()));
        self.places.insert(labels, place);
        self.next_id += 1;
        place
    }
}

impl<'set> Sources<'set> {
    /// A series that is not there yet, behind all others.
    fn push(&mut self, plan: &StreamPlan, raw: &'set RawSeries<'set>) {
        let (times_ms, column) = match plan.transform {
            None => (
                Cow::Borrowed(raw.times_ms.as_ref()),
                raw.column.slice(0..raw.times_ms.len()),
            ),
            Some(transform) => {
                let gap_ms = gap_ms(plan.max_gap_ms, raw.interval_ms);
                let (times_ms, numbers) = differences(transform, None, raw, gap_ms);
                (Cow::Owned(times_ms), Column::Numbers(Cow::Owned(numbers)))
            }
        };
        self.series.push(ItemSeries {
            id: self.next_id,
            labels: Cow::Borrowed(raw.labels),
            gap_ms: gap_ms(plan.max_gap_ms, raw.interval_ms),
            gaps_ms: None,
            line_speaks_ms: (plan.kind == DataKind::Log).then_some(raw.interval_ms),
            is_exact: plan.selection.names_all_of(raw.labels),
            dropped: 0,
            times_ms,
            column,
        });
        self.newest.push(newest(plan, raw));
        self.next_id += 1;
    }
}

impl Sources<'static> {
    fn extend(&mut self, plan: &StreamPlan, raw: &RawSeries<'_>) {
        let by_rank = |series: &ItemSeries<'_>| rank(&series.labels).cmp(&rank(raw.labels));
        let index = match self.series.binary_search_by(by_rank) {
            Ok(index) => index,
            Err(index) => {
                let mut alone = Sources::default();
                alone.push(plan, raw);
                let series = alone.series.pop().map(ItemSeries::into_owned);
                if let Some(mut series) = series {
                    series.id = self.next_id;
                    self.next_id += 1;
                    self.series.insert(index, series);
                    self.newest.insert(index, newest(plan, raw));
                }
                return;
            }
        };
        let known = &mut self.series[index];
        known.gap_ms = gap_ms(plan.max_gap_ms, raw.interval_ms);
        match plan.transform {
            None => known.append(&raw.times_ms, &raw.column),
            Some(transform) => {
                let (times_ms, numbers) = differences(transform, self.newest[index], raw, known.gap_ms);
                known.append(&times_ms, &Column::Numbers(Cow::Owned(numbers)));
            }
        }
        self.newest[index] = newest(plan, raw).or(self.newest[index]);
    }
}

/// The newest sample, where the next one is compared with it.
fn newest(plan: &StreamPlan, raw: &RawSeries<'_>) -> Option<(i64, f64)> {
    plan.transform?;
    let last = raw.times_ms.len().checked_sub(1)?;
    Some((raw.times_ms[last], numbers(&raw.column)[last]))
}

/// What is no number is not a number.
fn numbers<'column>(column: &'column Column<'_>) -> Cow<'column, [f64]> {
    match column {
        Column::Numbers(numbers) => Cow::Borrowed(numbers),
        Column::Texts(texts) => {
            let number = |index| {
                let value = column.value(index).ok()?;
                value.number().map(|number| number.as_float())
            };
            (0..texts.len())
                .map(|index| number(index).unwrap_or(f64::NAN))
                .collect()
        }
    }
}

/// Differences of neighbouring samples not more than a gap apart. A transformed series has a sample wherever the raw one
/// has, but for those whose neighbour is missing or too old.
fn differences(
    transform: Transform,
    before: Option<(i64, f64)>,
    raw: &RawSeries<'_>,
    gap_ms: i64,
) -> (Vec<i64>, Vec<f64>) {
    let numbers = numbers(&raw.column);
    let mut times_ms = Vec::with_capacity(numbers.len());
    let mut values = Vec::with_capacity(numbers.len());
    let mut before = before;
    for (time_ms, number) in raw.times_ms.iter().zip(numbers.iter()) {
        if let Some((before_ms, earlier)) = before
            && time_ms.saturating_sub(before_ms) <= gap_ms
        {
            times_ms.push(*time_ms);
            values.push(difference(
                transform,
                earlier,
                *number,
                time_ms.saturating_sub(before_ms),
            ));
        }
        before = Some((*time_ms, *number));
    }
    (times_ms, values)
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

fn no_samples(id: u32, labels: Labels) -> ItemSeries<'static> {
    ItemSeries {
        id,
        labels: Cow::Owned(labels),
        gap_ms: 0,
        gaps_ms: None,
        line_speaks_ms: None,
        is_exact: true,
        dropped: 0,
        times_ms: Cow::Owned(Vec::new()),
        column: Column::Numbers(Cow::Owned(Vec::new())),
    }
}

/// Adds a sample at every later time stamp of any member: each member counts with its newest sample that is not too old.
fn extend_aggregate(series: &mut ItemSeries<'_>, aggregate: Aggregate, members: &[&ItemSeries<'_>]) {
    let done_ms = series.times_ms.last().copied();
    let is_new = |time_ms: &i64| done_ms.is_none_or(|done_ms| *time_ms > done_ms);
    let mut stamps: Vec<i64> = members
        .iter()
        .flat_map(|member| member.times_ms.iter().copied().filter(is_new))
        .collect();
    stamps.sort_unstable();
    stamps.dedup();
    let columns: Vec<Cow<'_, [f64]>> = members.iter().map(|member| numbers(&member.column)).collect();
    let mut seen: Vec<usize> = match stamps.first() {
        Some(first_ms) => members
            .iter()
            .map(|member| member.times_ms.partition_point(|time_ms| time_ms < first_ms))
            .collect(),
        None => return,
    };
    let mut values = Vec::with_capacity(stamps.len());
    let mut gaps_ms = Vec::with_capacity(stamps.len());
    let mut speaking = Vec::with_capacity(members.len());
    for stamp_ms in &stamps {
        speaking.clear();
        let mut gap_ms = 0;
        for (index, member) in members.iter().enumerate() {
            while seen[index] < member.times_ms.len() && member.times_ms[seen[index]] <= *stamp_ms {
                seen[index] += 1;
            }
            let newest = seen[index].checked_sub(1);
            let newest =
                newest.filter(|newest| member.times_ms[*newest] > stamp_ms.saturating_sub(member.gap_ms));
            if let Some(newest) = newest {
                speaking.push(columns[index][newest]);
                gap_ms = gap_ms.max(member.gap_ms);
            }
        }
        values.push(combined(aggregate, &speaking));
        gaps_ms.push(gap_ms);
    }
    note_gaps(series, gaps_ms);
    series.append(&stamps, &Column::Numbers(Cow::Owned(values)));
}

/// One gap for all samples as long as they agree.
fn note_gaps(series: &mut ItemSeries<'_>, gaps_ms: Vec<i64>) {
    if series.times_ms.is_empty() && series.gaps_ms.is_none() {
        series.gap_ms = gaps_ms[0];
    }
    if series.gaps_ms.is_none() && gaps_ms.iter().any(|gap_ms| *gap_ms != series.gap_ms) {
        series.gaps_ms = Some(vec![series.gap_ms; series.times_ms.len()]);
    }
    if let Some(known) = &mut series.gaps_ms {
        known.extend(gaps_ms);
    }
}

fn combined(aggregate: Aggregate, speaking: &[f64]) -> f64 {
    let has_not_finite = speaking.iter().any(|value| !value.is_finite());
    let count = speaking.len() as f64;
    match aggregate {
        Aggregate::Count => count,
        _ if has_not_finite => f64::NAN,
        Aggregate::Sum => exact_sum(speaking.iter().copied()),
        Aggregate::Avg => exact_sum(speaking.iter().copied()) / count,
        Aggregate::Min => speaking.iter().copied().fold(f64::INFINITY, f64::min),
        Aggregate::Max => speaking.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw<'set>(labels: &'set Labels, times_ms: &'set [i64], numbers: &'set [f64]) -> RawSeries<'set> {
        RawSeries {
            labels,
            interval_ms: 5_000,
            times_ms: Cow::Borrowed(times_ms),
            column: Column::Numbers(Cow::Borrowed(numbers)),
        }
    }

    fn plan(item: &str) -> StreamPlan {
        let item = serde_json::from_str(item).expect("a data item");
        StreamPlan {
            selector: 0,
            kind: DataKind::Kpi,
            selection: LabelSelection::of(&item),
            transform: item.transform,
            aggregate: item.aggregate,
            max_gap_ms: None,
            keep_ms: 0,
        }
    }

    fn samples(series: &ItemSeries<'_>) -> Vec<(i64, f64)> {
        let numbers = series.numbers().expect("numbers");
        series
            .times_ms
            .iter()
            .copied()
            .zip(numbers.iter().copied())
            .collect()
    }

    fn labels(device: &str) -> Labels {
        Labels::from([("device".to_owned(), device.to_owned())])
    }

    #[test]
    fn a_fall_is_a_restart_except_for_delta() {
        let none = Labels::new();
        let times_ms = [0, 10_000, 20_000, 60_000, 65_000];
        let numbers = [5.0, 25.0, 10.0, 40.0, 41.0];
        for (transform, expected) in [
            ("rate", [(10_000, 2.0), (20_000, 1.0), (65_000, 0.2)]),
            ("increase", [(10_000, 20.0), (20_000, 10.0), (65_000, 1.0)]),
            ("delta", [(10_000, 20.0), (20_000, -15.0), (65_000, 1.0)]),
        ] {
            let plan = plan(&format!(r#"{{"name":"m","transform":"{transform}"}}"#));
            let whole = [raw(&none, &times_ms, &numbers)];
            assert_eq!(samples(&Stream::of(&plan, &whole).series()[0]), expected);
            for cut in 0..times_ms.len() {
                let first = [raw(&none, &times_ms[..cut], &numbers[..cut])];
                let second = [raw(&none, &times_ms[cut..], &numbers[cut..])];
                let mut stream = Stream::of(&plan, &first).into_owned();
                stream.extend(&plan, &second);
                assert_eq!(samples(&stream.series()[0]), expected, "cut at {cut}");
            }
        }
    }

    #[test]
    fn members_count_as_long_as_they_speak() {
        let (a, b) = (labels("a"), labels("b"));
        let plan = plan(r#"{"name":"m","aggregate":"sum"}"#);
        // b is silent for longer than its gap of 15 s.
        let all = [
            raw(&a, &[0, 5_000, 10_000, 30_000], &[1.0, 2.0, 3.0, 4.0]),
            raw(&b, &[1_000, 29_000], &[10.0, 20.0]),
        ];
        let expected = [
            (0, 1.0),
            (1_000, 11.0),
            (5_000, 12.0),
            (10_000, 13.0),
            (29_000, 20.0),
            (30_000, 24.0),
        ];
        let stream = Stream::of(&plan, &all);
        assert_eq!(samples(&stream.series()[0]), expected);
        assert_eq!(stream.series().len(), 1);
        let first = [raw(&a, &[0, 5_000], &[1.0, 2.0]), raw(&b, &[1_000], &[10.0])];
        let second = [
            raw(&a, &[10_000, 30_000], &[3.0, 4.0]),
            raw(&b, &[29_000], &[20.0]),
        ];
        let mut stream = Stream::of(&plan, &first).into_owned();
        stream.extend(&plan, &second);
        assert_eq!(samples(&stream.series()[0]), expected);
        stream.drop_before(29_000);
        assert_eq!(samples(&stream.series()[0]), expected[4..]);
        assert_eq!(stream.series()[0].dropped, 4);
    }

    #[test]
    fn there_is_an_aggregate_for_each_value_of_a_star() {
        let (a, b) = (labels("a"), labels("b"));
        let all = [raw(&a, &[0], &[1.0]), raw(&b, &[0], &[2.0])];
        let plan = plan(r#"{"name":"m","label":{"device":"*"},"aggregate":"max"}"#);
        let stream = Stream::of(&plan, &all);
        let found: Vec<_> = stream.series().iter().map(samples).collect();
        assert_eq!(found, [[(0, 1.0)], [(0, 2.0)]]);
        assert_eq!(*stream.series()[1].labels, b);
    }

    #[test]
    fn series_come_and_go() {
        let (a, b, c) = (labels("a"), labels("b"), labels("c"));
        let plan = plan(r#"{"name":"m"}"#);
        let first = [raw(&a, &[0], &[1.0]), raw(&c, &[0], &[3.0])];
        let mut stream = Stream::of(&plan, &first).into_owned();
        stream.extend(&plan, &[raw(&b, &[10], &[2.0]), raw(&c, &[10], &[4.0])]);
        stream.drop_before(5);
        let ids: Vec<(u32, i64)> = stream
            .series()
            .iter()
            .map(|series| (series.id, series.times_ms[0]))
            .collect();
        assert_eq!(ids, [(2, 10), (1, 10)]);
    }

    #[test]
    fn what_is_no_number_spoils_all_but_the_count() {
        for (aggregate, is_nan) in [
            (Aggregate::Sum, true),
            (Aggregate::Avg, true),
            (Aggregate::Min, true),
            (Aggregate::Max, true),
            (Aggregate::Count, false),
        ] {
            assert_eq!(combined(aggregate, &[1.0, f64::NAN]).is_nan(), is_nan);
        }
        assert_eq!(combined(Aggregate::Avg, &[1.0, 2.0]), 1.5);
    }
}
