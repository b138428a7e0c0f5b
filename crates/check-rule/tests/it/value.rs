//! Values and operators as Python has them, with integers of 128 bits and texts of 64 KiB: the specification's B.4.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::Regex;

use crate::world::Sample;

const LONGEST_TEXT_BYTES: usize = 65_536;
/// Above it a float no longer tells neighbouring integers apart.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
/// 2^127.
const BEYOND_INTEGERS: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fault(pub(crate) &'static str);

pub(crate) type Outcome = Result<Value, Fault>;

#[derive(Clone, Copy)]
pub(crate) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub(crate) fn float(self) -> f64 {
        match self {
            Number::Int(int) => int as f64,
            Number::Float(float) => float,
        }
    }

    /// `int(x)`.
    fn truncated(self) -> Result<i128, Fault> {
        match self {
            Number::Int(int) => Ok(int),
            Number::Float(float) if float.is_nan() => Err(Fault("NaN is no integer")),
            Number::Float(float) if (-BEYOND_INTEGERS..BEYOND_INTEGERS).contains(&float.trunc()) => {
                Ok(float.trunc() as i128)
            }
            Number::Float(_) => Err(Fault("integer beyond 128 bits")),
        }
    }

    /// `None` when one of them is NaN. An integer and a float are compared as what they are, not as two floats.
    pub(crate) fn compare(self, other: Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Int(left), Number::Int(right)) => Some(left.cmp(&right)),
            (Number::Float(left), Number::Float(right)) => left.partial_cmp(&right),
            (Number::Int(left), Number::Float(right)) => compare_with_float(left, right),
            (Number::Float(left), Number::Int(right)) => {
                compare_with_float(right, left).map(Ordering::reverse)
            }
        }
    }
}

fn compare_with_float(int: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= BEYOND_INTEGERS {
        return Some(Ordering::Less);
    }
    if float < -BEYOND_INTEGERS {
        return Some(Ordering::Greater);
    }
    let whole = int.cmp(&(float.trunc() as i128));
    let fraction = float - float.trunc();
    Some(whole.then(0.0_f64.partial_cmp(&fraction)?))
}

impl Value {
    pub(crate) fn number(&self) -> Option<Number> {
        match self {
            Value::Bool(holds) => Some(Number::Int(i128::from(*holds))),
            Value::Int(int) => Some(Number::Int(*int)),
            Value::Float(float) => Some(Number::Float(*float)),
            Value::Null | Value::Text(_) => None,
        }
    }

    /// Null is not.
    pub(crate) fn is_truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(holds) => *holds,
            Value::Int(int) => *int != 0,
            Value::Float(float) => *float != 0.0,
            Value::Text(text) => !text.is_empty(),
        }
    }

    /// A float that is a whole number which floats tell from its neighbours is an integer.
    pub(crate) fn of_float(float: f64) -> Value {
        if float == float.trunc() && float.abs() <= LARGEST_EXACT {
            Value::Int(float as i128)
        } else {
            Value::Float(float)
        }
    }

    pub(crate) fn of_sample(sample: &Sample) -> Outcome {
        match sample {
            Sample::Number(number) if !number.is_finite() => Err(Fault("not a finite number")),
            Sample::Number(number) => Ok(Value::of_float(*number)),
            Sample::Text(text) if !FLOAT.is_match(text) => checked_text(text.clone()),
            Sample::Text(text) => literal(text),
        }
    }
}

/// What Python's `float()` takes.
static FLOAT: LazyLock<Regex> = LazyLock::new(|| {
    let digits = r"\d(?:_?\d)*";
    let pattern = format!(
        r"^(?i)\s*[+-]?(?:nan|inf|infinity|(?:{digits}(?:\.(?:{digits})?)?|\.{digits})(?:e[+-]?{digits})?)\s*$"
    );
    Regex::new(&pattern).expect("a pattern")
});
static INTEGER_LITERAL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[+-]?(?:0(?:_?0)*|[1-9](?:_?\d)*)$").expect("a pattern"));

/// A text that looks numeric, read as Python reads a literal.
fn literal(text: &str) -> Outcome {
    let text = text.trim();
    let plain = text.replace('_', "");
    if INTEGER_LITERAL.is_match(text) {
        return plain
            .parse()
            .map(Value::Int)
            .map_err(|_| Fault("integer beyond 128 bits"));
    }
    let has_point_or_exponent = plain.contains(['.', 'e', 'E']);
    let starts_as_number = plain
        .trim_start_matches(['+', '-'])
        .starts_with(|first: char| first.is_ascii_digit() || first == '.');
    if !has_point_or_exponent || !starts_as_number {
        return Err(Fault("looks like a number and is none"));
    }
    plain
        .parse()
        .map(Value::Float)
        .map_err(|_| Fault("looks like a number and is none"))
}

