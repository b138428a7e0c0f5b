//! What was fetched, by host and selector.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use aops_api::series::{FetchedSeries, SeriesFetchAnswer};
use aops_api::{HostId, Labels};

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
}

/// A series as the store has it.
pub(crate) struct RawSeries<'answer> {
    pub(crate) labels: &'answer Labels,
    pub(crate) interval_ms: i64,
    /// In order, no time twice.
    pub(crate) times_ms: Cow<'answer, [i64]>,
    pub(crate) values: Cow<'answer, [f64]>,
}

/// A series as a rule reads it: transformed, with the gap that the rule allows.
pub(crate) struct ItemSeries<'answer> {
    pub(crate) labels: &'answer Labels,
    /// A sample speaks for so long.
    pub(crate) gap_ms: i64,
    /// Whether it has no label but those that the item names.
    pub(crate) is_exact: bool,
    pub(crate) times_ms: Cow<'answer, [i64]>,
    pub(crate) values: Cow<'answer, [f64]>,
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
}

impl<'answer> RawSeries<'answer> {
    fn of(series: &'answer FetchedSeries) -> Self {
        let samples = series.times_ms.len().min(series.values.len());
        let times_ms = &series.times_ms[..samples];
        let values = &series.values[..samples];
        let is_ordered = times_ms.windows(2).all(|pair| pair[0] < pair[1]);
        let (times_ms, values) = if is_ordered {
            (Cow::Borrowed(times_ms), Cow::Borrowed(values))
        } else {
            in_order(times_ms, values)
        };
        Self {
            labels: &series.labels,
            interval_ms: series.interval_ms,
            times_ms,
            values,
        }
    }

    /// Of series that differ only in whose they are, the first by job and instance is read.
    fn rank(&self) -> (Option<&String>, Option<&String>, &Labels) {
        (self.labels.get("job"), self.labels.get("instance"), self.labels)
    }
}

/// What a store promised and did not keep: samples sorted, of equal time the last.
fn in_order<'answer>(times_ms: &[i64], values: &[f64]) -> (Cow<'answer, [i64]>, Cow<'answer, [f64]>) {
    let by_time: std::collections::BTreeMap<i64, f64> =
        times_ms.iter().copied().zip(values.iter().copied()).collect();
    let (times_ms, values): (Vec<i64>, Vec<f64>) = by_time.into_iter().unzip();
    (Cow::Owned(times_ms), Cow::Owned(values))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    static NO_LABELS: Labels = Labels::new();

    /// A series without labels.
    pub(crate) fn item_series(samples: &[(i64, f64)], gap_ms: i64) -> ItemSeries<'static> {
        ItemSeries {
            labels: &NO_LABELS,
            gap_ms,
            is_exact: true,
            times_ms: samples.iter().map(|(time_ms, _)| *time_ms).collect(),
            values: samples.iter().map(|(_, value)| *value).collect(),
        }
    }

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
        assert_eq!(series.values[..], [1.0, 2.0, 3.0]);
        assert!(host.series(0).is_empty());
        assert!(set.host(&HostId::from("other")).is_none());
    }
}
