//! What operators do with values: Python's semantics with checked 128-bit integers.

use std::cmp::Ordering;

use crate::value::{MAX_TEXT_BYTES, Number, TWO_TO_127, Value};

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BinaryOperator {
    Or,
    And,
    BitOr,
    BitXor,
    BitAnd,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    ShiftLeft,
    ShiftRight,
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
    Complement,
}

impl BinaryOperator {
    /// Whether a comparison of finite floats holds; what is no comparison never does.
    #[inline]
    pub(crate) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            BinaryOperator::Equal => left == right,
            BinaryOperator::NotEqual => left != right,
            BinaryOperator::Less => left < right,
            BinaryOperator::Greater => left > right,
            BinaryOperator::LessOrEqual => left <= right,
            BinaryOperator::GreaterOrEqual => left >= right,
            _ => false,
        }
    }

    /// Whether it compares and answers true or false.
    #[inline]
    pub(crate) fn is_comparison(self) -> bool {
        matches!(
            self,
            BinaryOperator::Equal
                | BinaryOperator::NotEqual
                | BinaryOperator::Less
                | BinaryOperator::Greater
                | BinaryOperator::LessOrEqual
                | BinaryOperator::GreaterOrEqual
        )
    }
}

const BEYOND_128_BITS: &str = "an integer beyond 128 bits";

