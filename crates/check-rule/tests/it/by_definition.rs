//! A slow evaluator written from the definitions, over the whole world and without a window; the fast one must agree.

mod expression;
mod function;
mod series;

pub(crate) use function::exact_sum;

use std::collections::{BTreeMap, BTreeSet};

use aops_api::finding::{Finding, FindingValue, JudgedWindow};
use aops_api::rule::{Absent, CheckItem, DataKind, LabelValue};
use aops_api::{Labels, TimeRange};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::by_definition::expression::Reading;
use crate::by_definition::series::{Series, WHOSE, measured, of_item, starred};
use crate::random::{LONGEST_INTERVAL_MS, RandomRule, instant, rule, window, world};
use crate::tree::Node;
use crate::world::{World, compile};

struct Definition<'a> {
    item: CheckItem,
    condition: &'a Node,
    /// By data item: its series, transformed and aggregated.
    series: Vec<Vec<Series>>,
    /// By data item: when its shipper was not heard.
    unheard: Vec<Vec<TimeRange>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    True,
    False,
    NoData,
    Error,
}

/// A label set's sample of `$0`.
struct MainSample {
    time_ms: i64,
    gap_ms: i64,
    /// For how long its verdict holds.
    speaks_ms: i64,
}

/// What is said of a label set at an instant.
#[derive(Debug, PartialEq)]
enum State {
    /// The verdict at a sample.
    Decided(Verdict, i64),
    /// Nothing was logged, and that is known: normal.
    Silent,
    /// It is not known what was logged.
    Unheard,
    /// There is no label set any more.
    Forgotten,
}

impl<'a> Definition<'a> {
    fn new(rule: &'a RandomRule, world: &'a World) -> Self {
        let item: CheckItem = serde_json::from_str(&rule.text).expect("a check item");
        let data = item.data_list.iter();
        let series = data.clone().map(|data| of_item(&item, data, world)).collect();
        let unheard = data
            .map(|data| {
                let meant = world
                    .unheard
                    .iter()
                    .filter(|(name, _)| data.kind == DataKind::Log && *name == data.name);
                meant.map(|(_, range)| *range).collect()
            })
            .collect();
        Self {
            item,
            condition: &rule.condition,
            series,
            unheard,
        }
    }

    fn is_let_be(&self) -> bool {
        self.item.absent == Some(Absent::Ignore) && self.series.iter().any(Vec::is_empty)
    }

    fn is_log(&self) -> bool {
        self.item.data_list[0].kind == DataKind::Log
    }

    fn is_unheard(&self, item: usize, t: i64) -> bool {
        self.unheard[item].iter().any(|range| range.contains(t))
    }

    fn label_sets(&self) -> BTreeSet<Labels> {
        let main = &self.item.data_list[0];
        self.series[0]
            .iter()
            .map(|series| starred(main, &series.labels))
            .collect()
    }

    /// The series of an item for a label set: those with equal values of the labels that the item stars.
    fn candidates(&self, item: usize, label_set: &Labels) -> Vec<&Series> {
        let data = &self.item.data_list[item];
        let stars_all = data.label.contains_key("*");
        // Those of the label set that this item stars as well.
        let mut wanted = label_set.clone();
        wanted.retain(|name, _| data.label.get(name).is_none_or(LabelValue::is_starred));
        self.series[item]
            .iter()
            .filter(|series| {
                let own = starred(data, &series.labels);
                if stars_all {
                    return own == wanted;
                }
                own.iter().all(|(name, value)| label_set.get(name) == Some(value))
            })
            .collect()
    }

    /// The series of an item that is read at `t`; none, or more than one when it cannot be said which.
    fn read_at(&self, item: usize, label_set: &Labels, t: i64) -> Vec<&Series> {
        let named = &self.item.data_list[item].label;
        let mut speaking = self.candidates(item, label_set);
        if self.item.data_list[item].kind == DataKind::Log {
            // Silence is a value. In these worlds a stream is one series.
            return speaking;
        }
        speaking.retain(|series| series.speaking(t).is_some());
        let is_exact = |series: &&Series| {
            let mut names = series
                .labels
                .keys()
                .filter(|name| !WHOSE.contains(&name.as_str()));
            names.all(|name| named.contains_key(name))
        };
        if speaking.iter().any(is_exact) {
            speaking.retain(is_exact);
        }
        let measures: BTreeSet<Labels> = speaking.iter().map(|series| measured(&series.labels)).collect();
        if measures.len() == 1 {
            // Jobs are equal in these worlds.
            speaking.sort_by_key(|series| series.labels.get("instance"));
            speaking.truncate(1);
        }
        speaking
    }

