//! What operators do with values: Python's semantics with checked 128-bit integers.

use std::cmp::Ordering;

use crate::value::{MAX_TEXT_BYTES, Number, Value};

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOperator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// An operator before one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnaryOperator {
    Plus,
    Minus,
    Not,
}

const BEYOND_128_BITS: &str = "an integer beyond 128 bits";

/// Both operands have been evaluated already, whatever the operator: none is skipped.
pub(crate) fn apply_binary(operator: BinaryOperator, left: Value, right: Value) -> Result<Value, String> {
    refuse_null(&left)?;
    refuse_null(&right)?;
    match operator {
        BinaryOperator::Or => Ok(if left.is_truthy() { left } else { right }),
        BinaryOperator::And => Ok(if left.is_truthy() { right } else { left }),
        BinaryOperator::Equal => Ok(Value::Bool(are_equal(&left, &right))),
        BinaryOperator::NotEqual => Ok(Value::Bool(!are_equal(&left, &right))),
        BinaryOperator::Less => order(&left, &right, |ordering| ordering == Ordering::Less),
        BinaryOperator::Greater => order(&left, &right, |ordering| ordering == Ordering::Greater),
        BinaryOperator::LessOrEqual => order(&left, &right, |ordering| ordering != Ordering::Greater),
        BinaryOperator::GreaterOrEqual => order(&left, &right, |ordering| ordering != Ordering::Less),
        BinaryOperator::Add => add(&left, &right),
        BinaryOperator::Subtract => {
            arithmetic(&left, &right, i128::checked_sub, |minuend, other| minuend - other)
        }
        BinaryOperator::Multiply => multiply(&left, &right),
        BinaryOperator::Divide => divide(&left, &right),
        BinaryOperator::Modulo => modulo(&left, &right),
    }
}

pub(crate) fn apply_unary(operator: UnaryOperator, operand: Value) -> Result<Value, String> {
    refuse_null(&operand)?;
    if operator == UnaryOperator::Not {
        return Ok(Value::Bool(!operand.is_truthy()));
    }
    let number = operand
        .number()
        .ok_or_else(|| format!("a sign before {}", operand.kind()))?;
    match (operator, number) {
        (UnaryOperator::Minus, Number::Int(integer)) => {
            let negated = integer.checked_neg().ok_or(BEYOND_128_BITS)?;
            Ok(Value::Int(negated))
        }
        (UnaryOperator::Minus, Number::Float(float)) => Ok(Value::Float(-float)),
        _ => Ok(number.into()),
    }
}

fn refuse_null(value: &Value) -> Result<(), String> {
    match value {
        Value::Null => Err("null as an operand".to_owned()),
        _ => Ok(()),
    }
}

/// Different kinds are not equal; that is no error.
fn are_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left == right,
        _ => match (left.number(), right.number()) {
            (Some(left), Some(right)) => left.compare(right) == Some(Ordering::Equal),
            _ => false,
        },
    }
}

/// Nothing compares with NaN: every order with it is false.
fn order(left: &Value, right: &Value, holds: impl Fn(Ordering) -> bool) -> Result<Value, String> {
    let ordering = match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        _ => {
            let (left, right) = numbers(left, right)?;
            left.compare(right)
        }
    };
    Ok(Value::Bool(ordering.is_some_and(holds)))
}

fn numbers(left: &Value, right: &Value) -> Result<(Number, Number), String> {
    match (left.number(), right.number()) {
        (Some(left), Some(right)) => Ok((left, right)),
        _ => Err(format!("{} with {}", left.kind(), right.kind())),
    }
}

fn arithmetic(
    left: &Value,
    right: &Value,
    of_integers: impl Fn(i128, i128) -> Option<i128>,
    of_floats: impl Fn(f64, f64) -> f64,
) -> Result<Value, String> {
    match numbers(left, right)? {
        (Number::Int(left), Number::Int(right)) => {
            let integer = of_integers(left, right).ok_or(BEYOND_128_BITS)?;
            Ok(Value::Int(integer))
        }
        (left, right) => Ok(Value::Float(of_floats(left.as_float(), right.as_float()))),
    }
}

fn add(left: &Value, right: &Value) -> Result<Value, String> {
    let (Value::Text(left), Value::Text(right)) = (left, right) else {
        return arithmetic(left, right, i128::checked_add, |augend, addend| augend + addend);
    };
    limit_text(left.len() + right.len())?;
    Ok(Value::text(&format!("{left}{right}")))
}

