//! The value of an expression at a moment.

use super::{Condition, Expression, Spelling, print};
use crate::operation::{apply_binary, apply_unary, choose, shares_pair};
use crate::value::Value;

/// Longest piece of a condition that is quoted in an error, in characters.
const QUOTED_CHARACTERS: usize = 200;

/// Where values come from at a moment.
pub(crate) trait Reading {
    /// The value of `$item`.
    fn item(&mut self, item: usize) -> Result<Value, String>;
    /// The value of a call of the condition.
    fn call(&mut self, call: usize) -> Result<Value, String>;
}

/// The value of `expression`, which is a part of `condition`. Every operand is evaluated, whatever the others are: an
/// error anywhere is an error of the whole.
pub(crate) fn evaluate(
    condition: &Condition,
    expression: &Expression,
    reading: &mut impl Reading,
) -> Result<Value, String> {
    match expression {
        Expression::Literal(value) => Ok(value.clone()),
        Expression::Item(item) => reading.item(*item),
        Expression::Call(call) => reading.call(*call),
        Expression::Unary { operator, operand } => {
            let operand = evaluate(condition, operand, reading)?;
            apply_unary(*operator, operand).map_err(|reason| at(&reason, condition, expression))
        }
        Expression::Chain { first, rest, .. } => {
            let mut value = evaluate(condition, first, reading)?;
            for (operator, operand) in rest {
                let operand = evaluate(condition, operand, reading)?;
                value = apply_binary(*operator, value, operand)
                    .map_err(|reason| at(&reason, condition, expression))?;
            }
            Ok(value)
        }
        Expression::Conditional {
            condition: question,
            then,
            otherwise,
        } => {
            let question = evaluate(condition, question, reading)?;
            let then = evaluate(condition, then, reading)?;
            let otherwise = evaluate(condition, otherwise, reading)?;
            choose(question, then, otherwise).map_err(|reason| at(&reason, condition, expression))
        }
        Expression::Membership { left, right, negated } => {
            let left = dictionary(condition, left, reading)?;
            let right = dictionary(condition, right, reading)?;
            shares_pair(&left, &right)
                .map(|shares| Value::Bool(shares != *negated))
                .map_err(|reason| at(&reason, condition, expression))
        }
    }
}

fn dictionary(
    condition: &Condition,
    pairs: &[(Expression, Expression)],
    reading: &mut impl Reading,
) -> Result<Vec<(Value, Value)>, String> {
    pairs
        .iter()
        .map(|(key, value)| {
            let key = evaluate(condition, key, reading)?;
            let value = evaluate(condition, value, reading)?;
            Ok((key, value))
        })
        .collect()
}

fn at(reason: &str, condition: &Condition, expression: &Expression) -> String {
    let text = print(condition, expression, Spelling::AsWritten);
    let mut quoted: String = text.chars().take(QUOTED_CHARACTERS).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    format!("{reason} in {quoted}")
}
