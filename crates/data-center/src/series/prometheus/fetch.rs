//! One request: its questions, asked of the hosts in pieces, side by side; what comes back, given to the selectors.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aops_api::rule::DataKind;
use aops_api::series::{
    FailedFetch, FetchedSeries, NeverHad, SeriesFetchAnswer, SeriesFetchRequest, SeriesSelector,
};
use aops_api::{HostId, Labels, Shard};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::ask::{AskError, Failure};
use super::plan::{Question, pieces, questions};
use super::promql::{Condition, selector};
use super::reading::{Read, Reading};
use super::whose::Whose;
use super::{Shared, presence};
use crate::series::matching::Matcher;
use crate::series::{JOB, JobIntervals, METRIC_NAME};

/// A request, ready to be answered.
pub(super) struct Fetch {
    pub(super) shared: Arc<Shared>,
    pub(super) deadline: Instant,
    pub(super) hosts: Vec<HostId>,
    pub(super) selectors: Vec<Prepared>,
    /// Samples that were read and are held.
    pub(super) held: AtomicU64,
}

/// A selector and its conditions; or why it is none.
pub(super) struct Prepared {
    pub(super) selector: SeriesSelector,
    pub(super) matchers: Result<Vec<Matcher>, String>,
}

impl Prepared {
    fn new(selector: &SeriesSelector) -> Self {
        Self {
            matchers: selector.matchers.iter().map(Matcher::new).collect(),
            selector: selector.clone(),
        }
    }

    pub(super) fn matches(&self, host_id: &HostId, labels: &Labels) -> bool {
        let name = &self.selector.name;
        let matches = |matchers: &Vec<Matcher>| {
            matchers
                .iter()
                .all(|matcher| matcher.matches(host_id, name, labels))
        };
        self.matchers.as_ref().is_ok_and(matches)
    }
}

/// A question to the server about some hosts.
#[derive(Clone)]
pub(super) struct Query {
    pub(super) question: Arc<Question>,
    pub(super) whose: Whose,
}

/// What became of the selectors so far.
#[derive(Default)]
struct Outcome {
    series: Vec<BTreeMap<(HostId, Labels), FetchedSeries>>,
    failed: BTreeMap<(usize, HostId), String>,
    /// Which hosts have a series that matches, in the range or near it.
    seen: HashSet<(usize, HostId)>,
}

impl Fetch {
    pub(super) fn new(shared: Arc<Shared>, request: &SeriesFetchRequest, deadline: Instant) -> Self {
        let hosts: BTreeSet<HostId> = request.hosts.iter().cloned().collect();
        Self {
            deadline,
            hosts: hosts.into_iter().collect(),
            selectors: request.selectors.iter().map(Prepared::new).collect(),
            held: AtomicU64::new(0),
            shared,
        }
    }

    pub(super) async fn answer(self, now_ms: i64) -> SeriesFetchAnswer {
        let fetch = Arc::new(self);
        let mut outcome = Outcome {
            series: fetch.selectors.iter().map(|_| BTreeMap::new()).collect(),
            ..Outcome::default()
        };
        fetch.refuse_bad_selectors(&mut outcome);
        let mut never_had = Vec::new();
        if fetch.has_work() {
            match fetch.prepare().await {
                Ok((intervals, by_instance)) => {
                    let read = Arc::clone(&fetch).ask_all(&by_instance, &mut outcome).await;
                    fetch.give_out(read, &intervals, &mut outcome);
                    never_had =
                        presence::never_had(&fetch, &by_instance, &outcome.seen, &mut outcome.failed).await;
                }
                Err(reason) => {
                    for number in 0..fetch.selectors.len() {
                        if fetch.is_asked(number) {
                            fetch.fail(number, &fetch.hosts, &reason, &mut outcome.failed);
                        }
                    }
                }
            }
        }
        never_had.extend(fetch.hosts_without_logs());
        outcome.into_answer(now_ms, never_had)
    }

