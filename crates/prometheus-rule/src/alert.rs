//! From an alerting rule to check items.

use std::collections::BTreeMap;

use aops_api::rule::{Absent, CheckItem, Severity};
use aops_api::time::DurationText;
use promql_parser::parser::token::T_LOR;
use promql_parser::parser::{BinaryExpr, Expr, parse};
use promql_parser::util::parse_duration;

use crate::expression::{Operand, Reader};
use crate::items::Items;
use crate::keys::Keys;
use crate::misfit::{Misfit, Place, Remarks};
use crate::reading::without_parentheses;
use crate::rule_file::PlacedRule;
use crate::term::{Operator, Term, duration_text};
use crate::{MAX_EXPRESSION_BYTES, MAX_FOR_MS, MAX_NAME_CHARACTERS, MAX_TOKENS};

/// A check item without its name, and what it differs in from the rule.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) item: CheckItem,
    pub(crate) remarks: Vec<String>,
}

/// A part of an expression that can be judged by itself.
struct Part {
    condition: Term,
    items: Items,
    remarks: Remarks,
}

/// The check items that an alerting rule becomes: several where the sides of `or` read different series.
pub(crate) fn drafts(placed: &PlacedRule<'_>, recorded: &[&str]) -> Result<Vec<Draft>, Misfit> {
    let rule = placed.rule;
    let name = rule.alert.as_deref().unwrap_or_default();
    check_name(name)?;
    let hold = rule.hold.as_ref().map_or(Ok(None), |text| hold(&text.value))?;
    let text = rule
        .expr
        .as_ref()
        .map_or("", |expression| expression.value.trim());
    let expression = read_expression(text)?;
    let parts = parts(&expression)?;
    let is_split = parts.len() > 1;
    let labels = labels(placed);
    let severity = severity(&labels);
    let mut drafts = Vec::new();
    for part in parts {
        let mut remarks = part.remarks;
        let list = part.items.into_data_list(&mut remarks)?;
        let read = list.items.iter().map(|item| item.name.as_str());
        for name in read.filter(|name| recorded.contains(name)) {
            remarks.add(format!(
                "{name} comes from a recording rule of this file and must go on being recorded"
            ));
        }
        if is_split {
            remarks.add("the sides of 'or' read different series and are one check item each");
        }
        if rule.keep_firing_for.is_some() {
            remarks.add("keep_firing_for is left out");
        }
        drafts.push(Draft {
            item: CheckItem {
                check_item: name.to_owned(),
                condition: part.condition.print(&list.numbers),
                data_list: list.items,
                plugin: String::new(),
                description: description(placed, &labels, severity, text, &remarks),
                severity,
                enabled: None,
                scope: None,
                hold,
                max_gap: None,
                // An alert is silent about what a host does not have.
                absent: Some(Absent::Ignore),
            },
            remarks: remarks.0,
        });
    }
    Ok(drafts)
}

fn check_name(name: &str) -> Result<(), Misfit> {
    let characters = name.chars().count();
    let has_wrong = name.chars().any(|letter| letter.is_control() || letter == ',');
    if name.trim() != name || has_wrong || !(1..=MAX_NAME_CHARACTERS).contains(&characters) {
        return Err(Misfit::of(
            Place::Rule,
            format!(
                "the name has {characters} characters; a check item's has 1 to {MAX_NAME_CHARACTERS}, no comma, no control character, no blank at its ends"
            ),
        ));
    }
    Ok(())
}

fn hold(text: &str) -> Result<Option<DurationText>, Misfit> {
    let number = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    if !number.is_empty() && number.chars().all(|digit| digit == '0') {
        return Ok(None);
    }
    let duration = parse_duration(text).map_err(|_| {
        let reason = format!("for: {text:?} is not a duration such as 5m");
        Misfit::of(Place::Hold, reason)
    })?;
    let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    if milliseconds > MAX_FOR_MS {
        let reason = format!("for: {text}; at most {} is allowed", duration_text(MAX_FOR_MS));
        return Err(Misfit::of(Place::Hold, reason));
    }
    Ok(Some(DurationText { milliseconds }))
}

fn read_expression(text: &str) -> Result<Expr, Misfit> {
    if text.is_empty() {
        return Err(Misfit::of(Place::Rule, "the rule has no expression (expr)"));
    }
    if text.len() > MAX_EXPRESSION_BYTES {
        return Err(Misfit::new(format!(
            "the expression has {} bytes; at most {MAX_EXPRESSION_BYTES} are read",
            text.len()
        )));
    }
    if has_too_many_tokens(text) {
        return Err(Misfit::new(format!(
            "the expression has more than {MAX_TOKENS} words and signs"
        )));
    }
    parse(text).map_err(|reason| Misfit::new(format!("the expression is not PromQL: {reason}")))
}

