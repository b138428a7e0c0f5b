//! Which series an item means, and which values of its labels the rule is evaluated for.

use std::collections::BTreeMap;

use aops_api::Labels;
use aops_api::rule::{DataItem, LabelValue};
use aops_api::series::{LabelMatcher, MatchOperator};

/// The key `"*"`: every label that is not named.
pub(crate) const EVERY_OTHER_LABEL: &str = "*";
/// Whose series it is; never compared.
pub(crate) const HOST_LABEL: &str = "host_id";
const IDENTITY_LABELS: [&str; 4] = ["__name__", HOST_LABEL, "instance", "job"];

/// Whether a label says whose series it is rather than what it measures.
pub(crate) fn is_identity(name: &str) -> bool {
    IDENTITY_LABELS.contains(&name)
}

/// What the label part of a data item means.
#[derive(Clone, Debug)]
pub(crate) struct LabelSelection {
    named: BTreeMap<String, LabelValue>,
    stars_every_other: bool,
}

impl LabelSelection {
    pub(crate) fn of(item: &DataItem) -> Self {
        let mut named = item.label.clone();
        let stars_every_other = named.remove(EVERY_OTHER_LABEL).is_some();
        Self {
            named,
            stars_every_other,
        }
    }

    /// Whether the rule is evaluated for each value of some label.
    pub(crate) fn has_star(&self) -> bool {
        self.stars_every_other || self.named.values().any(LabelValue::is_starred)
    }

    /// Whether every label that is not named is starred.
    pub(crate) fn stars_every_other(&self) -> bool {
        self.stars_every_other
    }

    /// The first label that `self` stars and `main` does not; such an item could not be joined.
    pub(crate) fn star_unknown_to<'label>(&'label self, main: &'label LabelSelection) -> Option<&'label str> {
        if self.stars_every_other && !main.stars_every_other {
            return Some(EVERY_OTHER_LABEL);
        }
        if self.stars_every_other {
            let stars = |name: &&String| !self.named.contains_key(*name) && !main.stars(name);
            let unknown = main.named.keys().filter(|name| !is_identity(name)).find(stars);
            if let Some(name) = unknown {
                return Some(name);
            }
        }
        self.named
            .iter()
            .filter(|(_, value)| value.is_starred())
            .map(|(name, _)| name.as_str())
            .find(|name| !main.stars(name))
    }

    fn stars(&self, name: &str) -> bool {
        match self.named.get(name) {
            Some(value) => value.is_starred(),
            None => self.stars_every_other,
        }
    }

    /// What a series store is asked for. A starred label must be there.
    pub(crate) fn matchers(&self) -> Vec<LabelMatcher> {
        let mut matchers = Vec::new();
        for (name, value) in &self.named {
            let mut must = |operator, value: &str| {
                matchers.push(LabelMatcher {
                    name: name.clone(),
                    operator,
                    value: value.to_owned(),
                });
            };
            match value {
                LabelValue::Text(text) => must(MatchOperator::Equal, text),
                LabelValue::Each => must(MatchOperator::NotEqual, ""),
                LabelValue::Pattern {
                    pattern,
                    negated,
                    each,
                } => {
                    let operator = if *negated {
                        MatchOperator::NotRegex
                    } else {
                        MatchOperator::Regex
                    };
                    must(operator, pattern);
                    if *each {
                        must(MatchOperator::NotEqual, "");
                    }
                }
            }
        }
        matchers
    }

    /// The starred labels of a series and their values; `None` if it lacks one.
    pub(crate) fn starred_values(&self, series: &Labels) -> Option<Labels> {
        let mut starred = Labels::new();
        for (name, value) in &self.named {
            if value.is_starred() {
                let found = series.get(name).filter(|found| !found.is_empty())?;
                starred.insert(name.clone(), found.clone());
            }
        }
        if self.stars_every_other {
            let others = series
                .iter()
                .filter(|(name, _)| !is_identity(name) && !self.named.contains_key(*name));
            starred.extend(others.map(|(name, value)| (name.clone(), value.clone())));
        }
        Some(starred)
    }

    /// The starred values that a series of this item must have to be joined with a label set of `$0`; `None` when no
    /// series can have them.
    pub(crate) fn join_values(&self, label_set: &Labels) -> Option<Labels> {
        if self.stars_every_other {
            let is_starred = |name: &String| self.named.get(name).is_none_or(LabelValue::is_starred);
            let starred = label_set.iter().filter(|(name, _)| is_starred(name));
            return Some(
                starred
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect(),
            );
        }
        self.named
            .iter()
            .filter(|(_, value)| value.is_starred())
            .map(|(name, _)| label_set.get(name).map(|value| (name.clone(), value.clone())))
            .collect()
    }

