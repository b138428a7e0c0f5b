//! Why a verdict is what it is: how far the condition was from turning, and the values of its parts.

use aops_api::finding::{DecidingSample, ExpressionValue};

use crate::condition::{Condition, Expression, Reading, Spelling, evaluate, print};
use crate::moment::{LabelSetSeries, Moment};
use crate::operation::BinaryOperator;
use crate::rule::Rule;
use crate::window::Windows;

/// Most sub-expressions that the evidence of a verdict shows.
pub const MAX_EXPLAINED_VALUES: usize = 64;
/// Longest shown sub-expression and longest shown value, in characters.
const SHOWN_CHARACTERS: usize = 256;

/// How far a condition that holds is from not holding: of `a > b` it is a − b, of `a < b` it is b − a; of `&&` the
/// smallest, of `||` the largest. Sides that have none are left out; `None` when none has one.
pub(crate) fn margin(
    condition: &Condition,
    expression: &Expression,
    reading: &mut impl Reading,
) -> Option<f64> {
    let Expression::Chain { first, rest, .. } = expression else {
        return None;
    };
    let (operator, second) = rest.first()?;
    match operator {
        BinaryOperator::And => margin_of_all(condition, first, rest, reading, f64::min),
        BinaryOperator::Or => margin_of_all(condition, first, rest, reading, f64::max),
        BinaryOperator::Greater | BinaryOperator::GreaterOrEqual if compares_once(first, rest) => {
            difference(condition, first, second, reading)
        }
        BinaryOperator::Less | BinaryOperator::LessOrEqual if compares_once(first, rest) => {
            difference(condition, second, first, reading)
        }
        _ => None,
    }
}

/// Whether it is one comparison and not one of `a > b > c`, with or without parentheses.
pub(crate) fn compares_once(first: &Expression, rest: &[(BinaryOperator, Expression)]) -> bool {
    let compares =
        |rest: &[(BinaryOperator, Expression)]| rest.iter().any(|(operator, _)| operator.is_comparison());
    let is_compared_before = matches!(first, Expression::Chain { rest, .. } if compares(rest));
    rest.len() == 1 && !is_compared_before
}

fn margin_of_all(
    condition: &Condition,
    first: &Expression,
    rest: &[(BinaryOperator, Expression)],
    reading: &mut impl Reading,
    choose: impl Fn(f64, f64) -> f64,
) -> Option<f64> {
    let mut chosen = margin(condition, first, reading);
    for (_, operand) in rest {
        let margin = margin(condition, operand, reading);
        chosen = match (chosen, margin) {
            (Some(chosen), Some(margin)) => Some(choose(chosen, margin)),
            (one, other) => one.or(other),
        };
    }
    chosen
}

/// JSON has no infinite numbers, so an infinite margin is none.
fn difference(
    condition: &Condition,
    minuend: &Expression,
    subtrahend: &Expression,
    reading: &mut impl Reading,
) -> Option<f64> {
    let minuend = evaluate(condition, minuend, reading).ok()?.number()?;
    let subtrahend = evaluate(condition, subtrahend, reading).ok()?.number()?;
    Some(minuend.as_float() - subtrahend.as_float()).filter(|margin| margin.is_finite())
}

/// The sample of `$0` at `time_ms`, with the values of the condition's parts. Reads the series anew, so that nothing need
/// be kept for samples that are never shown.
pub(crate) fn deciding_sample(
    rule: &Rule,
    series: &LabelSetSeries<'_, '_>,
    windows: &mut Windows,
    time_ms: i64,
    margin: Option<f64>,
) -> DecidingSample {
    let mut moment = Moment::new(rule, series, windows);
    moment.advance(time_ms);
    let mut values = Vec::new();
    explain(&rule.condition, &rule.condition.root, &mut moment, &mut values);
    DecidingSample {
        time_ms,
        margin,
        values,
    }
}

/// Parts before what they are parts of; equal ones once; literals not at all.
fn explain(
    condition: &Condition,
    expression: &Expression,
    reading: &mut impl Reading,
    values: &mut Vec<ExpressionValue>,
) {
    if values.len() >= MAX_EXPLAINED_VALUES {
        return;
    }
    match expression {
        Expression::Literal(_) => return,
        Expression::Item(_) | Expression::Call(_) => {}
        Expression::Unary { operand, .. } => {
            if matches!(**operand, Expression::Literal(_)) {
                return;
            }
            explain(condition, operand, reading, values);
        }
        Expression::Chain { first, rest, .. } => {
            explain(condition, first, reading, values);
            for (_, operand) in rest {
                explain(condition, operand, reading, values);
            }
        }
        Expression::Conditional {
            condition: question,
            then,
            otherwise,
        } => {
            for part in [question, then, otherwise] {
                explain(condition, part, reading, values);
            }
        }
        Expression::Membership { left, right, .. } => {
            for (key, value) in left.iter().chain(right) {
                explain(condition, key, reading, values);
                explain(condition, value, reading, values);
            }
        }
    }
    if values.len() >= MAX_EXPLAINED_VALUES {
        return;
    }
    let text = shortened(&print(condition, expression, Spelling::AsWritten));
    if values.iter().any(|known| known.expression == text) {
        return;
    }
    let value = match evaluate(condition, expression, reading) {
        Ok(value) => value.to_string(),
        Err(reason) => format!("error: {reason}"),
    };
    values.push(ExpressionValue {
        expression: text,
        value: shortened(&value),
    });
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::parse;
    use crate::value::Value;

    /// `$0` is 5 and `$1` is 5.5.
    struct FiveAndMore;

    impl Reading for FiveAndMore {
        fn item(&mut self, item: usize) -> Result<Value, String> {
            Ok([Value::Int(5), Value::Float(5.5)][item].clone())
        }

        fn call(&mut self, _call: usize) -> Result<Value, String> {
            Ok(Value::Float(f64::NEG_INFINITY))
        }
    }

    #[test]
    fn margins_tell_how_far_the_condition_is_from_turning() {
        for (text, expected) in [
            ("$0 > 3", Some(2.0)),
            ("$0 >= 3", Some(2.0)),
            ("$0 < 8", Some(3.0)),
            ("$0 <= 8", Some(3.0)),
            ("$0 > 3 && $1 > 5", Some(0.5)),
            ("$0 > 3 || $1 > 5", Some(2.0)),
            ("$0 > 3 && $0 == 5", Some(2.0)),
            ("$0 == 5 && $0 > 3 && $0 < 6", Some(1.0)),
            ("$0 == 5", None),
            ("$0", None),
            ("!($0 > 9)", None),
            ("9 > $0 > 0", None),
            ("'b' > 'a'", None),
            ("$0 > max(-1)", None),
        ] {
            let condition = parse(text, &["m", "n"]).expect(text);
            assert_eq!(
                margin(&condition, &condition.root, &mut FiveAndMore),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let sums: Vec<String> = (0..100).map(|number| format!("($0 + {number} > 'ä')")).collect();
        let condition = parse(&sums.join(" && "), &["m"]).expect("a condition");
        let mut values = Vec::new();
        explain(&condition, &condition.root, &mut FiveAndMore, &mut values);
        assert_eq!(values.len(), MAX_EXPLAINED_VALUES);
        assert_eq!(shortened(&"ä".repeat(300)).chars().count(), SHOWN_CHARACTERS + 1);
    }
}
