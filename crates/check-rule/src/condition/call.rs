//! Calls of functions: their arguments, and what is refused in them.

use super::grammar::{FunctionRow, Signature, comparison, function_row, known_functions};
use super::parser::{Parser, Refusal};
use super::suggestion::{function_for, operator_for};
use super::token::Token;
use super::{
    Back, Call, Comparison, Condition, Expression, Function, MAX_AHEAD_MS, MAX_WINDOW_MS, MAX_WINDOW_SAMPLES,
    Place, Reading, Spelling, Window, evaluate, print,
};
use crate::operation::BinaryOperator;
use crate::value::{Number, Value};

/// One argument of a function. Durations and counts may stand before expressions only.
pub(super) struct Argument {
    content: Content,
    offset: usize,
}

enum Content {
    Window { window: Window, text: String },
    Expression(Expression),
}

impl Argument {
    pub(super) fn is_window(&self) -> bool {
        matches!(self.content, Content::Window { .. })
    }
}

impl Parser<'_> {
    pub(super) fn function(&self, name: &str) -> Result<&'static FunctionRow, Refusal> {
        if let Some(row) = function_row(name) {
            return Ok(row);
        }
        if let Some(meant) = operator_for(name).or_else(|| function_for(name)) {
            return Err(self.refuse(format!(
                "unknown function {}; did you mean '{meant}'?",
                self.found()
            )));
        }
        Err(self.refuse(format!(
            "unknown function {}; known: {}",
            self.found(),
            known_functions()
        )))
    }

    pub(super) fn argument(&mut self, may_be_window: bool) -> Result<Argument, Refusal> {
        let offset = self.offset();
        let window = if may_be_window {
            self.window_literal()?
        } else {
            None
        };
        let content = match window {
            Some((window, text)) => Content::Window { window, text },
            None => Content::Expression(self.expression()?),
        };
        Ok(Argument { content, offset })
    }

    /// `60s` or `#3`, if that comes next.
    fn window_literal(&mut self) -> Result<Option<(Window, String)>, Refusal> {
        match (self.peek(), self.peek_second()) {
            (Some(Token::Count(count)), _) => {
                let count = *count;
                if count > MAX_WINDOW_SAMPLES {
                    return Err(self.refuse(format!(
                        "found {}; at most #{MAX_WINDOW_SAMPLES} is allowed",
                        self.found()
                    )));
                }
                self.next += 1;
                Ok(Some((Window::Samples { count }, format!("#{count}"))))
            }
            (Some(Token::Literal(value)), Some(Token::Unit(unit_ms))) => {
                let window = time_window(value, *unit_ms, self.offset())?;
                let parts = &self.tokens[self.next..self.next + 2];
                let text = parts
                    .iter()
                    .map(|placed| &self.text[placed.start..placed.end])
                    .collect();
                self.next += 2;
                Ok(Some((window, text)))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn call_of(
        &mut self,
        row: &FunctionRow,
        item: usize,
        arguments: Vec<Argument>,
        open_offset: usize,
    ) -> Result<Call, Refusal> {
        let expected = match row.signature {
            Signature::Aggregate(_) => "one argument, a window such as 60s or #3",
            Signature::Count => "three arguments: a window, a value and a comparison",
            Signature::Keyword => "one argument, a text",
            Signature::Compare(_) => "one argument, how far back, such as #1 or 60s",
            Signature::Predict => "two arguments: a window, and how far ahead",
        };
        let refuse_arity = |found: usize| {
            let reason = format!(
                "function '{}' takes {expected}, as in {}; found {found}",
                row.name, row.example
            );
            Refusal::new(reason, open_offset)
        };
        let mut written = Vec::new();
        let function = match (row.signature, Arguments::of(arguments)) {
            (Signature::Aggregate(aggregate), Arguments::One(window)) => Function::Aggregate {
                aggregate,
                window: self.window(window, &mut written)?,
            },
            (Signature::Count, Arguments::Three(window, operand, symbol)) => Function::Count {
                window: self.window(window, &mut written)?,
                operand: self.value(operand)?,
                comparison: comparison_of(symbol)?,
            },
            (Signature::Keyword, Arguments::One(text)) => Function::Keyword {
                text: self.text_argument(text)?,
            },
            (Signature::Compare(comparison), Arguments::One(back)) => Function::Compare {
                comparison,
                back: self.back(back, comparison, &mut written)?,
            },
            (Signature::Predict, Arguments::Two(window, ahead)) => Function::Predict {
                window: self.window(window, &mut written)?,
                ahead_ms: self.ahead_ms(ahead, &mut written)?,
            },
            (_, other) => return Err(refuse_arity(other.count())),
        };
        Ok(Call {
            item,
            function,
            written,
            place: Place(0),
        })
    }

    /// A window, given as such or as a number of seconds.
    fn window(&mut self, argument: Argument, written: &mut Vec<String>) -> Result<Window, Refusal> {
        let (window, text) = match argument.content {
            Content::Window { window, text } => (window, text),
            Content::Expression(expression) => {
                let (value, text) = self.constant(expression, argument.offset, "the window")?;
                (time_window(&value, 1_000, argument.offset)?, text)
            }
        };
        if let Window::Time { ms } = window {
            refuse_beyond(MAX_WINDOW_MS, ms, argument.offset)?;
        }
        written.push(text);
        Ok(window)
    }

    /// How far back: samples, given as such or as a number, or a duration.
    fn back(
        &mut self,
        argument: Argument,
        comparison: Comparison,
        written: &mut Vec<String>,
    ) -> Result<Back, Refusal> {
        let (back, text) = match argument.content {
            Content::Window { window, text } => match window {
                Window::Time { ms } => {
                    refuse_beyond(MAX_WINDOW_MS, ms, argument.offset)?;
                    (Back::Time { ms }, text)
                }
                Window::Samples { count } => (Back::Samples { count }, text),
            },
            Content::Expression(expression) => {
                let (value, text) = self.constant(expression, argument.offset, "how far back")?;
                let count = match value {
                    Value::Int(integer) => u32::try_from(integer).ok(),
                    _ => None,
                };
                let count = count.filter(|count| *count <= MAX_WINDOW_SAMPLES).ok_or_else(|| {
                    let reason = format!(
                        "found {value} for how far back {} looks; expected a number of samples from 0 to {MAX_WINDOW_SAMPLES}, or one such as #1 or 60s",
                        match comparison {
                            Comparison::Diff => "diff",
                            Comparison::Change => "change",
                            Comparison::AbsChange => "abschange",
                        }
                    );
                    Refusal::new(reason, argument.offset)
                })?;
                (Back::Samples { count }, text)
            }
        };
        written.push(text);
        Ok(back)
    }

    fn ahead_ms(&mut self, argument: Argument, written: &mut Vec<String>) -> Result<i64, Refusal> {
        let refuse = |reason: &str| Refusal::new(reason, argument.offset);
        let (ahead_ms, text) = match argument.content {
            Content::Window {
                window: Window::Time { ms },
                text,
            } => {
                refuse_beyond(MAX_AHEAD_MS, ms, argument.offset)?;
                (ms, text)
            }
            Content::Window { .. } => {
                return Err(refuse(
                    "a number of samples cannot say how far ahead; expected a duration such as 4h",
                ));
            }
            Content::Expression(expression) => {
                let (value, text) = self.constant(expression, argument.offset, "how far ahead")?;
                let seconds = value.number().map(Number::as_float);
                let seconds = seconds
                    .filter(|seconds| (0.0..=MAX_AHEAD_MS as f64 / 1_000.0).contains(seconds))
                    .ok_or_else(|| {
                        refuse("how far ahead must be 0 to 366 days, as a duration such as 4h or in seconds")
                    })?;
                ((seconds * 1_000.0).round() as i64, text)
            }
        };
        written.push(text);
        Ok(ahead_ms)
    }

    /// A value that may change from sample to sample.
    fn value(&self, argument: Argument) -> Result<Expression, Refusal> {
        match argument.content {
            Content::Expression(expression) => Ok(expression),
            Content::Window { text, .. } => Err(Refusal::new(
                format!("found '{text}'; expected a value to compare with"),
                argument.offset,
            )),
        }
    }

    fn text_argument(&self, argument: Argument) -> Result<Expression, Refusal> {
        match argument.content {
            Content::Expression(Expression::Literal(ref value)) if !matches!(value, Value::Text(_)) => {
                Err(Refusal::new(
                    format!("found {value}; expected a text such as 'error'"),
                    argument.offset,
                ))
            }
            Content::Expression(expression) => Ok(expression),
            Content::Window { text, .. } => Err(Refusal::new(
                format!("found '{text}'; expected a text such as 'error'"),
                argument.offset,
            )),
        }
    }

    /// A constant and its text: what is fetched is decided before any sample is seen.
    fn constant(
        &mut self,
        expression: Expression,
        offset: usize,
        what: &str,
    ) -> Result<(Value, String), Refusal> {
        let alone = Condition {
            root: expression,
            calls: std::mem::take(&mut self.calls),
        };
        let value = evaluate(&alone, &alone.root, &mut NothingToRead);
        let text = print(&alone, &alone.root, Spelling::AsWritten);
        self.calls = alone.calls;
        let value = value.map_err(|reason| {
            let reason = format!("{what} must be constant, such as 60s, #3 or a number: {reason}");
            Refusal::new(reason, offset)
        })?;
        Ok((value, text))
    }
}

/// Arguments by number.
enum Arguments {
    One(Argument),
    Two(Argument, Argument),
    Three(Argument, Argument, Argument),
    Other(usize),
}

impl Arguments {
    fn of(arguments: Vec<Argument>) -> Self {
        let count = arguments.len();
        let mut arguments = arguments.into_iter();
        match (count, arguments.next(), arguments.next(), arguments.next()) {
            (1, Some(first), _, _) => Self::One(first),
            (2, Some(first), Some(second), _) => Self::Two(first, second),
            (3, Some(first), Some(second), Some(third)) => Self::Three(first, second, third),
            _ => Self::Other(count),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Two(..) => 2,
            Self::Three(..) => 3,
            Self::Other(count) => *count,
        }
    }
}

fn time_window(value: &Value, unit_ms: i64, offset: usize) -> Result<Window, Refusal> {
    let Some(amount) = value.number().map(Number::as_float) else {
        return Err(Refusal::new(
            format!(
                "{} cannot be a window; expected one such as 60s, #3 or a number of seconds",
                value.kind()
            ),
            offset,
        ));
    };
    // However negative, the window is empty; however long, it is too long.
    let milliseconds = (amount * unit_ms as f64).round();
    if milliseconds.is_nan() {
        return Err(Refusal::new("the window is not a number", offset));
    }
    let ms = milliseconds.clamp(-1.0, (MAX_AHEAD_MS + 1) as f64) as i64;
    Ok(Window::Time { ms })
}

fn refuse_beyond(longest_ms: i64, ms: i64, offset: usize) -> Result<(), Refusal> {
    if ms <= longest_ms {
        return Ok(());
    }
    let hours = longest_ms / 3_600_000;
    let reason = format!("the window is too long; at most {hours}h is allowed");
    Err(Refusal::new(reason, offset))
}

fn comparison_of(argument: Argument) -> Result<BinaryOperator, Refusal> {
    let named = match &argument.content {
        Content::Expression(Expression::Literal(Value::Text(symbol))) => comparison(symbol),
        _ => None,
    };
    named.ok_or_else(|| {
        Refusal::new(
            "expected a comparison as a text: one of '>' '<' '>=' '<=' '==' '!='",
            argument.offset,
        )
    })
}

/// Refuses what a constant may not contain.
struct NothingToRead;

impl Reading for NothingToRead {
    fn item(&mut self, item: usize) -> Result<Value, String> {
        Err(format!("found ${item}"))
    }

    fn call(&mut self, _call: usize) -> Result<Value, String> {
        Err("found a function".to_owned())
    }
}