    fn main_samples(&self, label_set: &Labels) -> Vec<MainSample> {
        let candidates = self.candidates(0, label_set);
        let times: BTreeSet<i64> = candidates.iter().flat_map(|series| series.times_ms()).collect();
        times
            .into_iter()
            .filter_map(|time_ms| {
                let read = self.read_at(0, label_set, time_ms);
                let sampled: Vec<_> = read
                    .iter()
                    .filter_map(|series| Some((series.at(time_ms)?.gap_ms, series.interval_ms)))
                    .collect();
                let gap_ms = sampled.iter().map(|(gap_ms, _)| *gap_ms).max()?;
                let interval_ms = sampled.iter().map(|(_, interval_ms)| *interval_ms).max()?;
                Some(MainSample {
                    time_ms,
                    gap_ms,
                    speaks_ms: if self.is_log() { interval_ms } else { gap_ms },
                })
            })
            .collect()
    }

    fn verdict(&self, label_set: &Labels, t: i64) -> Verdict {
        let items = 0..self.series.len();
        if items.clone().skip(1).any(|item| self.is_unheard(item, t)) {
            return Verdict::NoData;
        }
        let read: Vec<Vec<&Series>> = items.map(|item| self.read_at(item, label_set, t)).collect();
        if read.iter().any(Vec::is_empty) {
            return Verdict::NoData;
        }
        if read.iter().any(|series| series.len() > 1) {
            return Verdict::Error;
        }
        let reading = Reading {
            series: read.into_iter().map(|series| series[0]).collect(),
            time_ms: t,
        };
        match reading.value(self.condition) {
            Err(_) => Verdict::Error,
            Ok(value) if value.is_truthy() => Verdict::True,
            Ok(_) => Verdict::False,
        }
    }

    fn state(&self, label_set: &Labels, samples: &[MainSample], u: i64) -> State {
        let newest = samples.iter().rposition(|sample| sample.time_ms <= u);
        let speaking = newest.filter(|newest| samples[*newest].time_ms > u - samples[*newest].speaks_ms);
        match speaking {
            Some(newest) => self.decided(label_set, &samples[..=newest]),
            None if !self.is_log() => State::Forgotten,
            None if self.is_unheard(0, u) => State::Unheard,
            None => State::Silent,
        }
    }

    /// The verdict at the last of some samples, unless it must have held for longer.
    fn decided(&self, label_set: &Labels, samples: &[MainSample]) -> State {
        let t = samples.last().expect("a sample").time_ms;
        let hold_ms = self.item.hold.map_or(0, |hold| hold.milliseconds);
        let verdict = self.verdict(label_set, t);
        if verdict != Verdict::True {
            return State::Decided(verdict, t);
        }
        let mut began_ms = t;
        for pair in samples.windows(2).rev() {
            let is_gap = pair[1].time_ms - pair[0].time_ms > pair[0].gap_ms;
            if is_gap || self.verdict(label_set, pair[0].time_ms) != Verdict::True {
                break;
            }
            began_ms = pair[0].time_ms;
        }
        let held = began_ms <= t - hold_ms;
        State::Decided(if held { Verdict::True } else { Verdict::False }, t)
    }
}

fn finding_value(state: &State) -> Option<FindingValue> {
    match state {
        State::Decided(Verdict::True, _) => Some(FindingValue::Abnormal),
        State::Decided(Verdict::Error, _) => Some(FindingValue::InternalError),
        State::Decided(Verdict::NoData, _) | State::Unheard => Some(FindingValue::NoData),
        State::Decided(Verdict::False, _) | State::Silent | State::Forgotten => None,
    }
}