/// Both operands have been evaluated already, whatever the operator: none is skipped.
pub(crate) fn apply_binary(operator: BinaryOperator, left: Value, right: Value) -> Result<Value, String> {
    refuse_null(&left)?;
    refuse_null(&right)?;
    match operator {
        BinaryOperator::Or => Ok(if left.is_truthy() { left } else { right }),
        BinaryOperator::And => Ok(if left.is_truthy() { right } else { left }),
        BinaryOperator::BitOr => bitwise(&left, &right, |left, right| Ok(left | right)),
        BinaryOperator::BitXor => bitwise(&left, &right, |left, right| Ok(left ^ right)),
        BinaryOperator::BitAnd => bitwise(&left, &right, |left, right| Ok(left & right)),
        BinaryOperator::ShiftLeft => bitwise(&left, &right, shift_left),
        BinaryOperator::ShiftRight => bitwise(&left, &right, shift_right),
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
    if operator == UnaryOperator::Complement {
        return complement(&operand);
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

/// One of two values, both of which have been evaluated.
pub(crate) fn choose(question: Value, then: Value, otherwise: Value) -> Result<Value, String> {
    for value in [&question, &then, &otherwise] {
        refuse_null(value)?;
    }
    Ok(if question.is_truthy() { then } else { otherwise })
}

/// Whether any pair of `left` is in `right`. Of pairs with equal keys the last counts.
pub(crate) fn shares_pair(left: &[(Value, Value)], right: &[(Value, Value)]) -> Result<bool, String> {
    for (key, value) in left.iter().chain(right) {
        refuse_null(key)?;
        refuse_null(value)?;
    }
    let last = |pairs: &[(Value, Value)], wanted: &Value| -> Option<Value> {
        let mut from_the_end = pairs.iter().rev();
        let found = from_the_end.find(|(key, _)| are_equal(key, wanted));
        found.map(|(_, value)| value.clone())
    };
    let is_in_both = |key: &Value| match (last(left, key), last(right, key)) {
        (Some(left), Some(right)) => are_equal(&left, &right),
        _ => false,
    };
    Ok(left.iter().any(|(key, _)| is_in_both(key)))
}

/// What a comparison says of two values, neither of them null.
pub(crate) fn compare(operator: BinaryOperator, left: &Value, right: &Value) -> Result<bool, String> {
    let outcome = apply_binary(operator, left.clone(), right.clone())?;
    Ok(outcome.is_truthy())
}

fn complement(operand: &Value) -> Result<Value, String> {
    match operand.number() {
        Some(Number::Int(integer)) => Ok(Value::Int(!integer)),
        _ => Err(format!("'~' before {}, not a whole number", operand.kind())),
    }
}

/// Both operands cut down to whole numbers.
fn bitwise(
    left: &Value,
    right: &Value,
    of_integers: impl Fn(i128, i128) -> Result<i128, String>,
) -> Result<Value, String> {
    let (left, right) = numbers(left, right)?;
    of_integers(truncated(left)?, truncated(right)?).map(Value::Int)
}

fn truncated(number: Number) -> Result<i128, String> {
    match number {
        Number::Int(integer) => Ok(integer),
        Number::Float(float) if (-TWO_TO_127..TWO_TO_127).contains(&float) => Ok(float.trunc() as i128),
        Number::Float(float) if float.is_finite() => Err(BEYOND_128_BITS.to_owned()),
        Number::Float(float) => Err(format!("{float} as a whole number")),
    }
}

fn shift_left(value: i128, by: i128) -> Result<i128, String> {
    if by < 0 {
        return Err("a shift by a negative number".to_owned());
    }
    if value == 0 {
        return Ok(0);
    }
    let by = u32::try_from(by)
        .ok()
        .filter(|by| *by < 128)
        .ok_or(BEYOND_128_BITS)?;
    let shifted = value << by;
    // Bits that fell out do not come back.
    if shifted >> by != value {
        return Err(BEYOND_128_BITS.to_owned());
    }
    Ok(shifted)
}

fn shift_right(value: i128, by: i128) -> Result<i128, String> {
    if by < 0 {
        return Err("a shift by a negative number".to_owned());
    }
    let by = u32::try_from(by).unwrap_or(u32::MAX).min(127);
    Ok(value >> by)
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
    let quotient = match (dividend, divisor) {
        (Number::Int(dividend), Number::Int(divisor)) => divide_integers(dividend, divisor),
        _ => dividend.as_float() / divisor.as_float(),
    };
    Ok(Value::Float(quotient))
}

/// Rounded once, as Python does, also where the integers are no floats.
fn divide_integers(dividend: i128, divisor: i128) -> f64 {
    const EXACT: u128 = 1 << 53;
    // Two bits more than a float has, so that what is behind them decides only whether they are all there is.
    const BITS: u32 = 55;
    let (numerator, denominator) = (dividend.unsigned_abs(), divisor.unsigned_abs());
    if numerator <= EXACT && denominator <= EXACT {
        return dividend as f64 / divisor as f64;
    }
    let mut quotient = numerator / denominator;
    let mut rest = numerator % denominator;
    let mut exponent = 0;
    while rest != 0 && quotient >> (BITS - 1) == 0 {
        // Twice a rest is below twice the denominator, which is at most 2^127.
        rest *= 2;
        let bit = u128::from(rest >= denominator);
        rest -= bit * denominator;
        quotient = quotient * 2 + bit;
        exponent -= 1;
    }
    let magnitude = (quotient | u128::from(rest != 0)) as f64 * 2.0_f64.powi(exponent);
    if (dividend < 0) == (divisor < 0) {
        magnitude
    } else {
        -magnitude
    }
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
    Ok(Value::Float(floored_rest(
        dividend.as_float(),
        divisor.as_float(),
    )))
}

/// The rest of floats, with the sign of the divisor.
#[inline]
pub(crate) fn floored_rest(dividend: f64, divisor: f64) -> f64 {
    let rest = dividend % divisor;
    let has_other_sign = rest != 0.0 && (rest < 0.0) != (divisor < 0.0);
    if has_other_sign { rest + divisor } else { rest }
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
    fn quotients_of_integers_are_rounded_once() {
        let divide = |left, right| apply_binary(BinaryOperator::Divide, int(left), int(right));
        let exact = |left, right, expected| assert_eq!(divide(left, right), Ok(Value::Float(expected)));
        exact(27_021_597_764_222_979, 3, 9_007_199_254_740_992.0);
        exact(-27_021_597_764_222_979, 3, -9_007_199_254_740_992.0);
        exact(i128::MAX, i128::MAX, 1.0);
        exact(
            i128::MIN,
            1,
            -170_141_183_460_469_231_731_687_303_715_884_105_728.0,
        );
        exact(1, i128::MIN, -5.877_471_754_111_438e-39);
        exact(i128::MAX, 2, 85_070_591_730_234_615_865_843_651_857_942_052_864.0);
        exact(1, 3, 1.0 / 3.0);
        exact((1 << 60) + 1, 1 << 60, 1.0);
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
