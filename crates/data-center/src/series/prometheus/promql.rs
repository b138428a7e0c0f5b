//! Selectors as PromQL writes them. Every text is quoted, and nothing of a user's reaches a query in another way.

use std::collections::BTreeSet;
use std::fmt::Write;

use aops_api::series::{LabelMatcher, MatchOperator};

use crate::series::{HOST, METRIC_NAME};

/// A condition on one label that the server is asked to apply. Ours are applied to its answer all the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Condition {
    pub(super) label: String,
    pub(super) test: Test,
}

/// What must hold of the label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Test {
    OneOf(BTreeSet<String>),
    Not(String),
    Regex(String),
    NotRegex(String),
}

impl Condition {
    /// What of a matcher the server can be asked; `None` when its answer might lack what matches.
    ///
    /// Whose series it is, is asked in another way: `host_id` may have to be found by `instance`.
    pub(super) fn of(matcher: &LabelMatcher) -> Option<Self> {
        let is_own = [HOST, METRIC_NAME].contains(&matcher.name.as_str());
        if is_own || !is_label_name(&matcher.name) {
            return None;
        }
        let value = || matcher.value.clone();
        let test = match matcher.operator {
            MatchOperator::Equal => Test::OneOf(BTreeSet::from([value()])),
            MatchOperator::NotEqual => Test::Not(value()),
            MatchOperator::Regex if means_the_same(&matcher.value) => Test::Regex(value()),
            MatchOperator::NotRegex if means_the_same(&matcher.value) => Test::NotRegex(value()),
            MatchOperator::Regex | MatchOperator::NotRegex => return None,
        };
        Some(Self {
            label: matcher.name.clone(),
            test,
        })
    }

    pub(super) fn one_of<'a>(label: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            label: label.to_owned(),
            test: Test::OneOf(values.into_iter().map(str::to_owned).collect()),
        }
    }
}

/// Label names as Prometheus has always had them. Later releases have others too, which earlier ones refuse.
pub(super) fn is_label_name(name: &str) -> bool {
    let mut letters = name.chars();
    let is_first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    letters.next().is_some_and(is_first) && letters.all(|letter| is_first(letter) || letter.is_ascii_digit())
}

/// `{a="b",c=~"d|e"}`
pub(super) fn selector<'a>(conditions: impl IntoIterator<Item = &'a Condition>) -> String {
    let mut text = String::from("{");
    for condition in conditions {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&condition.label);
        write_test(&mut text, &condition.test);
    }
    text.push('}');
    text
}

fn write_test(text: &mut String, test: &Test) {
    match test {
        Test::OneOf(values) => match values.first() {
            Some(value) if values.len() == 1 => write_text(text, "=", value),
            _ => write_text(text, "=~", &alternatives(values)),
        },
        Test::Not(value) => write_text(text, "!=", value),
        Test::Regex(expression) => write_text(text, "=~", &dotted(expression)),
        Test::NotRegex(expression) => write_text(text, "!~", &dotted(expression)),
    }
}

fn alternatives(values: &BTreeSet<String>) -> String {
    let escaped: Vec<String> = values.iter().map(|value| regex::escape(value)).collect();
    escaped.join("|")
}

/// A dot is any character for us, and all but a line feed for Prometheus 2.
fn dotted(expression: &str) -> String {
    match expression.contains('.') {
        true => format!("(?s:{expression})"),
        false => expression.to_owned(),
    }
}

/// In the escapes that Go reads.
fn write_text(text: &mut String, operator: &str, value: &str) {
    text.push_str(operator);
    text.push('"');
    for letter in value.chars() {
        match letter {
            '"' | '\\' => {
                text.push('\\');
                text.push(letter);
            }
            letter if letter.is_control() => {
                // Writing to a String does not fail.
                let _ = write!(text, "\\U{:08x}", u32::from(letter));
            }
            letter => text.push(letter),
        }
    }
    text.push('"');
}