    /// Whether a series has no label but those named, whose series it is aside.
    pub(crate) fn names_all_of(&self, series: &Labels) -> bool {
        series
            .keys()
            .all(|name| is_identity(name) || self.named.contains_key(name))
    }
}

/// Whether two series differ at most in whose they are.
pub(crate) fn measure_the_same(left: &Labels, right: &Labels) -> bool {
    compared(left).eq(compared(right))
}

/// The labels that are compared.
pub(crate) fn compared(labels: &Labels) -> impl Iterator<Item = (&String, &String)> {
    labels.iter().filter(|(name, _)| !is_identity(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(label: &str) -> LabelSelection {
        let text = format!(r#"{{"name":"m","label":{label}}}"#);
        LabelSelection::of(&serde_json::from_str(&text).expect("a data item"))
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect()
    }

    #[test]
    fn matchers_ask_for_what_the_item_means() {
        let matchers = selection(
            r#"{"a":"1","b":"*","c":{"re":"x.*"},"d":{"not_re":"y"},"e":{"not_re":"z","each":true},"*":"*"}"#,
        )
        .matchers();
        let text: Vec<String> = matchers
            .iter()
            .map(|matcher| format!("{} {:?} {:?}", matcher.name, matcher.operator, matcher.value))
            .collect();
        assert_eq!(
            text,
            [
                r#"a Equal "1""#,
                r#"b NotEqual """#,
                r#"c Regex "x.*""#,
                r#"d NotRegex "y""#,
                r#"e NotRegex "z""#,
                r#"e NotEqual """#,
            ]
        );
    }

    #[test]
    fn starred_values_leave_out_what_is_named_or_says_whose_it_is() {
        let series = labels(&[
            ("cpu", "0"),
            ("mode", "idle"),
            ("instance", "h:9100"),
            ("job", "node"),
        ]);
        let star = |label: &str| selection(label).starred_values(&series);
        assert_eq!(star(r#"{"cpu":"*"}"#), Some(labels(&[("cpu", "0")])));
        assert_eq!(star(r#"{"mode":"idle","*":"*"}"#), Some(labels(&[("cpu", "0")])));
        assert_eq!(star(r#"{"device":"*"}"#), None);
        assert_eq!(star("{}"), Some(Labels::new()));
    }

    #[test]
    fn an_item_may_star_what_the_main_one_stars() {
        let unknown = |other: &str, main: &str| {
            selection(other)
                .star_unknown_to(&selection(main))
                .map(str::to_owned)
        };
        assert_eq!(unknown(r#"{"a":"*"}"#, r#"{"a":{"re":"x","each":true}}"#), None);
        assert_eq!(unknown(r#"{"a":"*"}"#, r#"{"*":"*"}"#), None);
        assert_eq!(unknown(r#"{"a":"*"}"#, r#"{"a":"1","*":"*"}"#), Some("a".into()));
        assert_eq!(unknown(r#"{"*":"*"}"#, r#"{"a":"*"}"#), Some("*".into()));
        assert_eq!(unknown("{}", "{}"), None);
        assert_eq!(unknown(r#"{"*":"*"}"#, r#"{"a":"1","*":"*"}"#), Some("a".into()));
        assert_eq!(unknown(r#"{"a":"1","*":"*"}"#, r#"{"*":"*"}"#), None);
        assert_eq!(unknown(r#"{"*":"*"}"#, r#"{"job":"x","*":"*"}"#), None);
    }

    #[test]
    fn a_join_is_on_what_the_other_item_stars() {
        let label_set = labels(&[("cpu", "0"), ("mode", "user")]);
        let join = |label: &str| selection(label).join_values(&label_set);
        assert_eq!(join(r#"{"mode":"idle","*":"*"}"#), Some(labels(&[("cpu", "0")])));
        assert_eq!(join(r#"{"*":"*"}"#), Some(label_set.clone()));
        assert_eq!(join(r#"{"mode":"idle"}"#), Some(Labels::new()));
        assert_eq!(join(r#"{"device":"*"}"#), None);
    }

    #[test]
    fn exactly_these_labels_means_no_other() {
        let exact = |series: &[(&str, &str)]| selection(r#"{"a":"1"}"#).names_all_of(&labels(series));
        assert!(exact(&[("a", "1"), ("job", "node")]));
        assert!(!exact(&[("a", "1"), ("b", "2")]));
    }
}
