//! What to fetch for some rules and a window, and judging over it.

use std::collections::HashMap;
use std::sync::Arc;

use aops_api::finding::JudgedWindow;
use aops_api::rule::{Absent, Aggregate, DataKind, Transform};
use aops_api::series::{LabelMatcher, SeriesFetchAnswer, SeriesSelector};
use aops_api::{HostId, TimeRange};

use crate::host_state::HostState;
use crate::judge::{Case, Continuity, judge};
use crate::rule::Rule;
use crate::series_set::{HostSeries, SeriesSet};
use crate::stream::StreamPlan;

/// The series that some rules need to judge a window: one selector for equal ones of all rules, as far back as the most
/// demanding of them.
#[derive(Clone, Debug)]
pub struct FetchPlan {
    /// The rules as given.
    listed: Arc<[Arc<Rule>]>,
    rules: Vec<PlannedRule>,
    window: TimeRange,
    assumed_interval_ms: i64,
    selectors: Vec<SeriesSelector>,
    streams: Vec<StreamPlan>,
    /// By selector: whether a rule that reads it takes `max_gap` from the interval of the series.
    depends_on_interval: Vec<bool>,
}

#[derive(Clone, Debug)]
pub(crate) struct PlannedRule {
    pub(crate) rule: Arc<Rule>,
    /// One for each data item.
    pub(crate) selectors: Vec<usize>,
    /// One for each data item.
    pub(crate) streams: Vec<usize>,
}

/// What is fetched for an item.
type SelectorKey = (String, DataKind, Vec<LabelMatcher>);
/// What is made of it: the selector, whether all labels that are not named are starred, how series become others.
type StreamKey = (usize, bool, Option<Transform>, Option<Aggregate>, Option<i64>);

#[derive(Default)]
struct Known {
    selectors: HashMap<SelectorKey, usize>,
    streams: HashMap<StreamKey, usize>,
}

impl FetchPlan {
    /// Plans for series that are scraped every `assumed_interval_ms` or more often: the longest interval there is. What
    /// is scraped more seldom may be missed altogether, or be found and refused by [`FetchPlan::suffices`].
    pub fn new(rules: Vec<Arc<Rule>>, window: TimeRange, assumed_interval_ms: i64) -> Self {
        let mut plan = Self {
            listed: rules.iter().cloned().collect(),
            rules: Vec::with_capacity(rules.len()),
            window,
            assumed_interval_ms,
            selectors: Vec::new(),
            streams: Vec::new(),
            depends_on_interval: Vec::new(),
        };
        let mut known = Known::default();
        for rule in rules {
            let selectors: Vec<usize> = (0..rule.data.len())
                .map(|item| plan.selector(&rule, item, &mut known))
                .collect();
            let streams = (0..rule.data.len())
                .map(|item| plan.stream(&rule, item, selectors[item], &mut known))
                .collect();
            plan.rules.push(PlannedRule {
                rule,
                selectors,
                streams,
            });
        }
        plan
    }

    /// The index of the selector of an item, made or widened.
    fn selector(&mut self, rule: &Rule, item: usize, known: &mut Known) -> usize {
        let data = &rule.data[item];
        let matchers = data.selection.matchers();
        let look_back_ms = rule.item_look_back_ms(item, self.assumed_interval_ms);
        let start_ms = self.window.start_ms.saturating_sub(look_back_ms);
        let index = *known
            .selectors
            .entry((data.name.clone(), data.kind, matchers))
            .or_insert_with_key(|(name, kind, matchers)| {
                self.selectors.push(SeriesSelector {
                    name: name.clone(),
                    kind: *kind,
                    matchers: matchers.clone(),
                    range: TimeRange::new(start_ms, self.window.end_ms),
                    want_never_had: false,
                });
                self.depends_on_interval.push(false);
                self.selectors.len() - 1
            });
        let selector = &mut self.selectors[index];
        selector.range.start_ms = selector.range.start_ms.min(start_ms);
        // Silence is normal of a log that the host has.
        selector.want_never_had |= rule.absent == Absent::Ignore || data.is_log();
        self.depends_on_interval[index] |= rule.max_gap_ms.is_none();
        index
    }

