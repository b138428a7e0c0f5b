//! Why a rule says what it says at an instant: the samples it rests on, the values of its parts, a sentence.

use aops_api::finding::{DecidingSample, FindingValue, UsedSamples, VerdictExplanation};
use aops_api::{HostId, Labels, TimeRange};

use crate::condition::{Condition, Expression, Spelling, print};
use crate::explanation::deciding_sample;
use crate::host_state::HostState;
use crate::judge::{Case, label_sets, unheard_ranges};
use crate::moment::{LabelSetSeries, Moment};
use crate::plan::FetchPlan;
use crate::rule::Rule;
use crate::series_set::{HostSeries, SeriesSet};
use crate::walk::{main_times, missing, walk};
use crate::window::Windows;

/// Most samples of one data item that an explanation lists, the newest.
pub const MAX_EXPLAINED_SAMPLES: usize = 100;

impl FetchPlan {
    /// Why a rule, by its index, says what it says of a label set at an instant in the window of the plan, over what was
    /// fetched with it. `None` when `$0` has no series with these labels.
    pub fn explain(
        &self,
        rule: usize,
        host_id: &HostId,
        set: &SeriesSet<'_>,
        labels: &Labels,
        at_ms: i64,
    ) -> Option<VerdictExplanation> {
        let nothing = HostSeries::default();
        let host = set.host(host_id).unwrap_or(&nothing);
        let planned = self.planned(rule);
        let case = Case {
            number: rule,
            planned,
            host_id,
            host,
            window: TimeRange::new(at_ms, at_ms.saturating_add(1)),
            as_of_ms: set.as_of_ms(),
        };
        let mut state = HostState::new(self.streams().len());
        state.prepare(&planned.streams, self.streams(), host);
        let failure = planned
            .selectors
            .iter()
            .find_map(|selector| host.failure(*selector));
        if let Some(reason) = failure {
            return Some(unreadable(at_ms, reason));
        }
        let unheard = unheard_ranges(&case);
        let (series, windows) = state.split();
        let series = label_sets(planned, series, &unheard).remove(labels)?;
        let is_quiet = unheard[0]
            .as_ref()
            .is_some_and(|unheard| !unheard.iter().any(|range| range.contains(at_ms)));
        Some(explain(&planned.rule, &series, windows, case.window, is_quiet))
    }
}

fn unreadable(at_ms: i64, reason: &str) -> VerdictExplanation {
    VerdictExplanation {
        at_ms,
        value: Some(FindingValue::InternalError),
        sample: None,
        true_since_ms: None,
        reason: reason.to_owned(),
        used: Vec::new(),
        text: format!("{}: {reason}", FindingValue::InternalError.text()),
    }
}

/// A quiet log, of which it is known that nothing was logged, is normal without a sample.
fn explain(
    rule: &Rule,
    series: &LabelSetSeries<'_, '_>,
    windows: &mut Windows,
    instant: TimeRange,
    is_quiet: bool,
) -> VerdictExplanation {
    let (timeline, standing) = walk(rule, series, windows, instant, None);
    let stretch = timeline.stretches().first();
    let is_spoken = !timeline.alive().is_empty();
    let is_alive = is_spoken || is_quiet;
    let decided_ms = is_spoken
        .then(|| decided_ms(rule, series, windows, instant.end_ms))
        .flatten();
    let mut explanation = VerdictExplanation {
        at_ms: instant.start_ms,
        value: match stretch {
            Some(stretch) => Some(stretch.value),
            None if is_alive => None,
            None => Some(FindingValue::NoData),
        },
        sample: None,
        true_since_ms: None,
        reason: match stretch {
            Some(stretch) => stretch.reason.clone(),
            None if is_alive => String::new(),
            None => missing(rule, 0),
        },
        used: Vec::new(),
        text: String::new(),
    };
    if let Some(decided_ms) = decided_ms {
        let margin = stretch.and_then(|stretch| stretch.deciding.last.margin);
        explanation.sample = Some(deciding_sample(rule, series, windows, decided_ms, margin));
        explanation.true_since_ms = standing.true_since_ms();
        explanation.used = used(rule, series, windows, decided_ms);
    }
    explanation.text = sentence(rule, &explanation);
    explanation
}