/// Whether a regular expression of ours, which is one of Rust's, means the same in Go's RE2. Only what is plain is taken
/// to: in Rust `\d` and the like know all scripts, `[a&&b]` is an intersection and `(?x)` allows comments.
fn means_the_same(expression: &str) -> bool {
    const PLAIN: &str = "_-:/@,=#%~;<>!'\" ";
    let mut is_in_class = false;
    let mut before = ' ';
    let mut letters = expression.chars().peekable();
    while let Some(letter) = letters.next() {
        let is_plain = match letter {
            '\\' => letters
                .next()
                .is_some_and(|escaped| ".-/+*?()[]{}|^$\\".contains(escaped)),
            '[' => !std::mem::replace(&mut is_in_class, true),
            ']' => std::mem::replace(&mut is_in_class, false),
            '-' | '~' if is_in_class => before.is_ascii_alphanumeric() && letters.peek() != Some(&letter),
            '^' => is_in_class && before == '[',
            '(' => !is_in_class && letters.peek() != Some(&'?'),
            ')' | '|' | '.' => !is_in_class,
            '*' | '+' | '?' => !is_in_class && !"*+?".contains(before),
            letter => letter.is_ascii_alphanumeric() || PLAIN.contains(letter),
        };
        if !is_plain {
            return false;
        }
        // What follows an escaped character follows a plain one.
        before = if letter == '\\' { 'a' } else { letter };
    }
    !is_in_class
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn condition(operator: MatchOperator, value: &str) -> Option<Condition> {
        Condition::of(&LabelMatcher {
            name: "a".to_owned(),
            operator,
            value: value.to_owned(),
        })
    }

    #[test]
    fn selectors_are_quoted() {
        use MatchOperator::{Equal, NotEqual, NotRegex, Regex};
        for (operator, value, expected) in [
            (Equal, "b", r#"{a="b"}"#),
            (Equal, "\"}[5m] or up{x=\"\\", r#"{a="\"}[5m] or up{x=\"\\"}"#),
            (Equal, "a\n\u{0}主", r#"{a="a\U0000000a\U00000000主"}"#),
            (NotEqual, "", r#"{a!=""}"#),
            (Regex, "sd[a-z]|dm-0", r#"{a=~"sd[a-z]|dm-0"}"#),
            (Regex, r"a\.b.*", r#"{a=~"(?s:a\\.b.*)"}"#),
            (NotRegex, "a+", r#"{a!~"a+"}"#),
        ] {
            assert_eq!(selector(&condition(operator, value)), expected);
        }
        let hosts = Condition::one_of("host_id", ["h.1", "h2"]);
        let name = Condition::one_of("__name__", ["m"]);
        assert_eq!(selector([&name, &hosts]), r#"{__name__="m",host_id=~"h\\.1|h2"}"#);
    }

    #[test]
    fn what_may_mean_something_else_is_not_handed_down() {
        for expression in [
            r"\d+",
            "[a&&b]",
            "(?x)a b",
            "a**",
            r"\pL",
            "[[:alpha:]]",
            "a{2}",
            "é",
            "^a$",
            "[a--b]",
            r"\w",
        ] {
            assert_eq!(condition(MatchOperator::Regex, expression), None, "{expression}");
        }
        for expression in [
            "",
            "a|b",
            "sd.*",
            "[^a-c0]+x",
            "(a|b)?c",
            r"10\.0\.0\.1:9100",
            "a+|b*?c",
        ] {
            let is_plain = expression != "a+|b*?c";
            assert_eq!(
                condition(MatchOperator::Regex, expression).is_some(),
                is_plain,
                "{expression}"
            );
        }
        let own = LabelMatcher {
            name: "host_id".to_owned(),
            operator: MatchOperator::Equal,
            value: "h".to_owned(),
        };
        assert_eq!(Condition::of(&own), None);
    }

    proptest! {
        /// What is quoted is one text: no quote and no line feed ends it before its end.
        #[test]
        fn a_text_ends_where_it_ends(value in any::<String>()) {
            let text = selector(&condition(MatchOperator::Equal, &value));
            let inside = text.strip_prefix("{a=\"").and_then(|rest| rest.strip_suffix("\"}")).expect("quoted");
            let mut letters = inside.chars();
            while let Some(letter) = letters.next() {
                prop_assert!(letter != '"' && !letter.is_control());
                if letter == '\\' {
                    prop_assert!(letters.next().is_some());
                }
            }
        }
    }
}