    /// The index of the stream of an item, made or kept longer.
    fn stream(&mut self, rule: &Rule, item: usize, selector: usize, known: &mut Known) -> usize {
        let data = &rule.data[item];
        let key = (
            selector,
            data.selection.stars_every_other(),
            data.transform,
            data.aggregate,
            rule.max_gap_ms,
        );
        let index = *known.streams.entry(key).or_insert_with(|| {
            self.streams.push(StreamPlan {
                selector,
                kind: data.kind,
                selection: data.selection.clone(),
                transform: data.transform,
                aggregate: data.aggregate,
                max_gap_ms: rule.max_gap_ms,
                keep_ms: 0,
            });
            self.streams.len() - 1
        });
        let keep_ms = rule.item_look_back_ms(item, self.assumed_interval_ms);
        self.streams[index].keep_ms = self.streams[index].keep_ms.max(keep_ms);
        index
    }

    /// A plan for the same window that fetches only what is in it, for hosts of which all that was before is known.
    pub(crate) fn continued(&self) -> Self {
        let mut plan = self.clone();
        for selector in &mut plan.selectors {
            selector.range.start_ms = self.window.start_ms;
        }
        plan
    }

    /// What to fetch.
    pub fn selectors(&self) -> &[SeriesSelector] {
        &self.selectors
    }

    /// The rules, in the order in which they were given.
    pub fn rules(&self) -> impl ExactSizeIterator<Item = &Arc<Rule>> {
        self.rules.iter().map(|planned| &planned.rule)
    }

    /// The window that can be judged over what is fetched.
    pub fn window(&self) -> TimeRange {
        self.window
    }

    /// Whether the plan looked back far enough for the series that were fetched with it.
    ///
    /// # Errors
    /// The longest scrape interval found, in milliseconds, when it is longer than assumed: plan again with it.
    pub fn suffices(&self, answer: &SeriesFetchAnswer) -> Result<(), i64> {
        let depends = |selector: usize| self.depends_on_interval.get(selector) == Some(&true);
        let longest = answer
            .series
            .iter()
            .filter(|series| depends(series.selector))
            .map(|series| series.interval_ms)
            .max();
        match longest {
            Some(interval_ms) if interval_ms > self.assumed_interval_ms => Err(interval_ms),
            _ => Ok(()),
        }
    }

    /// Judges a rule, by its index, on one host over what was fetched with this plan. Of `window` only what lies in the
    /// window of the plan is judged.
    ///
    /// A selector that failed for the host leaves the window uncovered, with one `Internal error`. Of a rule without
    /// stars the label set judged is the empty one; of one with stars, those with a sample that spoke in the window. A
    /// rule with `absent: ignore` says nothing on a host that never had one of its series, and judges no label set.
    pub fn judge(
        &self,
        rule: usize,
        host_id: &HostId,
        set: &SeriesSet<'_>,
        window: TimeRange,
    ) -> JudgedWindow {
        let window = window.intersect(self.window);
        let judged = self.judge_in(&[rule], host_id, set, window);
        judged.into_iter().next().expect("one rule was given")
    }

    /// Judges some rules, by their indices, on one host in the window of the plan. What they have in common is computed
    /// once. One answer for each, in the order given.
    pub fn judge_all(&self, rules: &[usize], host_id: &HostId, set: &SeriesSet<'_>) -> Vec<JudgedWindow> {
        self.judge_in(rules, host_id, set, self.window)
    }

    fn judge_in(
        &self,
        rules: &[usize],
        host_id: &HostId,
        set: &SeriesSet<'_>,
        window: TimeRange,
    ) -> Vec<JudgedWindow> {
        let nothing = HostSeries::default();
        let host = set.host(host_id).unwrap_or(&nothing);
        let mut state = HostState::new(self.streams.len());
        for rule in rules {
            state.prepare(&self.rules[*rule].streams, &self.streams, host);
        }
        let visit = Visit {
            host_id,
            host,
            window,
            as_of_ms: set.as_of_ms(),
        };
        self.judge_over(rules, &visit, &mut state, Continuity::Alone)
    }

