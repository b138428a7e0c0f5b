//! What is read of a series: its value, or a function over a range of it.

use std::time::Duration;

use aops_api::rule::{Aggregate, Transform};
use promql_parser::label::MatchOp;
use promql_parser::parser::token::{T_ADD, T_DIV, T_MUL, T_POW, T_SUB};
use promql_parser::parser::{Call, Expr, MatrixSelector, VectorSelector};

use crate::MAX_WINDOW_MS;
use crate::items::Item;
use crate::label_set::LabelSet;
use crate::matchers::demands;
use crate::misfit::{Misfit, Remarks};
use crate::term::{Term, duration_text};

/// A selector and what is read of its series.
#[derive(Debug)]
pub(crate) struct Reading<'expression> {
    selector: &'expression VectorSelector,
    transform: Option<Transform>,
    window: Option<Window>,
    /// The function as it was written, for remarks.
    written: String,
}

/// A function over a window of samples.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Window {
    function: &'static str,
    arguments: String,
}

/// How functions over a range are said in a check rule.
const RANGE_FUNCTIONS: [(&str, Option<Transform>, Option<&str>); 9] = [
    ("rate", Some(Transform::Rate), Some("avg")),
    ("irate", Some(Transform::Rate), None),
    ("increase", Some(Transform::Increase), Some("sum")),
    ("delta", Some(Transform::Delta), Some("sum")),
    ("idelta", Some(Transform::Delta), None),
    ("avg_over_time", None, Some("avg")),
    ("sum_over_time", None, Some("sum")),
    ("min_over_time", None, Some("min")),
    ("max_over_time", None, Some("max")),
];

/// Reads an expression that is a selector or a function over a range of one; `None` if it is something else.
pub(crate) fn reading_of(expression: &Expr) -> Result<Option<Reading<'_>>, Misfit> {
    match expression {
        Expr::Paren(parentheses) => reading_of(&parentheses.expr),
        Expr::VectorSelector(selector) => Ok(Some(Reading {
            selector,
            transform: None,
            window: None,
            written: String::new(),
        })),
        Expr::Call(call) => reading_of_call(call),
        _ => Ok(None),
    }
}

fn reading_of_call(call: &Call) -> Result<Option<Reading<'_>>, Misfit> {
    let name = call.func.name;
    if name == "predict_linear" {
        return reading_of_prediction(call).map(Some);
    }
    let row = RANGE_FUNCTIONS.iter().find(|(known, _, _)| *known == name);
    let Some((_, transform, function)) = row else {
        return Ok(None);
    };
    let matrix = range_of(call)?;
    let range = window_text(matrix.range)?;
    Ok(Some(Reading {
        selector: &matrix.vs,
        transform: *transform,
        written: format!("{name}(…[{range}])"),
        window: function.map(|function| Window {
            function,
            arguments: range,
        }),
    }))
}

fn reading_of_prediction(call: &Call) -> Result<Reading<'_>, Misfit> {
    let name = call.func.name;
    let matrix = range_of(call)?;
    let range = window_text(matrix.range)?;
    let ahead = call.args.args.get(1).and_then(|ahead| constant(ahead));
    let ahead_s = ahead.filter(|ahead_s| (0.0..=MAX_WINDOW_MS as f64 / 1_000.0).contains(ahead_s));
    let ahead_s = ahead_s.ok_or_else(|| {
        Misfit::at(
            name,
            "predict_linear: how far ahead must be a number of seconds from 0 to 31 days",
        )
    })?;
    let ahead_ms = (ahead_s * 1_000.0).round() as i64;
    Ok(Reading {
        selector: &matrix.vs,
        transform: None,
        written: format!("{name}(…[{range}], …)"),
        window: Some(Window {
            function: "predict",
            arguments: format!("{range}, {}", duration_text(ahead_ms)),
        }),
    })
}

fn range_of(call: &Call) -> Result<&MatrixSelector, Misfit> {
    let name = call.func.name;
    match call
        .args
        .args
        .first()
        .map(|argument| without_parentheses(argument))
    {
        Some(Expr::MatrixSelector(matrix)) => Ok(matrix),
        Some(Expr::Subquery(_)) => Err(Misfit::at(
            name,
            format!(
                "{name} of a subquery: a check rule reads samples, not earlier outcomes; record the inner expression as a series"
            ),
        )),
        _ => Err(Misfit::at(
            name,
            format!("{name} without a range of a series, such as {name}(m[5m])"),
        )),
    }
}

pub(crate) fn without_parentheses(expression: &Expr) -> &Expr {
    match expression {
        Expr::Paren(parentheses) => without_parentheses(&parentheses.expr),
        other => other,
    }
}

fn window_text(range: Duration) -> Result<String, Misfit> {
    let milliseconds = i64::try_from(range.as_millis()).unwrap_or(i64::MAX);
    if milliseconds > MAX_WINDOW_MS {
        return Err(Misfit::new(format!(
            "a range of {}; a window is at most {} long",
            duration_text(milliseconds),
            duration_text(MAX_WINDOW_MS)
        )));
    }
    Ok(duration_text(milliseconds))
}

