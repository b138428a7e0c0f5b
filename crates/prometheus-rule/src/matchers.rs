//! Label matchers of a selector as labels of a data item.

use std::collections::BTreeMap;

use aops_api::rule::LabelValue;
use promql_parser::label::{MatchOp, Matcher};

use crate::misfit::Misfit;

/// What a data item demands of one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// This text; the empty one stands for a label that is not there.
    Equal(String),
    /// A regular expression that the whole value matches, or must not match.
    Pattern { pattern: String, negated: bool },
}

/// The matchers of one label, and what they demand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LabelDemand {
    matchers: Vec<Matcher>,
    pub(crate) demand: Demand,
}

impl LabelDemand {
    pub(crate) fn equal(value: &str) -> Self {
        Self {
            matchers: vec![Matcher::new(MatchOp::Equal, "", value)],
            demand: Demand::Equal(value.to_owned()),
        }
    }

    pub(crate) fn allows(&self, value: &str) -> bool {
        self.matchers.iter().all(|matcher| matcher.is_match(value))
    }

    /// The label in a data item; starred ones are told apart by it.
    pub(crate) fn value(&self, is_starred: bool) -> LabelValue {
        match &self.demand {
            // As a text it would be a star.
            Demand::Equal(text) if text == "*" => pattern(r"\*", false, false),
            Demand::Equal(text) => LabelValue::Text(text.clone()),
            Demand::Pattern {
                pattern: text,
                negated,
            } => pattern(text, *negated, is_starred),
        }
    }
}

/// A label that may have any value and is not told apart by.
pub(crate) fn any_value() -> LabelValue {
    pattern(".*", false, false)
}

fn pattern(pattern: &str, negated: bool, each: bool) -> LabelValue {
    LabelValue::Pattern {
        pattern: pattern.to_owned(),
        negated,
        each,
    }
}

/// What the matchers of a selector demand, by label. Labels that may have any value are left out.
pub(crate) fn demands(matchers: &[Matcher]) -> Result<BTreeMap<String, LabelDemand>, Misfit> {
    let mut by_label: BTreeMap<&str, Vec<Matcher>> = BTreeMap::new();
    for matcher in matchers {
        by_label
            .entry(matcher.name.as_str())
            .or_default()
            .push(matcher.clone());
    }
    let mut demands = BTreeMap::new();
    for (label, matchers) in by_label {
        if label == "host_id" {
            return Err(Misfit::at(
                label,
                "a check rule does not select host_id; it is judged on each host",
            ));
        }
        if let Some(demand) = joint_demand(label, &matchers)? {
            demands.insert(label.to_owned(), LabelDemand { matchers, demand });
        }
    }
    Ok(demands)
}

fn joint_demand(label: &str, matchers: &[Matcher]) -> Result<Option<Demand>, Misfit> {
    let equal = matchers.iter().find(|matcher| matcher.op == MatchOp::Equal);
    if let Some(equal) = equal {
        if matchers.iter().all(|matcher| matcher.is_match(&equal.value)) {
            return Ok(Some(Demand::Equal(equal.value.clone())));
        }
        return Err(Misfit::at(
            label,
            format!("the matchers of label {label} contradict each other"),
        ));
    }
    let mut wanted = Vec::new();
    let mut unwanted = Vec::new();
    for matcher in matchers {
        match &matcher.op {
            MatchOp::Re(_) if matcher.value == ".*" => {}
            MatchOp::Re(expression) => wanted.push(unanchored(expression.as_str())),
            MatchOp::NotRe(expression) => unwanted.push(unanchored(expression.as_str())),
            MatchOp::NotEqual => unwanted.push(regex::escape(&matcher.value)),
            MatchOp::Equal => {}
        }
    }
    if let [pattern] = wanted.as_slice() {
        let excludes_absence = matchers
            .iter()
            .any(|matcher| matches!(matcher.op, MatchOp::Re(_)) && !matcher.is_match(""));
        unwanted.retain(|unwanted| !(excludes_absence && unwanted.is_empty()));
        if unwanted.is_empty() {
            return Ok(Some(Demand::Pattern {
                pattern: pattern.clone(),
                negated: false,
            }));
        }
    }
    if !wanted.is_empty() {
        return Err(Misfit::at(
            label,
            format!(
                "label {label} has several matchers; a data item takes one expression, write them as one"
            ),
        ));
    }
    Ok(unwanted_demand(&unwanted))
}

fn unwanted_demand(unwanted: &[String]) -> Option<Demand> {
    match unwanted {
        [] => None,
        [only] if only.is_empty() => Some(Demand::Pattern {
            pattern: ".+".to_owned(),
            negated: false,
        }),
        [only] => Some(Demand::Pattern {
            pattern: only.clone(),
            negated: true,
        }),
        several => {
            let groups: Vec<String> = several.iter().map(|one| format!("(?:{one})")).collect();
            Some(Demand::Pattern {
                pattern: groups.join("|"),
                negated: true,
            })
        }
    }
}

/// The expression without the anchors that the parser put around it. It has been made one that Rust understands.
fn unanchored(expression: &str) -> String {
    let inner = expression
        .strip_prefix("^(?:")
        .and_then(|rest| rest.strip_suffix(")$"));
    inner.unwrap_or(expression).to_owned()
}

#[cfg(test)]
mod tests {
    use promql_parser::parser::{Expr, parse};

    use super::*;

    fn label_json(selector: &str) -> Result<String, Misfit> {
        let Ok(Expr::VectorSelector(selector)) = parse(selector) else {
            panic!("{selector} is a selector");
        };
        let demands = demands(&selector.matchers.matchers)?;
        let labels: BTreeMap<_, _> = demands
            .iter()
            .map(|(label, demand)| (label, demand.value(false)))
            .collect();
        Ok(serde_json::to_string(&labels).expect("labels are JSON"))
    }

    #[test]
    fn matchers_of_a_label_become_one_value() {
        for (selector, expected) in [
            (r#"m{a="x"}"#, r#"{"a":"x"}"#),
            (r#"m{a="*"}"#, r#"{"a":{"re":"\\*"}}"#),
            (r#"m{a=""}"#, r#"{"a":""}"#),
            (r#"m{a!="x.y"}"#, r#"{"a":{"not_re":"x\\.y"}}"#),
            (r#"m{a!=""}"#, r#"{"a":{"re":".+"}}"#),
            (r#"m{a=~"x|y"}"#, r#"{"a":{"re":"x|y"}}"#),
            (r#"m{a=~"x|y",a!=""}"#, r#"{"a":{"re":"x|y"}}"#),
            (r#"m{a=~".*"}"#, "{}"),
            (r#"m{a!~"x.*"}"#, r#"{"a":{"not_re":"x.*"}}"#),
            (r#"m{a!~"x|y",a!="z"}"#, r#"{"a":{"not_re":"(?:x|y)|(?:z)"}}"#),
            (r#"m{a!~"x",a!=""}"#, r#"{"a":{"not_re":"(?:x)|(?:)"}}"#),
            (r#"m{a="x",a!="y",a=~"x.*"}"#, r#"{"a":"x"}"#),
            (r#"m{a=~"{x}"}"#, r#"{"a":{"re":"\\{x}"}}"#),
        ] {
            assert_eq!(label_json(selector).as_deref(), Ok(expected), "{selector}");
        }
        for selector in [
            r#"m{a=~"x",a=~"y"}"#,
            r#"m{a=~"x.*",a!~"xy"}"#,
            r#"m{a="x",a="y"}"#,
            r#"m{host_id="1"}"#,
        ] {
            assert!(label_json(selector).is_err(), "{selector}");
        }
    }
}