    /// Judges rules over prepared streams.
    pub(crate) fn judge_over(
        &self,
        rules: &[usize],
        visit: &Visit<'_, '_>,
        state: &mut HostState<'_>,
        continuity: Continuity,
    ) -> Vec<JudgedWindow> {
        // Those that look back furthest come first, so that windows that are shared only go forward.
        let mut order: Vec<usize> = (0..rules.len()).collect();
        order.sort_by_key(|place| std::cmp::Reverse(self.rules[rules[*place]].rule.hold_ms));
        let mut judged: Vec<Option<JudgedWindow>> = rules.iter().map(|_| None).collect();
        for place in order {
            let case = Case {
                number: rules[place],
                planned: &self.rules[rules[place]],
                host_id: visit.host_id,
                host: visit.host,
                window: visit.window,
                as_of_ms: visit.as_of_ms,
            };
            judged[place] = Some(judge(&case, state, continuity));
        }
        judged.into_iter().flatten().collect()
    }

    pub(crate) fn planned(&self, rule: usize) -> &PlannedRule {
        &self.rules[rule]
    }

    pub(crate) fn streams(&self) -> &[StreamPlan] {
        &self.streams
    }

    pub(crate) fn streams_of(&self, rules: &[usize]) -> Vec<usize> {
        let mut streams: Vec<usize> = rules
            .iter()
            .flat_map(|rule| self.rules[*rule].streams.iter().copied())
            .collect();
        streams.sort_unstable();
        streams.dedup();
        streams
    }

    pub(crate) fn listed(&self) -> Arc<[Arc<Rule>]> {
        Arc::clone(&self.listed)
    }

    pub(crate) fn assumed_interval_ms(&self) -> i64 {
        self.assumed_interval_ms
    }
}

/// A host, what was fetched for it, and when it is judged.
pub(crate) struct Visit<'work, 'set> {
    pub(crate) host_id: &'work HostId,
    pub(crate) host: &'work HostSeries<'set>,
    pub(crate) window: TimeRange,
    pub(crate) as_of_ms: i64,
}

#[cfg(test)]
mod tests {
    use aops_api::Labels;
    use aops_api::series::FetchedSeries;

    use super::*;

    fn rule(rule: &str) -> Arc<Rule> {
        let item = serde_json::from_str(rule).expect("a check item");
        Arc::new(Rule::compile(&item).expect("a good rule"))
    }

    fn rules() -> Vec<Arc<Rule>> {
        vec![
            rule(r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0>1"}"#),
            rule(r#"{"check_item":"b","data_list":[{"name":"m"},{"name":"n"}],"condition":"max(600s)>$1"}"#),
            rule(
                r#"{"check_item":"c","data_list":[{"name":"m","transform":"rate"}],"condition":"$0>1","absent":"ignore"}"#,
            ),
            rule(
                r#"{"check_item":"d","data_list":[{"name":"m","label":{"a":"1"}}],"condition":"$0>1","max_gap":"10s"}"#,
            ),
        ]
    }

    #[test]
    fn equal_selectors_are_one_with_the_longest_range() {
        let plan = FetchPlan::new(rules(), TimeRange::new(1_000_000, 1_060_000), 15_000);
        let selectors: Vec<(&str, usize, i64, bool)> = plan
            .selectors()
            .iter()
            .map(|selector| {
                assert_eq!(selector.range.end_ms, 1_060_000);
                let look_back_ms = 1_000_000 - selector.range.start_ms;
                let matchers = selector.matchers.len();
                (
                    selector.name.as_str(),
                    matchers,
                    look_back_ms,
                    selector.want_never_had,
                )
            })
            .collect();
        assert_eq!(
            selectors,
            [
                ("m", 0, 645_000, true),
                ("n", 0, 90_000, false),
                ("m", 1, 20_000, false)
            ]
        );
        assert_eq!(plan.rules().len(), 4);
        assert_eq!(plan.window().start_ms, 1_000_000);
    }

    #[test]
    fn a_longer_interval_than_assumed_is_told() {
        let plan = FetchPlan::new(rules(), TimeRange::new(1_000_000, 1_060_000), 15_000);
        let answer = |selector: usize, interval_ms: i64| SeriesFetchAnswer {
            series: vec![FetchedSeries {
                selector,
                host_id: HostId::from("h"),
                labels: Labels::new(),
                interval_ms,
                times_ms: vec![1],
                values: vec![1.0],
                texts: Vec::new(),
            }],
            ..SeriesFetchAnswer::default()
        };
        assert_eq!(plan.suffices(&answer(0, 15_000)), Ok(()));
        assert_eq!(plan.suffices(&answer(0, 60_000)), Err(60_000));
        // Its only rule says how old a sample may be.
        assert_eq!(plan.suffices(&answer(2, 60_000)), Ok(()));
    }
}
