//! The text of a condition from its tree: one form whatever the blanks, parentheses and literals it was written with.

use super::grammar::{LEVEL_PRIMARY, name_of_function, row_of_binary, row_of_prefix};
use super::{Condition, Expression, Window, WindowCall};

/// How windows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// As the author did: `5m`.
    AsWritten,
    /// In one way for equal windows: `300000ms`. For comparing, not for reading back.
    Canonical,
}

/// The text of an expression that is a part of `condition`.
pub(crate) fn print(condition: &Condition, expression: &Expression, spelling: Spelling) -> String {
    let mut text = String::new();
    write(condition, expression, spelling, &mut text);
    text
}

pub(crate) fn print_call(call: &WindowCall, spelling: Spelling) -> String {
    let target = match call.item {
        0 => String::new(),
        item => format!("${item}."),
    };
    let window = match (spelling, call.window) {
        (Spelling::AsWritten, _) => call.window_text.clone(),
        (Spelling::Canonical, Window::Time { ms }) => format!("{ms}ms"),
        (Spelling::Canonical, Window::Samples { count }) => format!("#{count}"),
    };
    format!("{target}{}({window})", name_of_function(call.function))
}

fn write(condition: &Condition, expression: &Expression, spelling: Spelling, text: &mut String) {
    match expression {
        Expression::Literal(value) => text.push_str(&value.to_string()),
        Expression::Item(item) => text.push_str(&format!("${item}")),
        Expression::Call(call) => text.push_str(&print_call(&condition.calls[*call], spelling)),
        Expression::Unary { operator, operand } => {
            let row = row_of_prefix(*operator);
            text.push_str(row.symbol);
            // What binds looser than any prefix operator needs parentheses; another prefix operator does not.
            let needs_parentheses = matches!(**operand, Expression::Chain { .. });
            write_enclosed(condition, operand, spelling, needs_parentheses, text);
        }
        Expression::Chain { first, rest } => {
            let own_level = level(expression);
            write_enclosed(condition, first, spelling, level(first) < own_level, text);
            for (operator, operand) in rest {
                text.push_str(&format!(" {} ", row_of_binary(*operator).symbol));
                write_enclosed(condition, operand, spelling, level(operand) <= own_level, text);
            }
        }
    }
}

fn write_enclosed(
    condition: &Condition,
    expression: &Expression,
    spelling: Spelling,
    needs_parentheses: bool,
    text: &mut String,
) {
    if needs_parentheses {
        text.push('(');
    }
    write(condition, expression, spelling, text);
    if needs_parentheses {
        text.push(')');
    }
}

fn level(expression: &Expression) -> u8 {
    match expression {
        Expression::Literal(_) | Expression::Item(_) | Expression::Call(_) => LEVEL_PRIMARY,
        Expression::Unary { operator, .. } => row_of_prefix(*operator).level,
        Expression::Chain { rest, .. } => rest
            .first()
            .map_or(LEVEL_PRIMARY, |(operator, _)| row_of_binary(*operator).level),
    }
}