/// The newest sample of `$0`, of the series that is read, before an instant.
fn decided_ms(
    rule: &Rule,
    series: &LabelSetSeries<'_, '_>,
    windows: &mut Windows,
    before_ms: i64,
) -> Option<i64> {
    let times_ms = main_times(series, TimeRange::new(i64::MIN, before_ms));
    let mut newest_first = times_ms.iter().rev().copied();
    newest_first.find(|time_ms| {
        let mut moment = Moment::new(rule, series, windows);
        moment.advance(*time_ms);
        moment.main_sample().is_some()
    })
}

fn used(
    rule: &Rule,
    series: &LabelSetSeries<'_, '_>,
    windows: &mut Windows,
    decided_ms: i64,
) -> Vec<UsedSamples> {
    let mut moment = Moment::new(rule, series, windows);
    moment.advance(decided_ms);
    let mut used = Vec::new();
    for (item, data) in rule.data.iter().enumerate() {
        let Some((series, range)) = moment.used_samples(item) else {
            continue;
        };
        let shown = range.start.max(range.end.saturating_sub(MAX_EXPLAINED_SAMPLES))..range.end;
        used.push(UsedSamples {
            item,
            name: data.name.clone(),
            labels: series.labels.clone().into_owned(),
            omitted: (shown.start - range.start) as u64,
            samples: shown
                .map(|index| (series.times_ms[index], series.column.text(index).into_owned()))
                .collect(),
        });
    }
    used
}

/// `Abnormal: max(60s) > 0.9 with max(60s) = 0.97`.
fn sentence(rule: &Rule, explanation: &VerdictExplanation) -> String {
    let verdict = explanation.value.map_or("Normal", FindingValue::text);
    if !explanation.reason.is_empty() {
        return format!("{verdict}: {}", explanation.reason);
    }
    let condition = &rule.condition;
    let mut text = format!(
        "{verdict}: {}",
        print(condition, &condition.root, Spelling::AsWritten)
    );
    if let Some(sample) = &explanation.sample {
        let values = read_values(condition, sample);
        if !values.is_empty() {
            text.push_str(&format!(" with {}", values.join(", ")));
        }
        if explanation.value.is_none()
            && let Some(since_ms) = explanation.true_since_ms
        {
            let held = (sample.time_ms - since_ms) as f64 / 1_000.0;
            let wanted = rule.hold_ms as f64 / 1_000.0;
            text.push_str(&format!("; true for {held} s, abnormal from {wanted} s on"));
        }
    }
    text
}

/// What the condition reads and what that was: data items and functions, not what is computed from them.
fn read_values(condition: &Condition, sample: &DecidingSample) -> Vec<String> {
    let mut items = std::collections::BTreeSet::new();
    collect_items(&condition.root, &mut items);
    let calls = (0..condition.calls.len()).map(Expression::Call);
    let read: Vec<String> = items
        .into_iter()
        .map(Expression::Item)
        .chain(calls)
        .map(|expression| print(condition, &expression, Spelling::AsWritten))
        .collect();
    sample
        .values
        .iter()
        .filter(|value| read.contains(&value.expression))
        .map(|value| format!("{} = {}", value.expression, value.value))
        .collect()
}