    fn refuse_bad_selectors(&self, outcome: &mut Outcome) {
        for (number, prepared) in self.selectors.iter().enumerate() {
            if let Err(reason) = &prepared.matchers {
                self.fail(number, &self.hosts, reason, &mut outcome.failed);
            }
        }
    }

    fn fail(
        &self,
        number: usize,
        hosts: &[HostId],
        reason: &str,
        failed: &mut BTreeMap<(usize, HostId), String>,
    ) {
        for host_id in hosts {
            let key = (number, host_id.clone());
            failed.entry(key).or_insert_with(|| reason.to_owned());
        }
    }

    /// Whether a selector is one for this store.
    pub(super) fn is_asked(&self, number: usize) -> bool {
        let prepared = &self.selectors[number];
        prepared.selector.kind == DataKind::Kpi && prepared.matchers.is_ok()
    }

    fn has_work(&self) -> bool {
        !self.hosts.is_empty() && (0..self.selectors.len()).any(|number| self.is_asked(number))
    }

    /// What must be known before: how often jobs are scraped, and whose series have no host.
    async fn prepare(&self) -> Result<(JobIntervals, Vec<(String, HostId)>), String> {
        let shared = &self.shared;
        let intervals = shared.intervals.current(&shared.asker, self.deadline);
        let owners = async {
            match &shared.owners {
                Some(owners) => {
                    owners
                        .by_instance(&self.hosts, &shared.asker, self.deadline)
                        .await
                }
                None => Ok(Vec::new()),
            }
        };
        let (intervals, owners) = tokio::join!(intervals, owners);
        Ok((intervals?, owners?))
    }

    fn questions(&self) -> Vec<Question> {
        let asked: Vec<(usize, &SeriesSelector)> = (0..self.selectors.len())
            .filter(|number| self.is_asked(*number))
            .map(|number| (number, &self.selectors[number].selector))
            .collect();
        questions(&asked)
    }

    /// The hosts in pieces that fit into one query beside so many bytes.
    pub(super) fn whose(
        &self,
        hosts: &[HostId],
        by_instance: &[(String, HostId)],
        bytes: usize,
    ) -> Vec<Whose> {
        let config = &self.shared.config;
        let left = config.maximum_query_bytes.saturating_sub(bytes);
        let maximum = config.maximum_hosts_per_query;
        // With quotes and escapes.
        let size = |text: &str| text.len() + 8;
        let mut shards: BTreeMap<Option<Shard>, Vec<HostId>> = BTreeMap::new();
        for host_id in hosts {
            let shard = config.shard_label.as_ref().map(|_| Shard::of(host_id));
            shards.entry(shard).or_default().push(host_id.clone());
        }
        let mut whose: Vec<Whose> = shards
            .into_values()
            .flat_map(|hosts| pieces(hosts, maximum, left, |host_id| size(host_id.as_str())))
            .map(Whose::Host)
            .collect();
        let wanted: HashSet<&HostId> = hosts.iter().collect();
        let instances: Vec<(String, HostId)> = by_instance
            .iter()
            .filter(|(_, host_id)| wanted.contains(host_id))
            .cloned()
            .collect();
        let instances = pieces(instances, maximum, left, |(address, _)| size(address));
        whose.extend(instances.into_iter().map(Whose::Instance));
        whose
    }

