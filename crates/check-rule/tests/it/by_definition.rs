//! A slow evaluator written from the definitions, over the whole world and without a window; the fast one must agree.

use std::collections::{BTreeMap, BTreeSet};

use aops_api::Labels;
use aops_api::finding::{Finding, FindingValue};
use aops_api::rule::{Absent, CheckItem, DataItem, LabelValue, Transform};
use proptest::prelude::*;

use crate::random::{Function, LONGEST_INTERVAL_MS, Node, RandomRule, Width, instant, rule, window, world};
use crate::world::{World, WorldSeries, compile};

const WHOSE: [&str; 2] = ["instance", "job"];

struct Definition<'a> {
    item: CheckItem,
    condition: &'a Node,
    /// By data item: its series, transformed.
    series: Vec<Vec<Series<'a>>>,
}

struct Series<'a> {
    labels: &'a Labels,
    gap_ms: i64,
    samples: Vec<(i64, f64)>,
}

#[derive(Clone, Debug, PartialEq)]
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
}

impl<'a> Definition<'a> {
    fn new(rule: &'a RandomRule, world: &'a World) -> Self {
        let item: CheckItem = serde_json::from_str(&rule.text).expect("a check item");
        let series = item
            .data_list
            .iter()
            .map(|data| {
                let matching = world.series.iter().filter(|series| matches(data, series));
                matching
                    .filter(|series| !series.samples.is_empty())
                    .map(|series| transformed(&item, data, series))
                    .collect()
            })
            .collect();
        Self {
            item,
            condition: &rule.condition,
            series,
        }
    }

    fn is_let_be(&self) -> bool {
        self.item.absent == Some(Absent::Ignore) && self.series.iter().any(Vec::is_empty)
    }

    fn label_sets(&self) -> BTreeSet<Labels> {
        let main = &self.item.data_list[0];
        self.series[0]
            .iter()
            .map(|series| starred(main, series.labels))
            .collect()
    }

    /// The series of an item for a label set: those with equal values of the labels that the item stars.
    fn candidates(&self, item: usize, label_set: &Labels) -> Vec<&Series<'a>> {
        let data = &self.item.data_list[item];
        let stars_all = data.label.contains_key("*");
        self.series[item]
            .iter()
            .filter(|series| {
                let own = starred(data, series.labels);
                if stars_all {
                    return own == *label_set;
                }
                own.iter().all(|(name, value)| label_set.get(name) == Some(value))
            })
            .collect()
    }

    /// The series of an item that is read at `t`; none, or more than one when it cannot be said which.
    fn read_at(&self, item: usize, label_set: &Labels, t: i64) -> Vec<&Series<'a>> {
        let named = &self.item.data_list[item].label;
        let mut speaking = self.candidates(item, label_set);
        speaking.retain(|series| {
            series
                .samples
                .iter()
                .any(|(time_ms, _)| t - series.gap_ms < *time_ms && *time_ms <= t)
        });
        let is_exact = |series: &&Series<'_>| {
            let mut names = series
                .labels
                .keys()
                .filter(|name| !WHOSE.contains(&name.as_str()));
            names.all(|name| named.contains_key(name))
        };
        if speaking.iter().any(is_exact) {
            speaking.retain(is_exact);
        }
        let measures: BTreeSet<Labels> = speaking.iter().map(|series| measured(series.labels)).collect();
        if measures.len() == 1 {
            // Jobs are equal in these worlds.
            speaking.sort_by_key(|series| series.labels.get("instance"));
            speaking.truncate(1);
        }
        speaking
    }

    fn main_samples(&self, label_set: &Labels) -> Vec<MainSample> {
        let times: BTreeSet<i64> = self
            .candidates(0, label_set)
            .iter()
            .flat_map(|series| series.samples.iter().map(|(time_ms, _)| *time_ms))
            .collect();
        times
            .into_iter()
            .filter_map(|time_ms| {
                let read = self.read_at(0, label_set, time_ms);
                let sampled = read
                    .iter()
                    .filter(|series| series.samples.iter().any(|(other_ms, _)| *other_ms == time_ms));
                let gap_ms = sampled.map(|series| series.gap_ms).max()?;
                Some(MainSample { time_ms, gap_ms })
            })
            .collect()
    }

    fn verdict(&self, label_set: &Labels, t: i64) -> Verdict {
        let read: Vec<Vec<&Series<'_>>> = (0..self.series.len())
            .map(|item| self.read_at(item, label_set, t))
            .collect();
        if read.iter().any(Vec::is_empty) {
            return Verdict::NoData;
        }
        if read.iter().any(|series| series.len() > 1) {
            return Verdict::Error;
        }
        let read: Vec<&Series<'_>> = read.into_iter().map(|series| series[0]).collect();
        match value(self.condition, &read, t) {
            None => Verdict::Error,
            Some(0.0) => Verdict::False,
            Some(_) => Verdict::True,
        }
    }

    /// The verdict that a label set has at `u`, and the sample that decides it; `None` when it is forgotten.
    fn state(&self, label_set: &Labels, samples: &[MainSample], u: i64) -> Option<(Verdict, i64)> {
        let newest = samples.iter().rposition(|sample| sample.time_ms <= u)?;
        let t = samples[newest].time_ms;
        if t <= u - samples[newest].gap_ms {
            return None;
        }
        let verdict = self.verdict(label_set, t);
        let hold_ms = self.item.hold.map_or(0, |hold| hold.milliseconds);
        if verdict != Verdict::True {
            return Some((verdict, t));
        }
        let mut began_ms = t;
        for pair in samples[..=newest].windows(2).rev() {
            let is_gap = pair[1].time_ms - pair[0].time_ms > pair[0].gap_ms;
            if is_gap || self.verdict(label_set, pair[0].time_ms) != Verdict::True {
                break;
            }
            began_ms = pair[0].time_ms;
        }
        let held = began_ms <= t - hold_ms;
        Some((if held { Verdict::True } else { Verdict::False }, t))
    }
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
    data.name == series.name && data.label.iter().all(holds)
}

