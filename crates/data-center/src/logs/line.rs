//! Lines: conditions on their labels, their time, and how they become samples. Pure.

use aops_api::Labels;
use aops_api::series::{LabelMatcher, MatchOperator};
use regex::{Regex, RegexBuilder};

/// The language takes texts of 64 KiB. A longer one is cut a little above that: enough for the language to refuse it,
/// without carrying the rest around.
const CUT_ABOVE_BYTES: usize = 64 * 1024 + 1;

/// One line of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) time_ms: i64,
    pub(super) text: String,
}

/// The time of a line: the host's, unless that is later than the receipt by more than the limit, which no delay explains.
/// A line that is older than its receipt may have waited; its time is believed.
pub(super) fn time_of_line(time_ms: Option<i64>, received_ms: Option<i64>, limit_ms: i64) -> Option<i64> {
    match (time_ms, received_ms) {
        (Some(time_ms), Some(received_ms)) if time_ms.saturating_sub(received_ms) > limit_ms => {
            Some(received_ms)
        }
        (Some(time_ms), _) => Some(time_ms),
        (None, received_ms) => received_ms,
    }
}

/// Times in order, none twice: lines of equal time are joined by a blank, in the order they came in.
pub(super) fn samples(mut lines: Vec<Line>) -> (Vec<i64>, Vec<String>) {
    lines.sort_by_key(|line| line.time_ms);
    let mut times_ms = Vec::with_capacity(lines.len());
    let mut texts: Vec<String> = Vec::with_capacity(lines.len());
    for line in lines {
        match texts.last_mut() {
            Some(text) if times_ms.last() == Some(&line.time_ms) => {
                text.push(' ');
                text.push_str(&line.text);
                cut(text);
            }
            _ => {
                let mut text = line.text;
                cut(&mut text);
                times_ms.push(line.time_ms);
                texts.push(text);
            }
        }
    }
    (times_ms, texts)
}

fn cut(text: &mut String) {
    if text.len() > CUT_ABOVE_BYTES {
        let end = (CUT_ABOVE_BYTES..=text.len()).find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(text.len()));
    }
}

/// A condition on a label of a line. One that is missing is empty; regular expressions are anchored.
#[derive(Debug)]
pub(super) struct LineCondition {
    pub(super) label: String,
    is_wanted: bool,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Equal(String),
    Regex(Regex),
}

impl LineCondition {
    /// Fails with the reason for a regular expression that is none.
    pub(super) fn new(matcher: &LabelMatcher) -> Result<Self, String> {
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

    /// The text that the label must have, when the condition is that it has one: the engine looks for it itself.
    pub(super) fn required_text(&self) -> Option<&str> {
        match &self.test {
            Test::Equal(text) if self.is_wanted && !text.is_empty() => Some(text),
            _ => None,
        }
    }

    pub(super) fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.label).map_or("", String::as_str);
        let matches = match &self.test {
            Test::Equal(text) => value == text,
            Test::Regex(regex) => regex.is_match(value),
        };
        matches == self.is_wanted
    }
}

fn anchored(expression: &str) -> Result<Regex, String> {
    let refused = |error: regex::Error| format!("'{expression}' is not a regular expression: {error}");
    // Alone first: `a)(b` is one only inside the parentheses.
    Regex::new(expression).map_err(refused)?;
    RegexBuilder::new(&format!("^(?:{expression})$"))
        .dot_matches_new_line(true)
        .build()
        .map_err(refused)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(time_ms: i64, text: &str) -> Line {
        Line {
            time_ms,
            text: text.to_owned(),
        }
    }

    #[test]
    fn lines_of_equal_time_are_one_sample() {
        let lines = vec![
            line(2, "c"),
            line(1, "a"),
            line(2, "d"),
            line(1, "b"),
            line(3, ""),
        ];
        let expected = (vec![1, 2, 3], ["a b", "c d", ""].map(str::to_owned).to_vec());
        assert_eq!(samples(lines), expected);
    }

    proptest! {
        #[test]
        fn no_line_is_lost(numbers in proptest::collection::vec(0..9_i64, 0..40)) {
            let lines = numbers.iter().enumerate().map(|(place, time)| line(*time, &place.to_string())).collect();
            let (times_ms, texts) = samples(lines);
            prop_assert!(times_ms.is_sorted_by(|one, next| one < next));
            let words: usize = texts.iter().map(|text| text.split(' ').count()).sum();
            prop_assert_eq!(words, numbers.len());
        }
    }

    #[test]
    fn a_text_that_is_too_long_stays_too_long() {
        let longest = 64 * 1024;
        let (_, texts) = samples(vec![line(1, &"ä".repeat(longest)), line(2, &"x".repeat(longest))]);
        assert!(texts[0].len() > longest && texts[0].len() < longest + 8);
        assert_eq!(texts[1].len(), longest, "what is allowed stays whole");
        let (_, texts) = samples(vec![line(1, &"x".repeat(longest)), line(1, "y")]);
        assert_eq!(texts[0].len(), longest + 1);
    }

    #[test]
    fn a_clock_ahead_is_corrected_and_a_delay_is_not() {
        assert_eq!(time_of_line(Some(100), Some(90), 10), Some(100));
        assert_eq!(time_of_line(Some(101), Some(90), 10), Some(90));
        assert_eq!(time_of_line(Some(1), Some(9_000), 10), Some(1));
        assert_eq!(time_of_line(None, Some(90), 10), Some(90));
        assert_eq!(time_of_line(Some(5), None, 10), Some(5));
        assert_eq!(time_of_line(None, None, 10), None);
    }

    #[test]
    fn conditions_hold_as_for_series() {
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
            let condition = LineCondition::new(&matcher).expect("a condition");
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
        let reason = LineCondition::new(&matcher).expect_err("no expression");
        assert!(
            reason.starts_with("'a)(b' is not a regular expression"),
            "{reason}"
        );
    }
}
