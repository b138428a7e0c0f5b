//! One rule on one host in one window: all its label sets.

use std::collections::BTreeMap;
use std::rc::Rc;

use aops_api::finding::{Evidence, Finding, FindingValue, JudgedWindow};
use aops_api::rule::Absent;
use aops_api::{HostId, Labels, TimeRange};

use crate::explanation::deciding_sample;
use crate::host_state::{HostState, SeriesOfHost};
use crate::item_series::ItemSeries;
use crate::moment::{ItemCandidates, LabelSetSeries};
use crate::plan::PlannedRule;
use crate::rule::Rule;
use crate::series_set::HostSeries;
use crate::timeline::{Deciding, DecidingTime, Stretch};
use crate::walk::{missing, walk};
use crate::window::Windows;

/// Most label sets of a rule that are judged on a host.
pub const MAX_LABEL_SETS: usize = 10_000;

/// Most series that are compared for an item of one label set; of so many it can hardly be said which is meant.
pub const MAX_MATCHING_SERIES: usize = 1_000;

/// Whether where a rule stands at the end of the window is kept for the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuity {
    /// The window stands alone.
    Alone,
    /// It continues where the window before ended, if it was judged, and will be continued.
    Carried,
}

/// What is judged.
pub(crate) struct Case<'work, 'set> {
    /// The rule by its number in the plan.
    pub(crate) number: usize,
    pub(crate) planned: &'work PlannedRule,
    pub(crate) host_id: &'work HostId,
    pub(crate) host: &'work HostSeries<'set>,
    pub(crate) window: TimeRange,
    pub(crate) as_of_ms: i64,
}

