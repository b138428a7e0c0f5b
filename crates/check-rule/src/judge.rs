//! One rule on one host in one window: all its label sets.

use std::collections::BTreeMap;

use aops_api::finding::{Evidence, Finding, FindingValue, JudgedWindow};
use aops_api::rule::Absent;
use aops_api::{HostId, Labels, TimeRange};

use crate::explanation::deciding_sample;
use crate::moment::LabelSetSeries;
use crate::rule::Rule;
use crate::series_set::{HostSeries, ItemSeries, SeriesSet};
use crate::timeline::{Deciding, DecidingTime, Stretch};
use crate::transform::prepare;
use crate::walk::{missing, walk};

/// Judges a rule whose items are read by these selectors, one for each.
pub(crate) fn judge(
    rule: &Rule,
    selectors: &[usize],
    host_id: &HostId,
    set: &SeriesSet<'_>,
    window: TimeRange,
) -> JudgedWindow {
    let nothing = HostSeries::default();
    let host = set.host(host_id).unwrap_or(&nothing);
    let outcome = match selectors.iter().find_map(|selector| host.failure(*selector)) {
        Some(reason) => unreadable(reason, window),
        None if is_let_be(rule, selectors, host) => Outcome::default(),
        None => judge_label_sets(rule, selectors, host, window),
    };
    JudgedWindow {
        key: rule.key().clone(),
        host_id: host_id.clone(),
        window,
        as_of_ms: set.as_of_ms(),
        covered: !outcome.is_unreadable,
        judged: outcome.judged,
        findings: outcome.findings,
    }
}

#[derive(Default)]
struct Outcome {
    is_unreadable: bool,
    judged: Vec<Labels>,
    findings: Vec<Finding>,
}

fn unreadable(reason: &str, window: TimeRange) -> Outcome {
    let finding = without_evidence(FindingValue::InternalError, window, reason.to_owned());
    Outcome {
        is_unreadable: true,
        judged: Vec::new(),
        findings: if window.is_empty() {
            Vec::new()
        } else {
            vec![finding]
        },
    }
}

/// Whether the host lacks a series for good and the rule says that this is no matter.
fn is_let_be(rule: &Rule, selectors: &[usize], host: &HostSeries<'_>) -> bool {
    rule.absent == Absent::Ignore && selectors.iter().any(|selector| host.never_had(*selector))
}

fn judge_label_sets(rule: &Rule, selectors: &[usize], host: &HostSeries<'_>, window: TimeRange) -> Outcome {
    let items: Vec<Vec<ItemSeries<'_>>> = rule
        .data
        .iter()
        .zip(selectors)
        .map(|(item, selector)| {
            let series = host.series(*selector).iter();
            series.map(|raw| prepare(rule, item, raw)).collect()
        })
        .collect();
    let is_starred = rule.data[0].selection.has_star();
    let mut judged = Vec::new();
    let mut findings = Vec::new();
    let mut alive = Vec::new();
    for (labels, series) in label_sets(rule, &items) {
        let timeline = walk(rule, &series, window);
        let stretches = timeline.stretches().iter();
        findings.extend(stretches.map(|stretch| finding(rule, &series, &labels, stretch)));
        if !is_starred || !timeline.alive().is_empty() {
            judged.push(labels);
        }
        alive.extend_from_slice(timeline.alive());
    }
    alive.sort_unstable();
    for silence in window.without(&alive) {
        let reason = missing(rule, 0);
        findings.push(without_evidence(FindingValue::NoData, silence, reason));
    }
    findings.sort_by(|left, right| (&left.labels, left.range).cmp(&(&right.labels, right.range)));
    Outcome {
        is_unreadable: false,
        judged,
        findings: joined(findings),
    }
}

/// The label sets that `$0` has a series for, and the series that are read for each. Without a star there is one,
/// empty, whether or not there is a series.
fn label_sets<'set>(
    rule: &Rule,
    items: &'set [Vec<ItemSeries<'set>>],
) -> BTreeMap<Labels, LabelSetSeries<'set>> {
    let is_starred = rule.data[0].selection.has_star();
    if !is_starred {
        // No other item has a star then.
        let all = items.iter().map(|series| series.iter().collect()).collect();
        return BTreeMap::from([(Labels::new(), all)]);
    }
    let by_values: Vec<_> = rule
        .data
        .iter()
        .zip(items)
        .map(|(item, series)| {
            let mut by_values: BTreeMap<Labels, Vec<&ItemSeries<'_>>> = BTreeMap::new();
            for one in series {
                if let Some(values) = item.selection.starred_values(one.labels) {
                    by_values.entry(values).or_default().push(one);
                }
            }
            by_values
        })
        .collect();
    let joined_with = |labels: &Labels| -> LabelSetSeries<'set> {
        let of_item = |(item, by_values): (&crate::rule::CompiledItem, &BTreeMap<Labels, Vec<_>>)| {
            let values = item.selection.join_values(labels)?;
            by_values.get(&values).cloned()
        };
        let pairs = rule.data.iter().zip(&by_values);
        pairs.map(|pair| of_item(pair).unwrap_or_default()).collect()
    };
    by_values[0]
        .keys()
        .map(|labels| (labels.clone(), joined_with(labels)))
        .collect()
}

fn finding<'set>(
    rule: &'set Rule,
    series: &LabelSetSeries<'set>,
    labels: &Labels,
    stretch: &Stretch,
) -> Finding {
    let evidence = match stretch.value {
        FindingValue::NoData => Evidence::default(),
        FindingValue::Abnormal | FindingValue::InternalError => evidence(rule, series, &stretch.deciding),
    };
    Finding {
        labels: labels.clone(),
        value: stretch.value,
        range: stretch.range,
        evidence,
        reason: stretch.reason.clone(),
    }
}

fn evidence<'set>(rule: &'set Rule, series: &LabelSetSeries<'set>, deciding: &Deciding) -> Evidence {
    let sample = |at: DecidingTime| deciding_sample(rule, series, at.time_ms, at.margin);
    let mut evidence = Evidence::of(sample(deciding.first));
    if deciding.worst.time_ms != deciding.first.time_ms {
        evidence.worst = Some(sample(deciding.worst));
    }
    if deciding.last.time_ms == deciding.worst.time_ms {
        evidence.last = evidence.worst.clone();
    } else if deciding.last.time_ms != deciding.first.time_ms {
        evidence.last = Some(sample(deciding.last));
    }
    evidence
}

fn without_evidence(value: FindingValue, range: TimeRange, reason: String) -> Finding {
    Finding {
        labels: Labels::new(),
        value,
        range,
        evidence: Evidence::default(),
        reason,
    }
}

/// Equal neighbours made one: silence of `$0` may follow on silence of another item. The later reason stays.
fn joined(sorted: Vec<Finding>) -> Vec<Finding> {
    let mut joined: Vec<Finding> = Vec::with_capacity(sorted.len());
    for finding in sorted {
        match joined.last_mut() {
            Some(last)
                if last.labels == finding.labels
                    && last.value == finding.value
                    && last.range.end_ms == finding.range.start_ms =>
            {
                last.range.end_ms = finding.range.end_ms;
                last.evidence.merge(&finding.evidence);
                last.reason = finding.reason;
            }
            _ => joined.push(finding),
        }
    }
    joined
}