/// Whether it has more words, numbers and signs than are read: PromQL's parser goes as deep as there are operators.
fn has_too_many_tokens(text: &str) -> bool {
    let mut tokens = 0;
    let mut is_in_word = false;
    let mut quote = None;
    for letter in text.chars() {
        if quote.is_some() {
            // An escaped quote ends the text too early here, and so counts a few words more.
            quote = quote.filter(|quote| *quote != letter);
            continue;
        }
        if matches!(letter, '"' | '\'' | '`') {
            quote = Some(letter);
        }
        let is_word = letter.is_alphanumeric() || matches!(letter, '_' | ':' | '.');
        let goes_on = is_word && is_in_word;
        if !goes_on && !letter.is_whitespace() {
            tokens += 1;
        }
        is_in_word = is_word;
    }
    tokens > MAX_TOKENS
}

/// The sides of `or` that read different series, or the whole.
fn parts(expression: &Expr) -> Result<Vec<Part>, Misfit> {
    let Some(sides) = sides_of_or(expression) else {
        return Ok(vec![part(expression)?]);
    };
    let mut parts: Vec<Part> = Vec::new();
    for side in sides {
        let side = part(side)?;
        match parts.iter_mut().find(|known| known.items == side.items) {
            Some(known) => {
                known.condition = Term::binary(Operator::Or, known.condition.clone(), side.condition);
                side.remarks
                    .0
                    .into_iter()
                    .for_each(|remark| known.remarks.add(remark));
            }
            None => parts.push(side),
        }
    }
    Ok(parts)
}

fn sides_of_or(expression: &Expr) -> Option<Vec<&Expr>> {
    let Expr::Binary(BinaryExpr { op, lhs, rhs, .. }) = without_parentheses(expression) else {
        return None;
    };
    if op.id() != T_LOR {
        return None;
    }
    let mut sides = Vec::new();
    for side in [lhs, rhs] {
        match sides_of_or(side) {
            Some(inner) => sides.extend(inner),
            None => sides.push(side.as_ref()),
        }
    }
    Some(sides)
}

fn part(expression: &Expr) -> Result<Part, Misfit> {
    let mut reader = Reader::default();
    let condition = match reader.operand(expression, &Keys::Free)? {
        Operand::Vector(vector) => vector.condition(),
        Operand::Scalar(_) => None,
    };
    let condition = condition.ok_or_else(|| {
        Misfit::new("nothing is compared: the alert fires wherever the series is there; compare it, for example with == 1")
    })?;
    Ok(Part {
        condition,
        items: reader.items,
        remarks: reader.remarks,
    })
}

/// The labels of the rule, and those of its group that it does not set itself.
fn labels<'file>(placed: &PlacedRule<'file>) -> BTreeMap<&'file str, &'file str> {
    let all = placed.group_labels.iter().chain(&placed.rule.labels);
    all.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn severity(labels: &BTreeMap<&str, &str>) -> Option<Severity> {
    match *labels.get("severity")? {
        "info" => Some(Severity::Info),
        "warning" => Some(Severity::Warning),
        "critical" => Some(Severity::Critical),
        _ => None,
    }
}

/// What people are told: the annotations as they are, templates and all, then what the rule was.
fn description(
    placed: &PlacedRule<'_>,
    labels: &BTreeMap<&str, &str>,
    severity: Option<Severity>,
    expression: &str,
    remarks: &Remarks,
) -> String {
    let mut lines = Vec::new();
    for annotation in ["summary", "description", "message"] {
        if let Some(text) = placed.rule.annotations.get(annotation) {
            lines.push(text.trim().to_owned());
        }
    }
    if let Some(address) = placed.rule.annotations.get("runbook_url") {
        lines.push(format!("Runbook: {address}"));
    }
    let said_elsewhere = |name: &str| name == "severity" && severity.is_some();
    let others: Vec<String> = labels
        .iter()
        .filter(|(name, _)| !said_elsewhere(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if !others.is_empty() {
        lines.push(format!("Labels: {}", others.join(", ")));
    }
    let words: Vec<&str> = expression.split_whitespace().collect();
    lines.push(format!("Converted from PromQL: {}", words.join(" ")));
    lines.extend(remarks.0.iter().map(|remark| format!("Remark: {remark}.")));
    lines.join("\n")
}
