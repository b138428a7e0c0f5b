//! Conditions on series: on their host, the name of their metric, and their labels.

use aops_api::series::LabelMatcher;
use aops_api::{HostId, Labels};

use super::{HOST, METRIC_NAME};
use crate::label_condition::LabelCondition;

/// A condition, ready to be asked many times.
#[derive(Debug)]
pub(super) struct Matcher(LabelCondition);

impl Matcher {
    /// Fails with the reason for a regular expression that is none.
    pub(super) fn new(matcher: &LabelMatcher) -> Result<Self, String> {
        LabelCondition::new(matcher).map(Self)
    }

    /// Whether it holds for a series: its host, the name of its metric, its other labels.
    pub(super) fn matches(&self, host_id: &HostId, name: &str, labels: &Labels) -> bool {
        match self.0.label() {
            HOST => self.0.holds_for(host_id.as_str()),
            METRIC_NAME => self.0.holds_for(name),
            _ => self.0.holds(labels),
        }
    }
}

#[cfg(test)]
mod tests {
    use aops_api::series::MatchOperator;

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
