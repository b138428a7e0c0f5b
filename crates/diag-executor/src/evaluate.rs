//! Evaluates rules over the series where nothing is stored. What comes out is used, not saved.

use std::collections::BTreeMap;
use std::sync::Arc;

use aops_api::finding::{CoveredSpan, FindingQueryRequest, JudgedWindow};
use aops_api::series::{SeriesFetchAnswer, SeriesFetchRequest};
use aops_api::{EvaluationKey, HostId, TimeRange};
use aops_check_rule::{FetchPlan, Rule, SeriesSet};

use crate::Dependencies;
use crate::config::Config;
use crate::error::DiagExecutorError;
use crate::job::Job;
use crate::report::VerdictsByKey;
use crate::verdicts::Verdicts;

/// A rule and where it has to be evaluated.
#[derive(Clone, Debug)]
struct Hole {
    /// As the task pinned it: findings are stored under it.
    key: EvaluationKey,
    rule: Arc<Rule>,
    /// In order, not overlapping, not empty.
    ranges: Vec<TimeRange>,
}

/// Everything there is to know of the rules of a job: what is stored, what can be evaluated, what lies in the future.
pub(crate) async fn verdicts(
    job: &Job,
    config: &Config,
    dependencies: &Dependencies,
) -> Result<VerdictsByKey, DiagExecutorError> {
    let keys = job.keys();
    if keys.is_empty() {
        return Ok(VerdictsByKey::new());
    }
    let query = FindingQueryRequest {
        host_id: job.host_id.clone(),
        keys: keys.clone(),
        range: job.range,
    };
    let known = dependencies
        .data_center
        .query_findings(&query)
        .await
        .map_err(DiagExecutorError::data_center("reading findings"))?;
    let mut verdicts: VerdictsByKey = keys.into_iter().map(|key| (key, Verdicts::default())).collect();
    for known in known.keys {
        let key = known.key.clone();
        if let Some(slot) = verdicts.get_mut(&key) {
            *slot = Verdicts::stored(known, job.range);
        }
    }

    let now_ms = dependencies.clock.now_ms();
    let past = TimeRange::new(job.range.start_ms, job.range.end_ms.min(now_ms));
    let holes = holes(job, &verdicts, past);
    let mut evaluator = Evaluator {
        host_id: &job.host_id,
        dependencies,
        interval_ms: config.scrape_interval_ms,
    };
    for window in windows(&holes, config.fetch_window_ms) {
        for judged in evaluator.evaluate(&holes, window).await? {
            if let Some(slot) = verdicts.get_mut(&judged.key) {
                slot.add(judged.findings);
                slot.add_judged([CoveredSpan {
                    range: judged.window,
                    judged: judged.judged,
                }]);
            }
        }
    }
    for slot in verdicts.values_mut() {
        slot.add_future(job.range, now_ms);
        slot.join();
    }
    Ok(verdicts)
}

/// What of the past has to be evaluated: one element for each key that has holes.
fn holes(job: &Job, verdicts: &VerdictsByKey, past: TimeRange) -> Vec<Hole> {
    let mut holes: BTreeMap<&EvaluationKey, Hole> = BTreeMap::new();
    for rule in &job.rules {
        let Some(known) = verdicts.get(&rule.key) else {
            continue;
        };
        let ranges = known.uncovered(past);
        if !ranges.is_empty() {
            holes.entry(&rule.key).or_insert_with(|| Hole {
                key: rule.key.clone(),
                rule: rule.rule.clone(),
                ranges,
            });
        }
    }
    holes.into_values().collect()
}

/// Windows of limited length that hold all holes: one fetch each. A stretch without a hole is left out only where it
/// reaches beyond the limit; a shorter one lies inside a window.
fn windows(holes: &[Hole], longest_ms: i64) -> Vec<TimeRange> {
    let mut ranges: Vec<TimeRange> = holes
        .iter()
        .flat_map(|hole| hole.ranges.iter().copied())
        .collect();
    ranges.sort();
    let mut windows: Vec<TimeRange> = Vec::new();
    for range in ranges {
        let mut start_ms = windows
            .last()
            .map_or(range.start_ms, |last| range.start_ms.max(last.end_ms));
        // The last window is stretched before another is begun.
        if let Some(last) = windows.last_mut() {
            let limit_ms = last.start_ms.saturating_add(longest_ms);
            if start_ms < limit_ms && start_ms < range.end_ms {
                last.end_ms = range.end_ms.min(limit_ms);
                start_ms = last.end_ms;
            }
        }
        while start_ms < range.end_ms {
            let end_ms = range.end_ms.min(start_ms.saturating_add(longest_ms));
            windows.push(TimeRange::new(start_ms, end_ms));
            start_ms = end_ms;
        }
    }
    windows
}

struct Evaluator<'job> {
    host_id: &'job HostId,
    dependencies: &'job Dependencies,
    /// The longest scrape interval known so far.
    interval_ms: i64,
}

