//! Conditions on labels, as Prometheus has them: a label that is missing is empty, regular expressions are anchored.

use aops_api::series::{LabelMatcher, MatchOperator};
use aops_api::{HostId, Labels};
use regex::{Regex, RegexBuilder};

use super::{HOST, METRIC_NAME};

/// A condition, ready to be asked many times.
#[derive(Debug)]
pub(super) struct Matcher {
    label: String,
    wanted: bool,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Equal(String),
    Regex(Regex),
}

impl Matcher {
    /// Fails with the reason for a regular expression that is none.
    pub(super) fn new(matcher: &LabelMatcher) -> Result<Self, String> {
        let test = match matcher.operator {
            MatchOperator::Equal | MatchOperator::NotEqual => Test::Equal(matcher.value.clone()),
            MatchOperator::Regex | MatchOperator::NotRegex => Test::Regex(anchored(&matcher.value)?),
        };
        Ok(Self {
            label: matcher.name.clone(),
            wanted: matches!(matcher.operator, MatchOperator::Equal | MatchOperator::Regex),
            test,
        })
    }

    /// Whether it holds for a series: its host, the name of its metric, its other labels.
    pub(super) fn matches(&self, host_id: &HostId, name: &str, labels: &Labels) -> bool {
        let value = match self.label.as_str() {
            HOST => host_id.as_str(),
            METRIC_NAME => name,
            label => labels.get(label).map_or("", String::as_str),
        };
        let holds = match &self.test {
            Test::Equal(text) => value == text,
            Test::Regex(regex) => regex.is_match(value),
        };
        holds == self.wanted
    }
}

fn anchored(expression: &str) -> Result<Regex, String> {
    // Alone first: `a)(b` is one only inside the parentheses.
    let alone = RegexBuilder::new(expression).dot_matches_new_line(true).build();
    let whole = RegexBuilder::new(&format!("^(?:{expression})$"))
        .dot_matches_new_line(true)
        .build();
    alone
        .and(whole)
        .map_err(|error| format!("'{expression}' is not a regular expression: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(label: &str, operator: MatchOperator, value: &str) -> bool {
        let labels = Labels::from([("device".to_owned(), "sda1\n".to_owned())]);
        let matcher = LabelMatcher {
            name: label.to_owned(),
            operator,
            value: value.to_owned(),
        };
        Matcher::new(&matcher)
            .expect("an expression")
            .matches(&HostId::from("h1"), "node_load1", &labels)
    }

    #[test]
    fn as_prometheus_does() {
        use MatchOperator::{Equal, NotEqual, NotRegex, Regex};
        for (label, operator, value, expected) in [
            ("device", Equal, "sda1\n", true),
            ("device", Equal, "sda1", false),
            ("device", NotEqual, "sda1", true),
            ("device", Regex, "sda", false),
            ("device", Regex, "sda.*", true),
            ("device", Regex, "x|sda1\n", true),
            ("device", NotRegex, "sd.", true),
            ("device", NotRegex, "sd.+", false),
            ("missing", Equal, "", true),
            ("missing", NotEqual, "", false),
            ("missing", Regex, ".*", true),
            ("missing", Regex, ".+", false),
            ("missing", NotRegex, "a", true),
            ("host_id", Equal, "h1", true),
            ("__name__", Regex, "node_.*", true),
        ] {
            assert_eq!(
                matches(label, operator, value),
                expected,
                "{label} {operator:?} {value}"
            );
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for value in ["(", "a)(b", "[", "a{2,1}"] {
            let matcher = LabelMatcher {
                name: "a".to_owned(),
                operator: MatchOperator::Regex,
                value: value.to_owned(),
            };
            let reason = Matcher::new(&matcher).expect_err(value);
            assert!(
                reason.starts_with(&format!("'{value}' is not a regular expression")),
                "{reason}"
            );
        }
    }
}