fn checked_text(text: String) -> Outcome {
    if text.len() > LONGEST_TEXT_BYTES {
        return Err(Fault("text beyond 64 KiB"));
    }
    Ok(Value::Text(text))
}

fn checked_int(int: Option<i128>) -> Outcome {
    int.map(Value::Int).ok_or(Fault("integer beyond 128 bits"))
}

pub(crate) fn unary(operator: &str, operand: &Value) -> Outcome {
    let null = Fault("null in an operator");
    match (operator, operand) {
        (_, Value::Null) => Err(null),
        ("!", operand) => Ok(Value::Bool(!operand.is_truthy())),
        ("~", Value::Int(int)) => Ok(Value::Int(!int)),
        ("~", Value::Bool(holds)) => Ok(Value::Int(!i128::from(*holds))),
        ("~", _) => Err(Fault("~ needs an integer")),
        (sign, operand) => match operand.number() {
            None => Err(Fault("sign of a text")),
            Some(Number::Int(int)) if sign == "-" => checked_int(int.checked_neg()),
            Some(Number::Int(int)) => Ok(Value::Int(int)),
            Some(Number::Float(float)) if sign == "-" => Ok(Value::Float(-float)),
            Some(Number::Float(float)) => Ok(Value::Float(float)),
        },
    }
}

pub(crate) fn binary(operator: &str, left: &Value, right: &Value) -> Outcome {
    if *left == Value::Null || *right == Value::Null {
        return Err(Fault("null in an operator"));
    }
    match operator {
        "&&" => Ok(if left.is_truthy() { right } else { left }.clone()),
        "||" => Ok(if left.is_truthy() { left } else { right }.clone()),
        "==" => Ok(Value::Bool(is_equal(left, right))),
        "!=" => Ok(Value::Bool(!is_equal(left, right))),
        "<" | ">" | "<=" | ">=" => ordered(operator, left, right).map(Value::Bool),
        "|" | "^" | "&" | "<<" | ">>" => bitwise(operator, left, right),
        "+" | "-" | "*" | "/" | "%" => arithmetic(operator, left, right),
        other => unreachable!("operator {other}"),
    }
}

pub(crate) fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left == right,
        (left, right) => match (left.number(), right.number()) {
            (Some(left), Some(right)) => left.compare(right) == Some(Ordering::Equal),
            _ => false,
        },
    }
}

pub(crate) fn ordered(operator: &str, left: &Value, right: &Value) -> Result<bool, Fault> {
    let order = match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (left, right) => match (left.number(), right.number()) {
            (Some(left), Some(right)) => left.compare(right),
            _ => return Err(Fault("text compared with number")),
        },
    };
    Ok(match operator {
        "<" => order == Some(Ordering::Less),
        ">" => order == Some(Ordering::Greater),
        "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn bitwise(operator: &str, left: &Value, right: &Value) -> Outcome {
    let no_number = Fault("bits of a text");
    let left = left.number().ok_or(no_number)?.truncated()?;
    let right = right.number().ok_or(no_number)?.truncated()?;
    match operator {
        "|" => Ok(Value::Int(left | right)),
        "^" => Ok(Value::Int(left ^ right)),
        "&" => Ok(Value::Int(left & right)),
        _ if right < 0 => Err(Fault("negative shift")),
        "<<" if left == 0 => Ok(Value::Int(0)),
        // By doubling, until it no longer fits.
        "<<" if right > 127 => Err(Fault("integer beyond 128 bits")),
        "<<" => checked_int((0..right).try_fold(left, |shifted, _| shifted.checked_mul(2))),
        _ => Ok(Value::Int(
            (0..right.min(127)).fold(left, |shifted, _| shifted.div_euclid(2)),
        )),
    }
}

fn arithmetic(operator: &str, left: &Value, right: &Value) -> Outcome {
    match (operator, left, right) {
        ("+", Value::Text(left), Value::Text(right)) => return checked_text(format!("{left}{right}")),
        ("*", Value::Text(text), count) | ("*", count, Value::Text(text)) => return repeated(text, count),
        _ => {}
    }
    let (Some(left), Some(right)) = (left.number(), right.number()) else {
        return Err(Fault("arithmetic with a text"));
    };
    if matches!(operator, "/" | "%") && right.float() == 0.0 {
        return Err(Fault("division by zero"));
    }
    if let (Number::Int(left), Number::Int(right)) = (left, right) {
        return match operator {
            "+" => checked_int(left.checked_add(right)),
            "-" => checked_int(left.checked_sub(right)),
            "*" => checked_int(left.checked_mul(right)),
            "/" => Ok(Value::Float(quotient(left, right))),
            _ if right == -1 => Ok(Value::Int(0)),
            _ => {
                let rest = left % right;
                let is_of_other_sign = rest != 0 && (rest < 0) != (right < 0);
                Ok(Value::Int(if is_of_other_sign { rest + right } else { rest }))
            }
        };
    }
    let (left, right) = (left.float(), right.float());
    Ok(Value::Float(match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        _ => {
            let rest = left % right;
            let is_of_other_sign = rest != 0.0 && (rest < 0.0) != (right < 0.0);
            if is_of_other_sign { rest + right } else { rest }
        }
    }))
}