/// An integer times a text repeats it.
fn multiply(left: &Value, right: &Value) -> Result<Value, String> {
    let (text, other) = match (left, right) {
        (Value::Text(text), other) | (other, Value::Text(text)) => (text, other),
        _ => return arithmetic(left, right, i128::checked_mul, |factor, other| factor * other),
    };
    let Some(Number::Int(times)) = other.number() else {
        return Err(format!("{} with {}", left.kind(), right.kind()));
    };
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    limit_text(text.len().saturating_mul(times))?;
    // An empty text may be asked for any number of times.
    let times = if text.is_empty() { 0 } else { times };
    Ok(Value::text(&text.repeat(times)))
}

fn limit_text(bytes: usize) -> Result<(), String> {
    if bytes > MAX_TEXT_BYTES {
        return Err(format!("a text longer than {MAX_TEXT_BYTES} bytes"));
    }
    Ok(())
}

/// True division, also of integers.
fn divide(left: &Value, right: &Value) -> Result<Value, String> {
    let (dividend, divisor) = numbers(left, right)?;
    if divisor.is_zero() {
        return Err("division by zero".to_owned());
    }
    Ok(Value::Float(dividend.as_float() / divisor.as_float()))
}

/// Floored: the outcome has the sign of the divisor.
fn modulo(left: &Value, right: &Value) -> Result<Value, String> {
    let (dividend, divisor) = numbers(left, right)?;
    if divisor.is_zero() {
        return Err("division by zero".to_owned());
    }
    if let (Number::Int(dividend), Number::Int(divisor)) = (dividend, divisor) {
        // The only overflow, MIN % -1, has no rest.
        let rest = dividend.checked_rem(divisor).unwrap_or(0);
        let has_other_sign = rest != 0 && (rest < 0) != (divisor < 0);
        return Ok(Value::Int(if has_other_sign { rest + divisor } else { rest }));
    }
    let divisor = divisor.as_float();
    let rest = dividend.as_float() % divisor;
    let has_other_sign = rest != 0.0 && (rest < 0.0) != (divisor < 0.0);
    Ok(Value::Float(if has_other_sign { rest + divisor } else { rest }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(integer: i128) -> Value {
        Value::Int(integer)
    }

    #[test]
    fn integers_beyond_128_bits_are_an_error() {
        for (operator, left, right) in [
            (BinaryOperator::Add, i128::MAX, 1),
            (BinaryOperator::Subtract, i128::MIN, 1),
            (BinaryOperator::Multiply, i128::MAX, 2),
        ] {
            let outcome = apply_binary(operator, int(left), int(right));
            assert_eq!(outcome, Err(BEYOND_128_BITS.to_owned()), "{operator:?}");
        }
        assert!(apply_unary(UnaryOperator::Minus, int(i128::MIN)).is_err());
        assert_eq!(
            apply_binary(BinaryOperator::Modulo, int(i128::MIN), int(-1)),
            Ok(int(0))
        );
    }

    #[test]
    fn modulo_is_floored() {
        for (left, right, expected) in [
            (int(-7), int(3), int(2)),
            (int(7), int(-3), int(-2)),
            (int(6), int(3), int(0)),
            (Value::Float(-7.5), int(3), Value::Float(1.5)),
            (Value::Float(7.5), int(-3), Value::Float(-1.5)),
        ] {
            let outcome = apply_binary(BinaryOperator::Modulo, left, right);
            assert_eq!(outcome, Ok(expected));
        }
    }

    #[test]
    fn texts_join_repeat_and_compare_but_do_not_mix() {
        let text = |text: &str| Value::text(text);
        assert_eq!(
            apply_binary(BinaryOperator::Add, text("a"), text("b")),
            Ok(text("ab"))
        );
        assert_eq!(
            apply_binary(BinaryOperator::Multiply, int(2), text("ab")),
            Ok(text("abab"))
        );
        assert_eq!(
            apply_binary(BinaryOperator::Multiply, text("ab"), int(-1)),
            Ok(text(""))
        );
        assert!(apply_binary(BinaryOperator::Multiply, text("ab"), int(1 << 40)).is_err());
        assert_eq!(
            apply_binary(BinaryOperator::Multiply, text(""), int(i128::MAX)),
            Ok(text(""))
        );
        assert!(apply_binary(BinaryOperator::Multiply, text("ab"), Value::Float(2.0)).is_err());
        assert_eq!(
            apply_binary(BinaryOperator::Less, text("a"), text("b")),
            Ok(Value::Bool(true))
        );
        assert_eq!(
            apply_binary(BinaryOperator::Less, text("a"), int(1)),
            Err("a text with a number".to_owned())
        );
        assert_eq!(
            apply_binary(BinaryOperator::Equal, text("1"), int(1)),
            Ok(Value::Bool(false))
        );
    }
}
