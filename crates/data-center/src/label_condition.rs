//! Conditions on labels, as Prometheus has them: a label that is missing is empty, regular expressions are anchored.

use aops_api::Labels;
use aops_api::series::{LabelMatcher, MatchOperator};
use regex::{Regex, RegexBuilder};

/// A condition on one label of a series or a line, ready to be asked many times.
#[derive(Debug)]
pub(crate) struct LabelCondition {
    label: String,
    is_wanted: bool,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Equal(String),
    Regex(Regex),
}

impl LabelCondition {
    /// Fails with the reason for a regular expression that is none.
    pub(crate) fn new(matcher: &LabelMatcher) -> Result<Self, String> {
        let test = match matcher.operator {
            MatchOperator::Equal | MatchOperator::NotEqual => Test::Equal(matcher.value.clone()),
            MatchOperator::Regex | MatchOperator::NotRegex => Test::Regex(anchored(&matcher.value)?),
        };
        Ok(Self {
            label: matcher.name.clone(),
            is_wanted: matches!(matcher.operator, MatchOperator::Equal | MatchOperator::Regex),
            test,
        })
    }

    /// The name of the label.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The text that the label must have, when the condition is that it has one: an engine can look for it itself.
    pub(crate) fn required_text(&self) -> Option<&str> {
        match &self.test {
            Test::Equal(text) if self.is_wanted && !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// Whether it holds for something with these labels.
    pub(crate) fn holds(&self, labels: &Labels) -> bool {
        self.holds_for(labels.get(&self.label).map_or("", String::as_str))
    }

    /// Whether it holds for this value of the label.
    pub(crate) fn holds_for(&self, value: &str) -> bool {
        let matches = match &self.test {
            Test::Equal(text) => value == text,
            Test::Regex(regex) => regex.is_match(value),
        };
        matches == self.is_wanted
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

    #[test]
    fn what_holds_and_what_an_engine_may_look_for() {
        use MatchOperator::{Equal, NotEqual, NotRegex, Regex};
        let labels = Labels::from([("program".to_owned(), "sshd".to_owned())]);
        for (label, operator, value, expected, required) in [
            ("program", Equal, "sshd", true, true),
            ("program", Equal, "ssh", false, true),
            ("program", NotEqual, "sshd", false, false),
            ("program", Regex, "ssh.?", true, false),
            ("program", Regex, "ssh", false, false),
            ("program", NotRegex, "cron|sshd", false, false),
            ("severity", Equal, "", true, false),
            ("severity", NotEqual, "", false, false),
        ] {
            let matcher = LabelMatcher {
                name: label.to_owned(),
                operator,
                value: value.to_owned(),
            };
            let condition = LabelCondition::new(&matcher).expect("a condition");
            assert_eq!(condition.holds(&labels), expected, "{label} {operator:?} {value}");
            assert_eq!(
                condition.required_text().is_some(),
                required,
                "{label} {operator:?} {value}"
            );
        }
        let matcher = LabelMatcher {
            name: "program".to_owned(),
            operator: Regex,
            value: "a)(b".to_owned(),
        };
        let reason = LabelCondition::new(&matcher).expect_err("no expression");
        assert!(
            reason.starts_with("'a)(b' is not a regular expression"),
            "{reason}"
        );
    }
}