    /// Asks all questions. What cannot be read is in `outcome` then.
    async fn ask_all(self: Arc<Self>, by_instance: &[(String, HostId)], outcome: &mut Outcome) -> Vec<Read> {
        let mut running = JoinSet::new();
        for question in self.questions() {
            let question = Arc::new(question);
            let bytes = selector(&question.conditions).len() + question.name.len();
            for whose in self.whose(&self.hosts, by_instance, bytes) {
                let query = Query {
                    question: Arc::clone(&question),
                    whose,
                };
                running.spawn(Arc::clone(&self).ask(query));
            }
        }
        let mut read = Vec::new();
        while let Some(ended) = running.join_next().await {
            // A task that panicked is a defect; it is told as such, not passed over.
            let (query, result) = ended.expect("a query does not panic");
            match result {
                Ok(mut series) => read.append(&mut series),
                Err(error) => {
                    let smaller = match error.kind {
                        Failure::TooMuch => self.smaller(&query),
                        Failure::Away | Failure::Partial | Failure::Refused => Vec::new(),
                    };
                    if smaller.is_empty() {
                        let hosts = query.whose.hosts();
                        for number in &query.question.selectors {
                            self.fail(*number, &hosts, &error.reason, &mut outcome.failed);
                        }
                    }
                    for query in smaller {
                        running.spawn(Arc::clone(&self).ask(query));
                    }
                }
            }
        }
        read
    }

    /// Half of the hosts each; of one host, selector by selector; of one selector, nothing.
    fn smaller(&self, query: &Query) -> Vec<Query> {
        if let Some(halves) = query.whose.halves() {
            let half = |whose| Query {
                question: Arc::clone(&query.question),
                whose,
            };
            return halves.map(half).into();
        }
        if query.question.selectors.len() == 1 {
            return Vec::new();
        }
        let alone = |number: &usize| Question::of(*number, &self.selectors[*number].selector);
        let alone = query.question.selectors.iter().filter_map(alone);
        alone
            .map(|question| Query {
                question: Arc::new(question),
                whose: query.whose.clone(),
            })
            .collect()
    }

    async fn ask(self: Arc<Self>, query: Query) -> (Query, Result<Vec<Read>, AskError>) {
        let mut reading = Reading::new(&self, &query);
        let range = query.question.range;
        // Up to the last moment of the range, and one before its first: so it is whole whether the server takes the
        // first moment as in (Prometheus 2) or out (Prometheus 3, VictoriaMetrics).
        let text = format!(
            "{}[{}ms]",
            selector(&query.conditions(&self)),
            range.duration_ms()
        );
        let outcome = self
            .shared
            .asker
            .samples(&text, range.end_ms - 1, self.deadline, &mut |element, flavour| {
                reading.take(element, flavour)
            })
            .await;
        let result = match outcome {
            Ok(()) => Ok(std::mem::take(&mut reading.series)),
            Err(error) => {
                self.held.fetch_sub(reading.samples, Ordering::Relaxed);
                Err(error)
            }
        };
        drop(reading);
        (query, result)
    }

    /// Gives each selector what it asked for, in their order, as long as the limits hold.
    fn give_out(&self, read: Vec<Read>, intervals: &JobIntervals, outcome: &mut Outcome) {
        let mut by_selector: Vec<Vec<&Read>> = self.selectors.iter().map(|_| Vec::new()).collect();
        for series in &read {
            for number in &series.question.selectors {
                if self.selectors[*number].matches(&series.host_id, &series.labels) {
                    outcome.seen.insert((*number, series.host_id.clone()));
                    by_selector[*number].push(series);
                }
            }
        }
        let options = &self.shared.options;
        let mut left = options.maximum_samples_per_answer;
        for (number, series) in by_selector.into_iter().enumerate() {
            let range = self.selectors[number].selector.range;
            let slices: Vec<Slice<'_>> = series
                .into_iter()
                .filter(|series| !outcome.failed.contains_key(&(number, series.host_id.clone())))
                .filter_map(|series| Slice::of(series, range))
                .collect();
            let found: u64 = slices.iter().map(|slice| slice.times_ms.len() as u64).sum();
            if let Err(reason) = options.check_samples(found, left) {
                self.fail(number, &self.hosts, &reason, &mut outcome.failed);
                continue;
            }
            left -= found;
            for slice in slices {
                slice.add_to(&mut outcome.series[number], number, intervals);
            }
        }
    }

