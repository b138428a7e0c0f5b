//! From the selectors of a request to few questions: one for each metric, where that is not wasteful.

use std::collections::BTreeSet;

use aops_api::TimeRange;
use aops_api::rule::DataKind;
use aops_api::series::SeriesSelector;

use super::promql::{Condition, Test};

/// Later times cannot be written as nanoseconds, which is how the servers count.
const END_OF_TIME_MS: i64 = 9_223_372_036_000;
/// More alternatives for one label are not put together.
const MAXIMUM_ALTERNATIVES: usize = 200;

/// What the server is asked of some hosts: all that its selectors need, and sometimes a little more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// Name of the metric.
    pub(super) name: String,
    /// All hold for what the selectors need.
    pub(super) conditions: BTreeSet<Condition>,
    /// Covers the ranges of the selectors.
    pub(super) range: TimeRange,
    /// Whom it is for, in their order: indices in the request.
    pub(super) selectors: Vec<usize>,
}

/// The questions for these selectors, by index. Logs, empty ranges and empty names need none.
pub(super) fn questions(selectors: &[(usize, &SeriesSelector)]) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::new();
    for (number, selector) in selectors {
        let Some(question) = Question::of(*number, selector) else {
            continue;
        };
        let merged = questions
            .iter()
            .enumerate()
            .find_map(|(place, other)| Some((place, other.with(&question)?)));
        match merged {
            Some((place, merged)) => questions[place] = merged,
            None => questions.push(question),
        }
    }
    questions
}

impl Question {
    /// For one selector alone.
    pub(super) fn of(number: usize, selector: &SeriesSelector) -> Option<Self> {
        let range = TimeRange::new(
            selector.range.start_ms.clamp(0, END_OF_TIME_MS),
            selector.range.end_ms.clamp(0, END_OF_TIME_MS),
        );
        if selector.kind == DataKind::Log || range.is_empty() || selector.name.is_empty() {
            return None;
        }
        Some(Self {
            name: selector.name.clone(),
            conditions: selector.matchers.iter().filter_map(Condition::of).collect(),
            range,
            selectors: vec![number],
        })
    }

    /// One question for both, if it does not read much that neither needs.
    fn with(&self, other: &Self) -> Option<Self> {
        if self.name != other.name {
            return None;
        }
        let range = TimeRange::new(
            self.range.start_ms.min(other.range.start_ms),
            self.range.end_ms.max(other.range.end_ms),
        );
        let (conditions, needed_ms) = self.conditions_with(other)?;
        let alternatives = alternatives(&conditions);
        if alternatives > MAXIMUM_ALTERNATIVES {
            return None;
        }
        let read_ms = length_ms(range).saturating_mul(alternatives as i64);
        // Half as much again costs less than a second question.
        if read_ms > needed_ms.saturating_add(needed_ms / 2) {
            return None;
        }
        let mut selectors = self.selectors.clone();
        selectors.extend(&other.selectors);
        selectors.sort_unstable();
        Some(Self {
            name: self.name.clone(),
            conditions,
            range,
            selectors,
        })
    }

    /// Conditions that hold for what both need, and how long a stretch of how many alternatives they need.
    fn conditions_with(&self, other: &Self) -> Option<(BTreeSet<Condition>, i64)> {
        let both_ms = self.needed_ms().saturating_add(other.needed_ms());
        if self.conditions == other.conditions {
            return Some((self.conditions.clone(), both_ms));
        }
        // How little the narrower one needs of the wider one is not known: it counts nothing.
        if self.conditions.is_subset(&other.conditions) {
            return Some((self.conditions.clone(), self.needed_ms()));
        }
        if other.conditions.is_subset(&self.conditions) {
            return Some((other.conditions.clone(), other.needed_ms()));
        }
        let conditions = one_label_apart(&self.conditions, &other.conditions)?;
        Some((conditions, both_ms))
    }