/// The first and last samples that decided a finding are those that decide its first and last instant.
fn check_evidence(finding: &Finding, t: i64, u: i64) -> Result<(), TestCaseError> {
    let first_ms = finding.evidence.first.as_ref().map(|sample| sample.time_ms);
    let last_ms = finding.evidence.last.as_ref().map(|sample| sample.time_ms);
    prop_assert!(first_ms.is_some_and(|first_ms| first_ms <= t));
    if u == finding.range.start_ms {
        prop_assert_eq!(first_ms, Some(t));
    }
    if u == finding.range.end_ms - 1 {
        prop_assert_eq!(last_ms, Some(t));
    }
    Ok(())
}

fn check_instant(
    definition: &Definition<'_>,
    label_sets: &[(Labels, Vec<MainSample>)],
    judged: &JudgedWindow,
    u: i64,
) -> Result<(), TestCaseError> {
    let found: BTreeMap<&Labels, &Finding> = judged
        .findings
        .iter()
        .filter(|finding| finding.range.contains(u))
        .map(|finding| (&finding.labels, finding))
        .collect();
    let mut expected: BTreeMap<&Labels, FindingValue> = BTreeMap::new();
    let mut is_any_alive = false;
    for (labels, samples) in label_sets {
        let state = definition.state(labels, samples, u);
        if state == State::Forgotten {
            continue;
        }
        is_any_alive = true;
        prop_assert!(judged.judged.contains(labels), "{:?} was judged at {}", labels, u);
        let Some(value) = finding_value(&state) else {
            continue;
        };
        expected.insert(labels, value);
        if let (State::Decided(verdict, t), Some(finding)) = (&state, found.get(labels))
            && *verdict != Verdict::NoData
        {
            check_evidence(finding, *t, u)?;
        }
    }
    let unlabelled = Labels::new();
    if !is_any_alive {
        expected.insert(&unlabelled, FindingValue::NoData);
    }
    let found: BTreeMap<&Labels, FindingValue> = found
        .into_iter()
        .map(|(labels, finding)| (labels, finding.value))
        .collect();
    prop_assert_eq!(found, expected, "at {}", u);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_state_at_every_instant_is_the_defined_one(
        world in world(),
        rule in rule(),
        window in window(),
        instants in prop::collection::vec(instant(), 10),
    ) {
        let definition = Definition::new(&rule, &world);
        let judged = world.judge(&compile(&rule.text), window, LONGEST_INTERVAL_MS);
        if definition.is_let_be() {
            prop_assert!(judged.covered && judged.judged.is_empty() && judged.findings.is_empty());
            return Ok(());
        }
        let label_sets: Vec<(Labels, Vec<MainSample>)> = definition
            .label_sets()
            .into_iter()
            .map(|labels| (labels.clone(), definition.main_samples(&labels)))
            .collect();
        let edges = judged
            .findings
            .iter()
            .flat_map(|finding| [finding.range.start_ms, finding.range.end_ms - 1, finding.range.end_ms]);
        let sampled = label_sets
            .iter()
            .flat_map(|(_, samples)| samples)
            .flat_map(|sample| [sample.time_ms, sample.time_ms + sample.speaks_ms])
            .flat_map(|instant| [instant - 1, instant]);
        let unheard = definition.unheard[0].iter().flat_map(|range| [range.start_ms, range.end_ms]);
        let all = instants.into_iter().chain(edges).chain(sampled).chain(unheard);
        let instants: BTreeSet<i64> = all.filter(|u| window.contains(*u)).collect();
        for u in instants {
            check_instant(&definition, &label_sets, &judged, u)?;
        }
    }
}

/// The comparison above would be worth little if most random conditions failed, or none did.
#[test]
fn random_rules_come_to_every_verdict() {
    let mut runner = TestRunner::deterministic();
    let mut verdicts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for _ in 0..1_000 {
        let (world, rule) = (world(), rule()).new_tree(&mut runner).expect("a case").current();
        let definition = Definition::new(&rule, &world);
        for labels in definition.label_sets() {
            for sample in definition.main_samples(&labels).iter().step_by(10) {
                *verdicts
                    .entry(definition.verdict(&labels, sample.time_ms))
                    .or_default() += 1;
            }
        }
    }
    let all: usize = verdicts.values().sum();
    for verdict in [Verdict::True, Verdict::False, Verdict::NoData, Verdict::Error] {
        let share = verdicts.get(&verdict).copied().unwrap_or(0) * 100 / all;
        assert!(share >= 8, "{verdict:?} in {share} of 100: {verdicts:?}");
    }
}