    /// This store keeps no logs: no host has ever had a stream.
    fn hosts_without_logs(&self) -> Vec<NeverHad> {
        let asks = |prepared: &Prepared| {
            prepared.selector.kind == DataKind::Log
                && prepared.selector.want_never_had
                && prepared.matchers.is_ok()
        };
        let selectors = self
            .selectors
            .iter()
            .enumerate()
            .filter(|(_, prepared)| asks(prepared));
        selectors
            .flat_map(|(selector, _)| {
                self.hosts.iter().map(move |host_id| NeverHad {
                    selector,
                    host_id: host_id.clone(),
                })
            })
            .collect()
    }
}

impl Query {
    fn conditions(&self, fetch: &Fetch) -> Vec<Condition> {
        let mut conditions = vec![Condition::one_of(METRIC_NAME, [self.question.name.as_str()])];
        conditions.extend(self.question.conditions.iter().cloned());
        conditions.extend(self.whose.conditions(fetch.shared.config.shard_label.as_deref()));
        conditions
    }
}

/// The samples of a series in the range of a selector.
struct Slice<'read> {
    series: &'read Read,
    times_ms: &'read [i64],
    values: &'read [f64],
}

impl<'read> Slice<'read> {
    fn of(series: &'read Read, range: aops_api::TimeRange) -> Option<Self> {
        let start = series
            .times_ms
            .partition_point(|time_ms| *time_ms < range.start_ms);
        let end = series.times_ms.partition_point(|time_ms| *time_ms < range.end_ms);
        (start < end).then(|| Self {
            series,
            times_ms: &series.times_ms[start..end],
            values: &series.values[start..end],
        })
    }

    /// A series that is there twice, with and without `host_id`, is one.
    fn add_to(
        self,
        series: &mut BTreeMap<(HostId, Labels), FetchedSeries>,
        selector: usize,
        intervals: &JobIntervals,
    ) {
        let Read { host_id, labels, .. } = self.series;
        let key = (host_id.clone(), labels.clone());
        if let Some(other) = series.get_mut(&key) {
            merge(other, self.times_ms, self.values);
            return;
        }
        let job = labels.get(JOB).map_or("", String::as_str);
        let fetched = FetchedSeries {
            selector,
            host_id: host_id.clone(),
            labels: labels.clone(),
            interval_ms: intervals.of(job),
            times_ms: self.times_ms.to_vec(),
            values: self.values.to_vec(),
            texts: Vec::new(),
        };
        series.insert(key, fetched);
    }
}

/// Adds samples; of equal times those that are there stay.
fn merge(series: &mut FetchedSeries, times_ms: &[i64], values: &[f64]) {
    let own = series.times_ms.iter().copied().zip(series.values.iter().copied());
    let mut all: BTreeMap<i64, f64> = times_ms.iter().copied().zip(values.iter().copied()).collect();
    all.extend(own);
    (series.times_ms, series.values) = all.into_iter().unzip();
}

impl Outcome {
    fn into_answer(self, now_ms: i64, never_had: Vec<NeverHad>) -> SeriesFetchAnswer {
        let failed = self.failed;
        let is_whole =
            |series: &FetchedSeries| !failed.contains_key(&(series.selector, series.host_id.clone()));
        let series = self.series.into_iter().flat_map(BTreeMap::into_values);
        let series = series.filter(is_whole).collect();
        let fail = |((selector, host_id), reason): ((usize, HostId), String)| FailedFetch {
            selector,
            host_id,
            reason,
        };
        SeriesFetchAnswer {
            as_of_ms: now_ms,
            series,
            failed: failed.into_iter().map(fail).collect(),
            never_had,
            unheard: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_twice_is_one() {
        let mut series = FetchedSeries {
            selector: 0,
            host_id: HostId::from("h"),
            labels: Labels::new(),
            interval_ms: 1,
            times_ms: vec![2, 4],
            values: vec![2.0, 4.0],
            texts: Vec::new(),
        };
        merge(&mut series, &[1, 2, 5], &[10.0, 20.0, 50.0]);
        assert_eq!(series.times_ms, [1, 2, 4, 5]);
        assert_eq!(series.values, [10.0, 2.0, 4.0, 50.0]);
    }
}
