//! What was fetched, by host and selector.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use aops_api::series::{FetchedSeries, SeriesFetchAnswer};
use aops_api::{HostId, Labels, TimeRange};

use crate::sample::Column;

/// A fetched answer, ordered once for all rules that are judged over it.
pub struct SeriesSet<'answer> {
    as_of_ms: i64,
    hosts: HashMap<&'answer str, HostSeries<'answer>>,
}

/// What was fetched for one host.
#[derive(Default)]
pub(crate) struct HostSeries<'answer> {
    by_selector: HashMap<usize, Vec<RawSeries<'answer>>>,
    failed: HashMap<usize, &'answer str>,
    never_had: HashSet<usize>,
    unheard: HashMap<usize, Vec<TimeRange>>,
}

/// A series as the store has it.
pub(crate) struct RawSeries<'answer> {
    pub(crate) labels: &'answer Labels,
    pub(crate) interval_ms: i64,
    /// In order, no time twice.
    pub(crate) times_ms: Cow<'answer, [i64]>,
    pub(crate) column: Column<'answer>,
}

impl<'answer> SeriesSet<'answer> {
    /// Groups an answer by host and selector.
    pub fn new(answer: &'answer SeriesFetchAnswer) -> Self {
        let mut hosts: HashMap<&str, HostSeries<'_>> = HashMap::new();
        for series in &answer.series {
            let host = hosts.entry(series.host_id.as_str()).or_default();
            let of_selector = host.by_selector.entry(series.selector).or_default();
            of_selector.push(RawSeries::of(series));
        }
        for failed in &answer.failed {
            let host = hosts.entry(failed.host_id.as_str()).or_default();
            host.failed.insert(failed.selector, &failed.reason);
        }
        for never_had in &answer.never_had {
            let host = hosts.entry(never_had.host_id.as_str()).or_default();
            host.never_had.insert(never_had.selector);
        }
        for unheard in &answer.unheard {
            let host = hosts.entry(unheard.host_id.as_str()).or_default();
            host.unheard
                .entry(unheard.selector)
                .or_default()
                .push(unheard.range);
        }
        let every_list = hosts.values_mut().flat_map(|host| host.by_selector.values_mut());
        for list in every_list {
            list.sort_by(|left, right| left.rank().cmp(&right.rank()));
        }
        Self {
            as_of_ms: answer.as_of_ms,
            hosts,
        }
    }

    /// The moment the series were read.
    pub fn as_of_ms(&self) -> i64 {
        self.as_of_ms
    }

    pub(crate) fn host(&self, host: &HostId) -> Option<&HostSeries<'answer>> {
        self.hosts.get(host.as_str())
    }
}

impl<'answer> HostSeries<'answer> {
    pub(crate) fn series(&self, selector: usize) -> &[RawSeries<'answer>] {
        self.by_selector.get(&selector).map_or(&[], Vec::as_slice)
    }

    /// Why a selector could not be read.
    pub(crate) fn failure(&self, selector: usize) -> Option<&'answer str> {
        self.failed.get(&selector).copied()
    }

    pub(crate) fn never_had(&self, selector: usize) -> bool {
        self.never_had.contains(&selector)
    }

    /// When the shipper of a log stream was not heard.
    pub(crate) fn unheard(&self, selector: usize) -> &[TimeRange] {
        self.unheard.get(&selector).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn has_failure(&self) -> bool {
        !self.failed.is_empty()
    }
}

impl<'answer> RawSeries<'answer> {
    fn of(series: &'answer FetchedSeries) -> Self {
        let is_text = !series.texts.is_empty();
        let values = if is_text {
            series.texts.len()
        } else {
            series.values.len()
        };
        let samples = series.times_ms.len().min(values);
        let times_ms = &series.times_ms[..samples];
        let is_ordered = times_ms.windows(2).all(|pair| pair[0] < pair[1]);
        let column = if is_text {
            Column::Texts(Cow::Borrowed(&series.texts[..samples]))
        } else {
            Column::Numbers(Cow::Borrowed(&series.values[..samples]))
        };
        let (times_ms, column) = if is_ordered {
            (Cow::Borrowed(times_ms), column)
        } else {
            in_order(times_ms, &column)
        };
        Self {
            labels: &series.labels,
            interval_ms: series.interval_ms,
            times_ms,
            column,
        }
    }

    /// Of series that differ only in whose they are, the first by job and instance is read.
    fn rank(&self) -> Rank<'_> {
        rank(self.labels)
    }
}

/// By job, then instance, then all labels.
pub(crate) type Rank<'labels> = (Option<&'labels String>, Option<&'labels String>, &'labels Labels);

/// The order of series that differ only in whose they are.
pub(crate) fn rank(labels: &Labels) -> Rank<'_> {
    (labels.get("job"), labels.get("instance"), labels)
}

/// What a store promised and did not keep: samples sorted, of equal time the last.
fn in_order<'answer>(times_ms: &[i64], column: &Column<'answer>) -> (Cow<'answer, [i64]>, Column<'answer>) {
    let last_at: BTreeMap<i64, usize> = times_ms.iter().copied().zip(0..).collect();
    let indices = last_at.values();
    let column = match column {
        Column::Numbers(numbers) => Column::Numbers(indices.map(|index| numbers[*index]).collect()),
        Column::Texts(texts) => Column::Texts(indices.map(|index| texts[*index].clone()).collect()),
    };
    (Cow::Owned(last_at.into_keys().collect()), column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_out_of_order_are_put_in_order() {
        let answer = SeriesFetchAnswer {
            series: vec![FetchedSeries {
                selector: 3,
                host_id: HostId::from("h"),
                labels: Labels::new(),
                interval_ms: 15_000,
                times_ms: vec![30, 10, 20, 10, 40],
                values: vec![3.0, 0.0, 2.0, 1.0],
                texts: Vec::new(),
            }],
            ..SeriesFetchAnswer::default()
        };
        let set = SeriesSet::new(&answer);
        let host = set.host(&HostId::from("h")).expect("the host");
        let series = &host.series(3)[0];
        assert_eq!(series.times_ms[..], [10, 20, 30]);
        let Column::Numbers(numbers) = &series.column else {
            panic!("numbers stay numbers");
        };
        assert_eq!(numbers[..], [1.0, 2.0, 3.0]);
        assert!(host.series(0).is_empty());
        assert!(set.host(&HostId::from("other")).is_none());
    }
}
