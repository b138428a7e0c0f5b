//! Aggregates over the series of a host.

use aops_api::rule::Aggregate;
use promql_parser::parser::token::{T_AVG, T_COUNT, T_DIV, T_MAX, T_MIN, T_MUL, T_SUM};
use promql_parser::parser::{AggregateExpr, BinaryExpr, Expr, LabelModifier};

use crate::expression::{Reader, Vector};
use crate::keys::{Keys, names};
use crate::label_set::{INSTANCE, LabelSet};
use crate::misfit::Misfit;
use crate::reading::{constant, reading_of, without_parentheses};
use crate::refused::refuse_aggregate;
use crate::term::{Operator, Term};

/// A constant that every element is multiplied with, or divided by.
struct Factor {
    operator: Operator,
    number: f64,
}

impl Reader {
    pub(crate) fn aggregate(&mut self, expression: &AggregateExpr, keys: &Keys) -> Result<Vector, Misfit> {
        let word = expression.op.to_string();
        let aggregate = match expression.op.id() {
            T_SUM => Aggregate::Sum,
            T_AVG => Aggregate::Avg,
            T_MIN => Aggregate::Min,
            T_MAX => Aggregate::Max,
            T_COUNT => Aggregate::Count,
            _ => return Err(refuse_aggregate(&word)),
        };
        let labels = keys.applied_to(grouping(expression, &word)?)?;
        let (inner, factors) = without_factors(&expression.expr);
        let reading = reading_of(inner)?.ok_or_else(|| refuse_inner(inner, &word))?;
        reading.check_aggregate(aggregate, &word)?;
        let is_turned = factors.iter().any(|factor| factor.number <= 0.0);
        if is_turned && matches!(aggregate, Aggregate::Min | Aggregate::Max) {
            return Err(Misfit::at(
                &word,
                format!("{word} of a series that is multiplied with 0 or less"),
            ));
        }
        let item = self.items.number(reading.item(labels.clone(), Some(aggregate))?);
        reading.remark(true, &mut self.remarks);
        let mut value = reading.term(item);
        // How many there are does not depend on their values.
        let factors = if aggregate == Aggregate::Count {
            Vec::new()
        } else {
            factors
        };
        for factor in factors.into_iter().rev() {
            value = Term::binary(factor.operator, value, Term::Number(factor.number));
        }
        Ok(Vector {
            value: Some(value),
            filter: None,
            guards: None,
            labels,
        })
    }
}

fn grouping(expression: &AggregateExpr, word: &str) -> Result<LabelSet, Misfit> {
    let (labels, advice) = match &expression.modifier {
        Some(LabelModifier::Include(labels)) => (LabelSet::Named(names(labels)), "add instance to by (…)"),
        Some(LabelModifier::Exclude(labels)) => (
            LabelSet::AllBut(names(labels)),
            "take instance out of without (…)",
        ),
        None => (LabelSet::Named(Default::default()), "aggregate by (instance)"),
    };
    if labels.contains(INSTANCE) {
        return Ok(labels);
    }
    Err(Misfit::at(
        word,
        format!("{word} goes across hosts; a check rule is judged host by host: {advice}"),
    ))
}

/// The expression without the constants that it is multiplied with or divided by; the outermost comes first.
fn without_factors(expression: &Expr) -> (&Expr, Vec<Factor>) {
    let mut inner = without_parentheses(expression);
    let mut factors = Vec::new();
    while let Expr::Binary(binary) = inner
        && let Some((rest, factor)) = split_factor(binary)
    {
        factors.push(factor);
        inner = without_parentheses(rest);
    }
    (inner, factors)
}

fn split_factor(binary: &BinaryExpr) -> Option<(&Expr, Factor)> {
    let factor = |operator, number: f64| number.is_finite().then_some(Factor { operator, number });
    match binary.op.id() {
        T_MUL => match (constant(&binary.lhs), constant(&binary.rhs)) {
            (None, Some(number)) => Some((&binary.lhs, factor(Operator::Multiply, number)?)),
            (Some(number), None) => Some((&binary.rhs, factor(Operator::Multiply, number)?)),
            _ => None,
        },
        T_DIV => {
            let number = constant(&binary.rhs).filter(|number| *number != 0.0)?;
            Some((&binary.lhs, factor(Operator::Divide, number)?))
        }
        _ => None,
    }
}

fn refuse_inner(inner: &Expr, word: &str) -> Misfit {
    let what = match inner {
        Expr::Aggregate(_) => "an aggregate",
        Expr::Binary(binary) if binary.op.is_comparison_operator() => "a comparison",
        Expr::Binary(binary) if binary.op.is_set_operator() => "a set operator",
        Expr::Binary(_) => "arithmetic between series",
        Expr::Call(call) => return crate::refused::refuse_call(call.func.name),
        _ => "this expression",
    };
    Misfit::at(
        word,
        format!("{word} of {what}; a data item aggregates series, or their rate or increase"),
    )
}