/// The value of an expression of numbers alone.
pub(crate) fn constant(expression: &Expr) -> Option<f64> {
    match expression {
        Expr::Paren(parentheses) => constant(&parentheses.expr),
        Expr::NumberLiteral(number) => Some(number.val),
        Expr::Unary(unary) => constant(&unary.expr).map(|value| -value),
        Expr::Binary(binary) => {
            let left = constant(&binary.lhs)?;
            let right = constant(&binary.rhs)?;
            match binary.op.id() {
                T_ADD => Some(left + right),
                T_SUB => Some(left - right),
                T_MUL => Some(left * right),
                T_DIV => Some(left / right),
                T_POW => Some(left.powf(right)),
                _ => None,
            }
        }
        _ => None,
    }
}

impl Reading<'_> {
    /// The data item that it reads, told apart by `labels`.
    pub(crate) fn item(&self, labels: LabelSet, aggregate: Option<Aggregate>) -> Result<Item, Misfit> {
        let selector = self.selector;
        if selector.offset.is_some() {
            return Err(Misfit::at(
                "offset",
                "offset is not known to check rules; change(w) is the growth since w ago",
            ));
        }
        if selector.at.is_some() {
            return Err(Misfit::at(
                "@",
                "the modifier @ is not known to check rules; they are judged at every sample",
            ));
        }
        if !selector.matchers.or_matchers.is_empty() {
            return Err(Misfit::at(
                "or",
                "'or' between label matchers; write one rule for each",
            ));
        }
        let is_name = |name: &str| name == "__name__";
        let names = selector
            .matchers
            .matchers
            .iter()
            .filter(|matcher| is_name(&matcher.name));
        let mut name = selector.name.clone();
        for matcher in names {
            if matcher.op != MatchOp::Equal || name.is_some() {
                name = None;
                break;
            }
            name = Some(matcher.value.clone());
        }
        let name = name.ok_or_else(|| {
            Misfit::at(
                "__name__",
                "a selector without exactly one metric name; a data item has one, write one rule for each",
            )
        })?;
        if matches!(name.as_str(), "ALERTS" | "ALERTS_FOR_STATE") {
            return Err(Misfit::at(
                &name,
                format!("{name} is what Prometheus says of its own alerts; fault trees join check rules"),
            ));
        }
        let others: Vec<_> = selector
            .matchers
            .matchers
            .iter()
            .filter(|matcher| !is_name(&matcher.name))
            .cloned()
            .collect();
        Ok(Item {
            name,
            demands: demands(&others)?,
            labels,
            transform: self.transform,
            aggregate,
        })
    }

    /// Its value in a condition.
    pub(crate) fn term(&self, item: usize) -> Term {
        match &self.window {
            None => Term::Item(item),
            Some(window) => Term::Call {
                item,
                function: window.function,
                arguments: window.arguments.clone(),
            },
        }
    }

    /// Refuses what is another thing when series are aggregated before the window and not after it.
    pub(crate) fn check_aggregate(&self, aggregate: Aggregate, operator: &str) -> Result<(), Misfit> {
        let Some(window) = &self.window else {
            return Ok(());
        };
        let commutes = match aggregate {
            Aggregate::Sum | Aggregate::Avg => !matches!(window.function, "min" | "max"),
            Aggregate::Max => window.function == "max",
            Aggregate::Min => window.function == "min",
            Aggregate::Count => false,
        };
        if commutes {
            return Ok(());
        }
        let hint = match aggregate {
            Aggregate::Max | Aggregate::Min => "; without the aggregate each series is judged by itself",
            Aggregate::Count => "; count the series themselves",
            Aggregate::Sum | Aggregate::Avg => "",
        };
        Err(Misfit::at(
            operator,
            format!(
                "{operator} of {}: a check rule aggregates first and applies the window to the outcome, which is another value{hint}",
                self.written
            ),
        ))
    }

    pub(crate) fn remark(&self, is_aggregated: bool, remarks: &mut Remarks) {
        let Some(window) = &self.window else {
            return;
        };
        let written = &self.written;
        match (self.transform, window.function) {
            (Some(Transform::Rate), _) => remarks.add(format!(
                "{written} is the mean of the rates from sample to sample in the window, without Prometheus' extrapolation"
            )),
            (Some(_), _) => remarks.add(format!(
                "{written} is the sum of the differences from sample to sample in the window, without Prometheus' extrapolation: up to one sample interval more"
            )),
            (None, "predict") => remarks.add(format!("{written} of a single sample is its value; Prometheus has none then")),
            (None, _) => {}
        }
        let is_smoothed = matches!(window.function, "avg" | "sum" | "predict");
        if is_aggregated && is_smoothed {
            remarks.add(format!(
                "series are aggregated before {written}: the same where they are sampled together"
            ));
        }
    }
}