/// Judges a rule whose streams are prepared.
pub(crate) fn judge(case: &Case<'_, '_>, state: &mut HostState<'_>, continuity: Continuity) -> JudgedWindow {
    let planned = case.planned;
    let failure = planned
        .selectors
        .iter()
        .find_map(|selector| case.host.failure(*selector));
    let outcome = match failure {
        Some(reason) => {
            state.standings.remove(&case.number);
            unreadable(reason, case.window)
        }
        None if is_let_be(&planned.rule, &planned.selectors, case.host) => Outcome::default(),
        None => judge_label_sets(case, state, continuity),
    };
    JudgedWindow {
        key: planned.rule.key().clone(),
        host_id: case.host_id.clone(),
        window: case.window,
        as_of_ms: case.as_of_ms,
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

fn judge_label_sets(case: &Case<'_, '_>, state: &mut HostState<'_>, continuity: Continuity) -> Outcome {
    let rule = &*case.planned.rule;
    let window = case.window;
    let mut before = state.standings.remove(&case.number).unwrap_or_default();
    let mut after = std::collections::HashMap::new();
    let unheard = unheard_ranges(case);
    let (series, windows) = state.split();
    let is_starred = rule.data[0].selection.has_star();
    let mut judged = Vec::new();
    let mut findings = Vec::new();
    let mut alive = Vec::new();
    let label_sets = label_sets(case.planned, series, &unheard);
    if let Some(reason) = too_many_series(rule, &label_sets)
        && !window.is_empty()
    {
        return Outcome {
            findings: vec![without_evidence(FindingValue::InternalError, window, reason)],
            ..Outcome::default()
        };
    }
    let count = label_sets.len();
    for (labels, series) in label_sets.into_iter().take(MAX_LABEL_SETS) {
        let carried = match continuity {
            Continuity::Alone => None,
            Continuity::Carried => before.remove(&labels),
        };
        let (timeline, stands) = walk(rule, &series, windows, window, carried);
        let stretches = timeline.stretches().iter();
        findings.extend(stretches.map(|stretch| finding(rule, &series, windows, &labels, stretch)));
        if continuity == Continuity::Carried {
            after.insert(labels.clone(), stands);
        }
        if !is_starred || !timeline.alive().is_empty() {
            judged.push(labels);
        }
        alive.extend_from_slice(timeline.alive());
    }
    if continuity == Continuity::Carried {
        state.standings.insert(case.number, after);
    }
    findings.extend(silences(case, &unheard, alive));
    if count > MAX_LABEL_SETS && !window.is_empty() {
        let reason = format!(
            "{count} label sets match; the first {MAX_LABEL_SETS} are judged: narrow the labels or aggregate them"
        );
        findings.push(without_evidence(FindingValue::InternalError, window, reason));
    }
    findings.sort_by(|left, right| (&left.labels, left.range).cmp(&(&right.labels, right.range)));
    Outcome {
        is_unreadable: false,
        judged,
        findings: joined(findings),
    }
}

/// Why no label set can be judged in bounded time.
fn too_many_series(rule: &Rule, label_sets: &BTreeMap<Labels, LabelSetSeries<'_, '_>>) -> Option<String> {
    let matching = |item: usize| {
        label_sets
            .values()
            .map(move |series| series.items[item].series.len())
    };
    (0..rule.data.len()).find_map(|item| {
        let most = matching(item).max().filter(|most| *most > MAX_MATCHING_SERIES)?;
        let name = &rule.data[item].name;
        Some(format!(
            "{most} series match {name} (${item}); at most {MAX_MATCHING_SERIES} are compared: name its labels, star or aggregate them"
        ))
    })
}

/// By item that is a log: when it is not known what was logged.
pub(crate) fn unheard_ranges(case: &Case<'_, '_>) -> Vec<Option<Vec<TimeRange>>> {
    let items = case.planned.rule.data.iter().zip(&case.planned.selectors);
    items
        .map(|(item, selector)| {
            if !item.is_log() {
                return None;
            }
            if case.host.never_had(*selector) {
                return Some(vec![TimeRange::new(i64::MIN, i64::MAX)]);
            }
            Some(case.host.unheard(*selector).to_vec())
        })
        .collect()
}

/// When there was nothing to judge: of a metric, where no label set had a sample that spoke; of a log, where it is not
/// known what was logged.
fn silences(
    case: &Case<'_, '_>,
    unheard: &[Option<Vec<TimeRange>>],
    mut alive: Vec<TimeRange>,
) -> Vec<Finding> {
    alive.sort_unstable();
    let silent: Vec<TimeRange> = match &unheard[0] {
        None => case.window.without(&alive),
        Some(unheard) => unheard
            .iter()
            .map(|range| range.intersect(case.window))
            .filter(|range| !range.is_empty())
            .flat_map(|range| range.without(&alive))
            .collect(),
    };
    let reason = missing(&case.planned.rule, 0);
    silent
        .into_iter()
        .map(|silence| without_evidence(FindingValue::NoData, silence, reason.clone()))
        .collect()
}

/// The label sets that `$0` has a series for, and the series that are read for each. Without a star there is one,
/// empty, whether or not there is a series.
pub(crate) fn label_sets<'work, 'set>(
    planned: &PlannedRule,
    of_host: SeriesOfHost<'work, 'set>,
    unheard: &'work [Option<Vec<TimeRange>>],
) -> BTreeMap<Labels, LabelSetSeries<'work, 'set>> {
    let items = || planned.rule.data.iter().zip(&planned.streams).zip(unheard);
    let is_starred = planned.rule.data[0].selection.has_star();
    let candidates =
        |stream, series: Rc<[&'work ItemSeries<'set>]>, unheard: &'work Option<Vec<TimeRange>>| {
            let is_quiet = unheard.is_some() && series.is_empty();
            ItemCandidates {
                stream,
                series: if is_quiet {
                    Rc::from([of_host.quiet])
                } else {
                    series
                },
                unheard: unheard.as_deref(),
            }
        };
    if !is_starred {
        // No other item has a star then.
        let all = items()
            .map(|((_, stream), unheard)| candidates(*stream, of_host.of(*stream).iter().collect(), unheard));
        let items = all.collect();
        return BTreeMap::from([(Labels::new(), LabelSetSeries { items })]);
    }
    let by_values: Vec<BTreeMap<Labels, Rc<[&ItemSeries<'_>]>>> = items()
        .map(|((item, stream), _)| {
            let mut by_values: BTreeMap<Labels, Vec<&ItemSeries<'_>>> = BTreeMap::new();
            for one in of_host.of(*stream) {
                if let Some(values) = item.selection.starred_values(&one.labels) {
                    by_values.entry(values).or_default().push(one);
                }
            }
            let shared = by_values
                .into_iter()
                .map(|(values, series)| (values, series.into()));
            shared.collect()
        })
        .collect();
    let joined_with = |labels: &Labels| {
        let mut joined = Vec::with_capacity(by_values.len());
        for (((item, stream), unheard), by_values) in items().zip(&by_values) {
            let values = item.selection.join_values(labels);
            let of_item = values.and_then(|values| by_values.get(&values).cloned());
            joined.push(candidates(*stream, of_item.unwrap_or_default(), unheard));
        }
        LabelSetSeries { items: joined }
    };
    by_values[0]
        .keys()
        .map(|labels| (labels.clone(), joined_with(labels)))
        .collect()
}

fn finding(
    rule: &Rule,
    series: &LabelSetSeries<'_, '_>,
    windows: &mut Windows,
    labels: &Labels,
    stretch: &Stretch,
) -> Finding {
    let evidence = match stretch.value {
        FindingValue::NoData => Evidence::default(),
        FindingValue::Abnormal | FindingValue::InternalError => {
            evidence(rule, series, windows, &stretch.deciding)
        }
    };
    Finding {
        labels: labels.clone(),
        value: stretch.value,
        range: stretch.range,
        evidence,
        reason: stretch.reason.clone(),
    }
}

fn evidence(
    rule: &Rule,
    series: &LabelSetSeries<'_, '_>,
    windows: &mut Windows,
    deciding: &Deciding,
) -> Evidence {
    let mut sample = |at: DecidingTime| deciding_sample(rule, series, windows, at.time_ms, at.margin);
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