fn collect_items(expression: &Expression, items: &mut std::collections::BTreeSet<usize>) {
    match expression {
        Expression::Literal(_) | Expression::Call(_) => {}
        Expression::Item(item) => {
            items.insert(*item);
        }
        Expression::Unary { operand, .. } => collect_items(operand, items),
        Expression::Chain { first, rest, .. } => {
            collect_items(first, items);
            rest.iter().for_each(|(_, operand)| collect_items(operand, items));
        }
        Expression::Conditional {
            condition,
            then,
            otherwise,
        } => [condition, then, otherwise]
            .into_iter()
            .for_each(|part| collect_items(part, items)),
        Expression::Membership { left, right, .. } => {
            for (key, value) in left.iter().chain(right) {
                collect_items(key, items);
                collect_items(value, items);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aops_api::series::{FetchedSeries, SeriesFetchAnswer};

    use super::*;

    fn explanation(rule: &str, at_ms: i64) -> Option<VerdictExplanation> {
        let item = serde_json::from_str(rule).expect("a check item");
        let rule = Arc::new(Rule::compile(&item).expect("a good rule"));
        let plan = FetchPlan::new(vec![rule], TimeRange::new(60_000, 120_000), 15_000);
        let host = HostId::from("h");
        let samples = [
            (15_000, 1.0),
            (30_000, 2.0),
            (45_000, 6.0),
            (60_000, 7.0),
            (75_000, 3.0),
        ];
        let (times_ms, values) = samples.into_iter().unzip();
        let answer = SeriesFetchAnswer {
            series: vec![FetchedSeries {
                selector: 0,
                host_id: host.clone(),
                labels: Labels::from([("cpu".to_owned(), "0".to_owned())]),
                interval_ms: 15_000,
                times_ms,
                values,
                texts: Vec::new(),
            }],
            ..SeriesFetchAnswer::default()
        };
        plan.explain(0, &host, &SeriesSet::new(&answer), &Labels::new(), at_ms)
    }

    #[test]
    fn an_explanation_tells_samples_values_and_a_sentence() {
        let rule =
            r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0 > 5 && max(30s) - $0 < 3"}"#;
        let explained = explanation(rule, 70_000).expect("there is a series");
        assert_eq!(explained.value, Some(FindingValue::Abnormal));
        assert_eq!(
            explained.text,
            "Abnormal: $0 > 5 && max(30s) - $0 < 3 with $0 = 7, max(30s) = 7"
        );
        assert_eq!(explained.true_since_ms, Some(45_000));
        let [used] = explained.used.as_slice() else {
            panic!("one item is read");
        };
        let samples = [(30_000, "2"), (45_000, "6"), (60_000, "7")];
        assert_eq!(
            used.samples,
            samples.map(|(time_ms, text)| (time_ms, text.to_owned()))
        );
        assert_eq!((used.item, used.omitted), (0, 0));
        let sample = explained.sample.expect("a sample decides");
        assert_eq!((sample.time_ms, sample.margin), (60_000, Some(2.0)));
        assert_eq!(sample.values.len(), 6);
    }

    #[test]
    fn what_is_normal_is_explained_as_well() {
        let rule = r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0 > 5","for":"1m"}"#;
        let explained = explanation(rule, 70_000).expect("there is a series");
        assert_eq!(explained.value, None);
        assert_eq!(
            explained.text,
            "Normal: $0 > 5 with $0 = 7; true for 15 s, abnormal from 60 s on"
        );
        let later = explanation(rule, 80_000).expect("there is a series");
        assert_eq!(later.text, "Normal: $0 > 5 with $0 = 3");
        let silent = explanation(rule, 119_999).expect("there is a series");
        assert_eq!(silent.text, "Normal: $0 > 5 with $0 = 3");
        let rule = r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0 > 5","max_gap":"20s"}"#;
        let silent = explanation(rule, 119_999).expect("there is a series");
        assert_eq!(silent.text, "No data: no sample of m ($0) within max_gap");
        assert_eq!((silent.value, silent.sample), (Some(FindingValue::NoData), None));
    }

    #[test]
    fn an_error_and_a_missing_label_set_are_told() {
        let rule = r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0 / 0 > 1"}"#;
        let explained = explanation(rule, 70_000).expect("there is a series");
        assert_eq!(explained.text, "Internal error: division by zero in $0 / 0");
        let rule =
            r#"{"check_item":"a","data_list":[{"name":"m","label":{"cpu":"*"}}],"condition":"$0 > 1"}"#;
        assert_eq!(explanation(rule, 70_000), None);
    }
}
