//! From text to tokens.

use super::grammar::SYMBOLS;
use super::literal::{read_number, read_string};
use super::parser::Refusal;
use crate::value::Value;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A number, a text, `true`, `false` or `null`.
    Literal(Value),
    /// `$i`, a function, or a wrong word.
    Name(String),
    /// `s`, `m` or `h`, in milliseconds. These three are never names.
    Unit(i64),
    /// `#N`.
    Count(u32),
    /// One of [`SYMBOLS`], `in` or `notin`.
    Symbol(&'static str),
}

/// A token and its bytes in the condition.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) start: usize,
    pub(super) end: usize,
}

pub(super) fn split(text: &str) -> Result<Vec<Placed>, Refusal> {
    let mut tokens = Vec::new();
    let mut position = 0;
    while let Some(first) = text[position..].chars().next() {
        if matches!(first, ' ' | '\t' | '\u{c}' | '\r' | '\n') {
            position += 1;
            continue;
        }
        let (token, length) =
            token_at(&text[position..], first).map_err(|reason| Refusal::new(reason, position))?;
        tokens.push(Placed {
            token,
            start: position,
            end: position + length,
        });
        position += length;
    }
    Ok(tokens)
}

/// The token that `rest` begins with, and its length in bytes.
fn token_at(rest: &str, first: char) -> Result<(Token, usize), String> {
    let second_is_digit = rest[first.len_utf8()..].starts_with(|next: char| next.is_ascii_digit());
    if first.is_ascii_digit() || (first == '.' && second_is_digit) {
        let (value, length) = read_number(rest)?;
        return Ok((Token::Literal(value), length));
    }
    if first == '"' || first == '\'' {
        let (text, length) = read_string(rest, first)?;
        return Ok((Token::Literal(Value::text(&text)), length));
    }
    if first == '#' {
        return count_at(rest);
    }
    if first.is_ascii_alphabetic() || first == '_' || first == '$' {
        let length = rest
            .find(|next: char| !(next.is_ascii_alphanumeric() || next == '_' || next == '$'))
            .unwrap_or(rest.len());
        return Ok((word(&rest[..length]), length));
    }
    SYMBOLS
        .iter()
        .find(|symbol| rest.starts_with(**symbol))
        .map(|symbol| (Token::Symbol(symbol), symbol.len()))
        .ok_or_else(|| format!("found {first:?}, which the language does not know"))
}

fn word(text: &str) -> Token {
    match text {
        "true" | "True" | "TRUE" => Token::Literal(Value::Bool(true)),
        "false" | "False" | "FALSE" => Token::Literal(Value::Bool(false)),
        "null" => Token::Literal(Value::Null),
        "in" => Token::Symbol("in"),
        "notin" => Token::Symbol("notin"),
        "s" => Token::Unit(1_000),
        "m" => Token::Unit(60_000),
        "h" => Token::Unit(3_600_000),
        name => Token::Name(name.to_owned()),
    }
}

fn count_at(rest: &str) -> Result<(Token, usize), String> {
    let digits_end = rest[1..]
        .find(|next: char| !next.is_ascii_digit())
        .map_or(rest.len(), |length| length + 1);
    let digits = &rest[1..digits_end];
    let refuse = || format!("found '#{digits}'; expected a number of samples such as #3, from #1");
    if digits.is_empty() || digits.starts_with('0') {
        return Err(refuse());
    }
    let count = digits.parse().map_err(|_| refuse())?;
    Ok((Token::Count(count), digits_end))
}