fn repeated(text: &str, count: &Value) -> Outcome {
    let Some(Number::Int(count)) = count.number() else {
        return Err(Fault("a text is repeated by an integer only"));
    };
    if count <= 0 || text.is_empty() {
        return Ok(Value::Text(String::new()));
    }
    match usize::try_from(count) {
        Ok(count) if count <= LONGEST_TEXT_BYTES => checked_text(text.repeat(count)),
        _ => Err(Fault("text beyond 64 KiB")),
    }
}

/// The float nearest to the quotient, by long division to 65 bits and a last one that stands for all that follow.
fn quotient(dividend: i128, divisor: i128) -> f64 {
    let is_negative = (dividend < 0) != (divisor < 0);
    let (dividend, divisor) = (dividend.unsigned_abs(), divisor.unsigned_abs());
    if dividend == 0 {
        return 0.0;
    }
    let mut digits = dividend / divisor;
    let mut rest = dividend % divisor;
    let mut halvings = 0;
    while digits < 1 << 64 {
        rest *= 2;
        digits = digits * 2 + u128::from(rest >= divisor);
        rest %= divisor;
        halvings += 1;
    }
    let sticky = u128::from(rest != 0);
    let magnitude = (digits | sticky) as f64 / 2.0_f64.powi(halvings);
    if is_negative { -magnitude } else { magnitude }
}

/// `{…} in {…}`: whether any pair of the left is in the right.
pub(crate) fn is_member(left: &[(Value, Value)], right: &[(Value, Value)]) -> Result<bool, Fault> {
    let mut all = left.iter().chain(right);
    if all.any(|(key, value)| *key == Value::Null || *value == Value::Null) {
        return Err(Fault("null in a dictionary"));
    }
    // Of equal keys the last counts.
    let look_up = |pairs: &[(Value, Value)], wanted: &Value| {
        let found = pairs.iter().rfind(|(key, _)| is_equal(key, wanted));
        found.map(|(_, value)| value.clone())
    };
    Ok(left.iter().any(|(key, _)| {
        let values = (look_up(left, key), look_up(right, key));
        matches!(values, (Some(left), Some(right)) if is_equal(&left, &right))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_samples_are_read_as_python_reads_them() {
        for (text, expected) in [
            ("5", Ok(Value::Int(5))),
            ("-3", Ok(Value::Int(-3))),
            (" 5\t", Ok(Value::Int(5))),
            ("00", Ok(Value::Int(0))),
            ("1_000", Ok(Value::Int(1_000))),
            ("5.5", Ok(Value::Float(5.5))),
            ("5.", Ok(Value::Float(5.0))),
            ("1e3", Ok(Value::Float(1_000.0))),
            ("007.5", Ok(Value::Float(7.5))),
            ("x", Ok(Value::Text("x".to_owned()))),
            ("", Ok(Value::Text(String::new()))),
            ("1__0", Ok(Value::Text("1__0".to_owned()))),
            ("0x1F", Ok(Value::Text("0x1F".to_owned()))),
        ] {
            assert_eq!(Value::of_sample(&Sample::from(text)), expected, "{text}");
        }
        for text in ["NaN", "inf", "-Infinity", "007", "+Inf", &"9".repeat(40)] {
            assert!(Value::of_sample(&Sample::from(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn quotients_are_rounded_once() {
        assert_eq!(quotient(1, 3), 1.0 / 3.0);
        assert_eq!(quotient(-7, 2), -3.5);
        assert_eq!(quotient(i128::MAX, 1), i128::MAX as f64);
        assert_eq!(quotient(1, i128::MIN), -(2.0_f64.powi(-127)));
        // Rounding both sides first gives the float below.
        assert_eq!(quotient(9_007_199_254_740_993 * 3, 3), 9_007_199_254_740_992.0);
        assert_eq!(quotient(3 * 9_007_199_254_740_995, 3), 9_007_199_254_740_996.0);
    }
}