impl Evaluator<'_> {
    /// Evaluates the holes that lie in a window.
    async fn evaluate(
        &mut self,
        holes: &[Hole],
        window: TimeRange,
    ) -> Result<Vec<JudgedWindow>, DiagExecutorError> {
        let inside: Vec<Hole> = holes.iter().filter_map(|hole| hole.inside(window)).collect();
        let rules = inside.iter().map(|hole| hole.rule.clone()).collect();
        let (plan, answer) = self.fetch(rules, window).await?;
        let host_id = self.host_id.clone();
        // Long enough to be in the way of the requests that this process answers.
        tokio::task::spawn_blocking(move || judge(&plan, &answer, &inside, &host_id))
            .await
            .map_err(DiagExecutorError::Panicked)
    }

    /// Fetches what the rules need. How far they look back depends on how often the series are scraped, which comes with
    /// the series: when one is scraped more seldom than was assumed, it is planned again.
    async fn fetch(
        &mut self,
        rules: Vec<Arc<Rule>>,
        window: TimeRange,
    ) -> Result<(FetchPlan, SeriesFetchAnswer), DiagExecutorError> {
        loop {
            let plan = FetchPlan::new(rules.clone(), window, self.interval_ms);
            let request = SeriesFetchRequest {
                hosts: vec![self.host_id.clone()],
                selectors: plan.selectors().to_vec(),
            };
            let answer = self
                .dependencies
                .data_center
                .fetch_series(&request)
                .await
                .map_err(DiagExecutorError::data_center("fetching series"))?;
            match plan.suffices(&answer) {
                Ok(()) => return Ok((plan, answer)),
                // Longer each time, and there are as many intervals as there are jobs: this ends.
                Err(longer_ms) => self.interval_ms = longer_ms,
            }
        }
    }
}

impl Hole {
    /// What of the hole lies in a window.
    fn inside(&self, window: TimeRange) -> Option<Hole> {
        let parts = self.ranges.iter().map(|range| range.intersect(window));
        let ranges: Vec<TimeRange> = parts.filter(|part| !part.is_empty()).collect();
        (!ranges.is_empty()).then(|| Hole {
            ranges,
            ..self.clone()
        })
    }
}

/// Series that could not be read are an internal error here, as they are where findings are stored without coverage.
fn judge(
    plan: &FetchPlan,
    answer: &SeriesFetchAnswer,
    holes: &[Hole],
    host_id: &HostId,
) -> Vec<JudgedWindow> {
    let series = SeriesSet::new(answer);
    let mut judged = Vec::with_capacity(holes.len());
    for (index, hole) in holes.iter().enumerate() {
        for range in &hole.ranges {
            judged.push(JudgedWindow {
                key: hole.key.clone(),
                ..plan.judge(index, host_id, &series, *range)
            });
        }
    }
    judged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::job::tests::{job, task};

    fn hole(ranges: &[(i64, i64)]) -> Hole {
        let owned = task(|_| ());
        let job = job(&owned, TimeRange::new(0, 100), 10);
        Hole {
            key: job.rules[0].key.clone(),
            rule: job.rules[0].rule.clone(),
            ranges: ranges
                .iter()
                .map(|(start, end)| TimeRange::new(*start, *end))
                .collect(),
        }
    }

    #[test]
    fn near_holes_share_a_fetch_and_far_ones_do_not() {
        let windows = |holes: &[Hole], longest_ms| -> Vec<(i64, i64)> {
            let windows = windows(holes, longest_ms);
            windows
                .iter()
                .map(|window| (window.start_ms, window.end_ms))
                .collect()
        };
        assert_eq!(windows(&[], 10), []);
        let near = [hole(&[(0, 4), (6, 8)]), hole(&[(2, 10)])];
        assert_eq!(windows(&near, 10), [(0, 10)]);
        assert_eq!(windows(&near, 5), [(0, 5), (5, 10)]);
        let far = [hole(&[(0, 4), (1_000, 1_004)])];
        assert_eq!(windows(&far, 10), [(0, 4), (1_000, 1_004)]);
        assert_eq!(windows(&[hole(&[(0, 25)])], 10), [(0, 10), (10, 20), (20, 25)]);
    }

    #[test]
    fn only_the_past_has_holes_and_equal_rules_have_them_once() {
        let owned = task(|task| task["rules"][1]["key"] = serde_json::json!("k1"));
        let job = job(&owned, TimeRange::new(0, 100), 10);
        let none = VerdictsByKey::from([(EvaluationKey::from("k1"), Verdicts::default())]);
        let found = holes(&job, &none, TimeRange::new(0, 60));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].ranges, [TimeRange::new(0, 60)]);
        assert!(holes(&job, &none, TimeRange::new(0, -5)).is_empty());
    }

    proptest! {
        #[test]
        fn windows_hold_all_holes_once_and_keep_to_the_limit(
            starts in prop::collection::btree_set(0_i64..500, 0..20), length_ms in 1_i64..60, longest_ms in 1_i64..80,
        ) {
            let holes: Vec<Hole> = starts.iter().map(|start| hole(&[(*start, start + length_ms)])).collect();
            let windows = windows(&holes, longest_ms);
            for pair in windows.windows(2) {
                prop_assert!(pair[0].end_ms <= pair[1].start_ms);
            }
            for window in &windows {
                prop_assert!(!window.is_empty() && window.duration_ms() <= longest_ms);
            }
            for hole in &holes {
                let inside: i64 = windows.iter().map(|window| window.intersect(hole.ranges[0]).duration_ms()).sum();
                prop_assert_eq!(inside, length_ms);
            }
        }
    }
}