fn transformed<'a>(item: &CheckItem, data: &DataItem, series: &'a WorldSeries) -> Series<'a> {
    let gap_ms = item
        .max_gap
        .map_or((3 * series.interval_ms).max(15_000), |gap| gap.milliseconds);
    let mut samples = series.samples.clone();
    if let Some(transform) = data.transform {
        let near = series
            .samples
            .windows(2)
            .filter(|pair| pair[1].0 - pair[0].0 <= gap_ms);
        samples = near
            .map(|pair| {
                let grown = if pair[1].1 < pair[0].1 {
                    pair[1].1
                } else {
                    pair[1].1 - pair[0].1
                };
                let seconds = (pair[1].0 - pair[0].0) as f64 / 1_000.0;
                let value = match transform {
                    Transform::Rate => grown / seconds,
                    Transform::Increase => grown,
                    Transform::Delta => pair[1].1 - pair[0].1,
                };
                (pair[1].0, value)
            })
            .collect();
    }
    Series {
        labels: &series.labels,
        gap_ms,
        samples,
    }
}

fn measured(labels: &Labels) -> Labels {
    let kept = labels.iter().filter(|(name, _)| !WHOSE.contains(&name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn starred(data: &DataItem, series: &Labels) -> Labels {
    let stars_all = data.label.contains_key("*");
    let mut starred = measured(series);
    starred.retain(|name, _| data.label.get(name).map_or(stars_all, LabelValue::is_starred));
    starred
}

/// `None` is an error.
fn value(node: &Node, read: &[&Series<'_>], t: i64) -> Option<f64> {
    match node {
        Node::Number(number) => Some(*number),
        Node::Item(item) => {
            let newest = read[*item].samples.iter().rfind(|(time_ms, _)| *time_ms <= t)?;
            Some(newest.1).filter(|value| value.is_finite())
        }
        Node::Window(item, function, width) => window_value(read[*item], *function, *width, t),
        Node::Negated(operand) => value(operand, read, t).map(|operand| -operand),
        Node::Not(operand) => value(operand, read, t).map(|operand| truth(operand == 0.0)),
        Node::Joined(operator, left, right) => {
            let left = value(left, read, t)?;
            let right = value(right, read, t)?;
            joined_value(operator, left, right)
        }
    }
}

fn joined_value(operator: &str, left: f64, right: f64) -> Option<f64> {
    if matches!(operator, "/" | "%") && right == 0.0 {
        return None;
    }
    Some(match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "%" => {
            let rest = left % right;
            if rest != 0.0 && (rest < 0.0) != (right < 0.0) {
                rest + right
            } else {
                rest
            }
        }
        ">" => truth(left > right),
        "<" => truth(left < right),
        ">=" => truth(left >= right),
        "<=" => truth(left <= right),
        "==" => truth(left == right),
        "!=" => truth(left != right),
        "&&" if left == 0.0 => left,
        "&&" => right,
        "||" if left == 0.0 => right,
        "||" => left,
        other => unreachable!("operator {other}"),
    })
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

fn window_value(series: &Series<'_>, function: Function, width: Width, t: i64) -> Option<f64> {
    let seen: Vec<(i64, f64)> = series
        .samples
        .iter()
        .copied()
        .filter(|(time_ms, _)| *time_ms <= t)
        .collect();
    let inside: Vec<f64> = match width {
        Width::Seconds(seconds) => {
            let inside = seen.iter().filter(|(time_ms, _)| *time_ms >= t - seconds * 1_000);
            inside.map(|(_, value)| *value).collect()
        }
        Width::Samples(count) => {
            let last = seen.iter().rev().take(count);
            let inside = last.filter(|(time_ms, _)| *time_ms > t - count as i64 * series.gap_ms);
            inside.map(|(_, value)| *value).collect()
        }
    };
    if inside.iter().any(|value| !value.is_finite()) {
        return None;
    }
    match function {
        Function::Max => Some(inside.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        Function::Avg if inside.is_empty() => None,
        Function::Avg => Some(exact_sum(&inside) / inside.len() as f64),
    }
}

/// Shewchuk's partial sums with the half-even correction, as Python's `math.fsum` has it.
fn exact_sum(values: &[f64]) -> f64 {
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

fn finding_value(verdict: &Verdict) -> Option<FindingValue> {
    match verdict {
        Verdict::True => Some(FindingValue::Abnormal),
        Verdict::False => None,
        Verdict::NoData => Some(FindingValue::NoData),
        Verdict::Error => Some(FindingValue::InternalError),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

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
            .flat_map(|sample| [sample.time_ms, sample.time_ms + sample.gap_ms])
            .flat_map(|instant| [instant - 1, instant]);
        let instants: BTreeSet<i64> = instants.into_iter().chain(edges).chain(sampled).filter(|u| window.contains(*u)).collect();
        for u in instants {
            let found: BTreeMap<&Labels, &Finding> = judged
                .findings
                .iter()
                .filter(|finding| finding.range.contains(u))
                .map(|finding| (&finding.labels, finding))
                .collect();
            let mut expected: BTreeMap<&Labels, FindingValue> = BTreeMap::new();
            let mut is_any_alive = false;
            for (labels, samples) in &label_sets {
                let Some((verdict, t)) = definition.state(labels, samples, u) else { continue };
                is_any_alive = true;
                prop_assert!(judged.judged.contains(labels), "{:?} was judged at {}", labels, u);
                let Some(value) = finding_value(&verdict) else { continue };
                expected.insert(labels, value);
                let evidence = found.get(labels).map(|finding| (finding, &finding.evidence));
                if let Some((finding, evidence)) = evidence && value != FindingValue::NoData {
                    let first_ms = evidence.first.as_ref().map(|sample| sample.time_ms);
                    let last_ms = evidence.last.as_ref().map(|sample| sample.time_ms);
                    prop_assert!(first_ms.is_some_and(|first_ms| first_ms <= t));
                    if u == finding.range.start_ms {
                        prop_assert_eq!(first_ms, Some(t));
                    }
                    if u == finding.range.end_ms - 1 {
                        prop_assert_eq!(last_ms, Some(t));
                    }
                }
            }
            let unlabelled = Labels::new();
            if !is_any_alive {
                expected.insert(&unlabelled, FindingValue::NoData);
            }
            let found: BTreeMap<&Labels, FindingValue> =
                found.into_iter().map(|(labels, finding)| (labels, finding.value)).collect();
            prop_assert_eq!(found, expected, "at {}", u);
        }
    }
}
