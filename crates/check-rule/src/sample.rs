//! Samples of one series: numbers, or texts.

use std::borrow::Cow;

use crate::value::{MAX_TEXT_BYTES, Value};

/// The values of the samples of a series, in order of time.
#[derive(Clone, Debug)]
pub(crate) enum Column<'set> {
    Numbers(Cow<'set, [f64]>),
    /// Lines of a log, or samples of which some are no numbers.
    Texts(Cow<'set, [String]>),
}

impl Column<'_> {
    pub(crate) fn into_owned(self) -> Column<'static> {
        match self {
            Column::Numbers(numbers) => Column::Numbers(Cow::Owned(numbers.into_owned())),
            Column::Texts(texts) => Column::Texts(Cow::Owned(texts.into_owned())),
        }
    }

    /// Adds samples at the end. Numbers beside texts become texts.
    pub(crate) fn append(&mut self, more: &Column<'_>) {
        if let (Column::Numbers(numbers), Column::Numbers(more)) = (&mut *self, more) {
            numbers.to_mut().extend_from_slice(more);
            return;
        }
        if let Column::Numbers(numbers) = self {
            *self = Column::Texts(numbers.iter().map(|number| text_of(*number)).collect());
        }
        let Column::Texts(texts) = self else { return };
        match more {
            Column::Texts(more) => texts.to_mut().extend_from_slice(more),
            Column::Numbers(more) => texts.to_mut().extend(more.iter().map(|number| text_of(*number))),
        }
    }

    /// Removes the first samples.
    pub(crate) fn drop_first(&mut self, count: usize) {
        match self {
            Column::Numbers(numbers) => drop(numbers.to_mut().drain(..count)),
            Column::Texts(texts) => drop(texts.to_mut().drain(..count)),
        }
    }

    pub(crate) fn slice(&self, range: std::ops::Range<usize>) -> Column<'_> {
        match self {
            Column::Numbers(numbers) => Column::Numbers(Cow::Borrowed(&numbers[range])),
            Column::Texts(texts) => Column::Texts(Cow::Borrowed(&texts[range])),
        }
    }

    /// What a sample is worth in a condition.
    pub(crate) fn value(&self, index: usize) -> Result<Value, String> {
        match self {
            Column::Numbers(numbers) => {
                let number = numbers[index];
                if number.is_finite() {
                    return Ok(Value::of_sample(number));
                }
                Err(format!("{number}, not a finite number"))
            }
            Column::Texts(texts) => value_of_text(&texts[index]),
        }
    }

    /// A sample as it was delivered.
    pub(crate) fn text(&self, index: usize) -> Cow<'_, str> {
        match self {
            Column::Numbers(numbers) => Cow::Owned(text_of(numbers[index])),
            Column::Texts(texts) => Cow::Borrowed(&texts[index]),
        }
    }
}

/// Why a text is not looked at.
pub(crate) fn too_long() -> String {
    format!("a text longer than {MAX_TEXT_BYTES} bytes")
}

/// A number as a series store writes it: the shortest digits, a whole number without a point.
pub(crate) fn text_of(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    // Beyond, a whole number would read back as an integer of its own.
    if number.abs() >= 1e21 {
        return format!("{number:e}");
    }
    number.to_string()
}

/// A text that reads as a number is that number; one that looks like a number and is none, such as `NaN` or `007`, is an
/// error; any other is a text.
pub(crate) fn value_of_text(text: &str) -> Result<Value, String> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(too_long());
    }
    let trimmed = text.trim();
    let Ok(number) = trimmed.parse::<f64>() else {
        return Ok(Value::text(text));
    };
    if !number.is_finite() {
        return Err(format!("{trimmed}, not a finite number"));
    }
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_whole {
        return Ok(Value::Float(number));
    }
    if digits.starts_with('0') && digits.bytes().any(|byte| byte != b'0') {
        return Err(format!("{trimmed}, which looks like a number and is none"));
    }
    match trimmed.parse() {
        Ok(integer) => Ok(Value::Int(integer)),
        Err(_) => Err(format!("{trimmed}, an integer beyond 128 bits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_read_as_numbers_are_numbers() {
        for (text, expected) in [
            ("5", Ok(Value::Int(5))),
            ("-5", Ok(Value::Int(-5))),
            ("5.5", Ok(Value::Float(5.5))),
            ("1e3", Ok(Value::Float(1_000.0))),
            ("0", Ok(Value::Int(0))),
            ("boot ok", Ok(Value::text("boot ok"))),
            ("", Ok(Value::text(""))),
            ("0x1F", Ok(Value::text("0x1F"))),
            ("NaN", Err("NaN, not a finite number".to_owned())),
            ("inf", Err("inf, not a finite number".to_owned())),
            (
                "007",
                Err("007, which looks like a number and is none".to_owned()),
            ),
        ] {
            assert_eq!(value_of_text(text), expected, "{text}");
        }
        assert!(value_of_text(&"9".repeat(40)).is_err());
    }

    #[test]
    fn numbers_beside_texts_become_texts() {
        let mut column = Column::Numbers(Cow::Owned(vec![1.0, 2.5]));
        column.append(&Column::Numbers(Cow::Owned(vec![f64::NAN])));
        column.append(&Column::Texts(Cow::Owned(vec!["up".to_owned()])));
        column.drop_first(1);
        let Column::Texts(texts) = column else {
            panic!("texts are kept as such");
        };
        assert_eq!(texts[..], ["2.5", "NaN", "up"]);
    }
}
