//! Values of expressions.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Longest text that an expression may make, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;

/// Whole numbers up to here, 2^53, are exact as floats; beyond, a sample is a float.
pub(crate) const LARGEST_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;
/// The first float beyond the integers.
pub(crate) const TWO_TO_127: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

/// A value. `Bool` counts as 0 or 1 wherever a number is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Arc<str>),
}

/// A value as a number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Int(i128),
    Float(f64),
}

impl Value {
    /// The value of a finite sample: whole numbers are integers, as in the text that a series store sends.
    pub(crate) fn of_sample(sample: f64) -> Self {
        if sample.abs() <= LARGEST_EXACT_INTEGER && sample.fract() == 0.0 {
            Value::Int(sample as i128)
        } else {
            Value::Float(sample)
        }
    }

    pub(crate) fn text(text: &str) -> Self {
        Value::Text(Arc::from(text))
    }

    /// Abnormal is a number other than 0, true, a text that is not empty.
    pub(crate) fn is_truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(truth) => *truth,
            Value::Int(integer) => *integer != 0,
            Value::Float(float) => *float != 0.0,
            Value::Text(text) => !text.is_empty(),
        }
    }

    pub(crate) fn number(&self) -> Option<Number> {
        match self {
            Value::Bool(truth) => Some(Number::Int(i128::from(*truth))),
            Value::Int(integer) => Some(Number::Int(*integer)),
            Value::Float(float) => Some(Number::Float(*float)),
            Value::Null | Value::Text(_) => None,
        }
    }

    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a text",
        }
    }
}

impl Number {
    pub(crate) fn as_float(self) -> f64 {
        match self {
            Number::Int(integer) => integer as f64,
            Number::Float(float) => float,
        }
    }

    /// The finite float that compares with samples exactly as the number does, if there is one.
    pub(crate) fn exact_float(self) -> Option<f64> {
        let float = self.as_float();
        match self {
            Number::Float(float) => Some(float).filter(|float| float.is_finite()),
            Number::Int(integer) => Some(float).filter(|_| integer.unsigned_abs() <= 1 << 53),
        }
    }

    pub(crate) fn is_zero(self) -> bool {
        match self {
            Number::Int(integer) => integer == 0,
            Number::Float(float) => float == 0.0,
        }
    }

    /// Exact also between an integer and a float; `None` when one is not a number (NaN).
    pub(crate) fn compare(self, other: Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Int(left), Number::Int(right)) => Some(left.cmp(&right)),
            (Number::Float(left), Number::Float(right)) => left.partial_cmp(&right),
            (Number::Int(left), Number::Float(right)) => compare_mixed(left, right),
            (Number::Float(left), Number::Int(right)) => compare_mixed(right, left).map(Ordering::reverse),
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(integer) => Value::Int(integer),
            Number::Float(float) => Value::Float(float),
        }
    }
}

fn compare_mixed(integer: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= TWO_TO_127 {
        return Some(Ordering::Less);
    }
    if float < -TWO_TO_127 {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc();
    let of_fraction = || {
        whole
            .partial_cmp(&float)
            .expect("neither is NaN, that was asked first")
    };
    Some(integer.cmp(&(whole as i128)).then_with(of_fraction))
}

/// As in explanations; a text is quoted as the language quotes it.
impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => formatter.write_str("null"),
            Value::Bool(truth) => write!(formatter, "{truth}"),
            Value::Int(integer) => write!(formatter, "{integer}"),
            // A literal beyond the range of floats is infinite; so it is written as one.
            Value::Float(float) if float.is_infinite() => {
                formatter.write_str(if *float > 0.0 { "1e999" } else { "-1e999" })
            }
            Value::Float(float) => write!(formatter, "{float:?}"),
            Value::Text(text) => write_quoted(formatter, text),
        }
    }
}

fn write_quoted(formatter: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    formatter.write_str("\"")?;
    for character in text.chars() {
        match character {
            '"' => formatter.write_str("\\\"")?,
            '\\' => formatter.write_str("\\\\")?,
            '\n' => formatter.write_str("\\n")?,
            '\r' => formatter.write_str("\\r")?,
            '\t' => formatter.write_str("\\t")?,
            control if u32::from(control) < 0x20 || u32::from(control) == 0x7f => {
                write!(formatter, "\\x{:02x}", u32::from(control))?;
            }
            other => write!(formatter, "{other}")?,
        }
    }
    formatter.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats_compare_exactly() {
        let compare = |integer: i128, float: f64| Number::Int(integer).compare(Number::Float(float));
        assert_eq!(compare(1 << 53, 9_007_199_254_740_992.0), Some(Ordering::Equal));
        assert_eq!(
            compare((1 << 53) + 1, 9_007_199_254_740_992.0),
            Some(Ordering::Greater)
        );
        assert_eq!(compare(5, 5.5), Some(Ordering::Less));
        assert_eq!(compare(-5, -5.5), Some(Ordering::Greater));
        assert_eq!(compare(i128::MAX, f64::INFINITY), Some(Ordering::Less));
        assert_eq!(compare(i128::MIN, f64::NEG_INFINITY), Some(Ordering::Greater));
        assert_eq!(compare(i128::MIN, i128::MIN as f64), Some(Ordering::Equal));
        assert_eq!(compare(0, f64::NAN), None);
        let reversed = Number::Float(5.5).compare(Number::Int(5));
        assert_eq!(reversed, Some(Ordering::Greater));
    }

    #[test]
    fn whole_samples_are_integers() {
        assert_eq!(Value::of_sample(5.0), Value::Int(5));
        assert_eq!(Value::of_sample(-0.0), Value::Int(0));
        assert_eq!(Value::of_sample(5.5), Value::Float(5.5));
        assert_eq!(Value::of_sample(1e30), Value::Float(1e30));
    }

    #[test]
    fn values_are_written_as_the_language_writes_them() {
        for (value, text) in [
            (Value::Null, "null"),
            (Value::Bool(true), "true"),
            (Value::Int(-3), "-3"),
            (Value::Float(3.0), "3.0"),
            (Value::Float(f64::INFINITY), "1e999"),
            (Value::text("a\"b\\c\n\u{1}é"), r#""a\"b\\c\n\x01é""#),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }
}