    fn needed_ms(&self) -> i64 {
        length_ms(self.range).saturating_mul(alternatives(&self.conditions) as i64)
    }
}

fn length_ms(range: TimeRange) -> i64 {
    range.end_ms.saturating_sub(range.start_ms)
}

/// How many combinations of label values are named.
fn alternatives(conditions: &BTreeSet<Condition>) -> usize {
    conditions
        .iter()
        .fold(1, |product: usize, condition| match &condition.test {
            Test::OneOf(values) => product.saturating_mul(values.len()),
            Test::Not(_) | Test::Regex(_) | Test::NotRegex(_) => product,
        })
}

/// When two sets of conditions differ in the values of one label alone: the conditions for all those values.
fn one_label_apart(left: &BTreeSet<Condition>, right: &BTreeSet<Condition>) -> Option<BTreeSet<Condition>> {
    let mut only_left = left.difference(right);
    let mut only_right = right.difference(left);
    let (one, other) = (only_left.next()?, only_right.next()?);
    if only_left.next().is_some() || only_right.next().is_some() || one.label != other.label {
        return None;
    }
    let (Test::OneOf(values), Test::OneOf(more)) = (&one.test, &other.test) else {
        return None;
    };
    let mut conditions: BTreeSet<Condition> = left.intersection(right).cloned().collect();
    conditions.insert(Condition {
        label: one.label.clone(),
        test: Test::OneOf(values.union(more).cloned().collect()),
    });
    Some(conditions)
}

/// Cuts a list into pieces of a bounded number of elements and of bytes.
pub(super) fn pieces<T>(
    list: Vec<T>,
    maximum: usize,
    maximum_bytes: usize,
    bytes: impl Fn(&T) -> usize,
) -> Vec<Vec<T>> {
    let mut pieces: Vec<Vec<T>> = Vec::new();
    let mut left = 0;
    for element in list {
        let size = bytes(&element);
        match pieces.last_mut() {
            Some(piece) if piece.len() < maximum && size <= left => {
                left -= size;
                piece.push(element);
            }
            _ => {
                left = maximum_bytes.saturating_sub(size);
                pieces.push(vec![element]);
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use aops_api::series::{LabelMatcher, MatchOperator};
    use proptest::prelude::*;

    use super::*;

    fn selector(
        name: &str,
        matchers: &[(&str, MatchOperator, &str)],
        start: i64,
        end: i64,
    ) -> SeriesSelector {
        let matchers = matchers.iter().map(|(name, operator, value)| LabelMatcher {
            name: (*name).to_owned(),
            operator: *operator,
            value: (*value).to_owned(),
        });
        SeriesSelector {
            name: name.to_owned(),
            kind: DataKind::Kpi,
            matchers: matchers.collect(),
            range: TimeRange::new(start, end),
            want_never_had: false,
        }
    }

    fn asked(selectors: &[SeriesSelector]) -> Vec<Vec<usize>> {
        let numbered: Vec<(usize, &SeriesSelector)> = selectors.iter().enumerate().collect();
        questions(&numbered)
            .into_iter()
            .map(|question| question.selectors)
            .collect()
    }

    #[test]
    fn one_question_for_each_metric() {
        use MatchOperator::{Equal, Regex};
        let cpu = |mode, start| selector("cpu", &[("mode", Equal, mode)], start, 60);
        let both = [selector("a", &[], 0, 60), selector("b", &[], 0, 60)];
        assert_eq!(asked(&both), [[0], [1]]);
        assert_eq!(
            asked(&[cpu("idle", 0), cpu("iowait", 10), cpu("steal", 0)]),
            [[0, 1, 2]]
        );
        // An hour of one mode is no reason to read an hour of all.
        assert_eq!(
            asked(&[cpu("idle", -3_000), cpu("iowait", 0)]),
            [[0, 1]],
            "time begins at 0"
        );
        assert_eq!(
            asked(&[
                selector("a", &[], 0, 6_000),
                selector("a", &[("b", Equal, "c")], 5_900, 6_000)
            ]),
            [[0, 1]]
        );
        assert_eq!(
            asked(&[
                selector("a", &[("b", Equal, "c")], 0, 6_000),
                selector("a", &[], 5_900, 6_000)
            ])
            .len(),
            2
        );
        assert_eq!(
            asked(&[selector("a", &[], 0, 10), selector("a", &[], 90, 100)]).len(),
            2,
            "far apart"
        );
        let apart = [
            selector("a", &[("b", Equal, "c")], 0, 60),
            selector("a", &[("d", Regex, "e.")], 0, 60),
        ];
        assert_eq!(asked(&apart).len(), 2);
    }

    #[test]
    fn nothing_is_asked_for_nothing() {
        let log = SeriesSelector {
            kind: DataKind::Log,
            ..selector("history", &[], 0, 60)
        };
        assert!(
            asked(&[
                log,
                selector("a", &[], 5, 5),
                selector("a", &[], -9, 0),
                selector("", &[], 0, 9)
            ])
            .is_empty()
        );
    }

    #[test]
    fn pieces_are_bounded() {
        let list = vec!["aaa", "bb", "c", "dddddd", "e", "f"];
        let pieces = pieces(list, 2, 5, |text| text.len());
        assert_eq!(
            pieces,
            [vec!["aaa", "bb"], vec!["c"], vec!["dddddd"], vec!["e", "f"]]
        );
    }

    fn some_selector() -> impl Strategy<Value = SeriesSelector> {
        let operator = prop_oneof![
            4 => Just(MatchOperator::Equal),
            1 => Just(MatchOperator::NotEqual),
            1 => Just(MatchOperator::Regex),
        ];
        let matcher = ("[ab]", operator, "[xyz]");
        let matchers = proptest::collection::vec(matcher, 0..3);
        ("[mn]", matchers, 0..50_i64, 0..50_i64).prop_map(|(name, matchers, start, length)| {
            let matchers: Vec<(&str, MatchOperator, &str)> = matchers
                .iter()
                .map(|(name, operator, value)| (name.as_str(), *operator, value.as_str()))
                .collect();
            selector(&name, &matchers, start, start + length)
        })
    }

    /// Whether a label value passes, an absent label being empty.
    fn passes(condition: &Condition, labels: &[(&str, &str)]) -> bool {
        let value = labels
            .iter()
            .find(|(name, _)| *name == condition.label)
            .map_or("", |(_, value)| *value);
        match &condition.test {
            Test::OneOf(values) => values.contains(value),
            Test::Not(other) => value != other,
            Test::Regex(expression) => value == expression,
            Test::NotRegex(expression) => value != expression,
        }
    }

    proptest! {
        /// Whatever a selector needs, one question asks for; and no selector is in two.
        #[test]
        fn questions_cover_their_selectors(selectors in proptest::collection::vec(some_selector(), 0..8)) {
            let numbered: Vec<(usize, &SeriesSelector)> = selectors.iter().enumerate().collect();
            let questions = questions(&numbered);
            for (number, selector) in numbered {
                let asking: Vec<&Question> = questions
                    .iter()
                    .filter(|question| question.selectors.contains(&number))
                    .collect();
                let Some(alone) = Question::of(number, selector) else {
                    prop_assert!(asking.is_empty());
                    continue;
                };
                prop_assert_eq!(asking.len(), 1);
                prop_assert_eq!(&asking[0].name, &selector.name);
                prop_assert_eq!(asking[0].range.intersect(selector.range), selector.range);
                for a in ["", "x", "y", "z", "w"] {
                    for b in ["", "x", "y", "z", "w"] {
                        let labels = [("a", a), ("b", b)];
                        let is_needed = alone.conditions.iter().all(|condition| passes(condition, &labels));
                        let is_asked = asking[0].conditions.iter().all(|condition| passes(condition, &labels));
                        prop_assert!(is_asked || !is_needed);
                    }
                }
            }
        }
    }
}
