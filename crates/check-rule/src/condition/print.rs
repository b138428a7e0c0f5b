//! The text of a condition from its tree: one form whatever the blanks, parentheses and literals it was written with.

use super::grammar::{
    LEVEL_CONDITIONAL, LEVEL_MEMBERSHIP, LEVEL_PRIMARY, Signature, name_of, row_of_binary, row_of_prefix,
};
use super::{Back, Call, Condition, Expression, Function, Window};

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
    let mut printer = Printer {
        condition,
        spelling,
        text: String::new(),
    };
    printer.write(expression);
    printer.text
}

pub(crate) fn print_call(condition: &Condition, call: &Call, spelling: Spelling) -> String {
    let mut printer = Printer {
        condition,
        spelling,
        text: String::new(),
    };
    printer.write_call(call);
    printer.text
}

struct Printer<'a> {
    condition: &'a Condition,
    spelling: Spelling,
    text: String,
}

impl Printer<'_> {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn write(&mut self, expression: &Expression) {
        match expression {
            Expression::Literal(value) => self.push(&value.to_string()),
            Expression::Item(item) => self.push(&format!("${item}")),
            Expression::Call(call) => {
                let condition = self.condition;
                self.write_call(&condition.calls[*call]);
            }
            Expression::Unary { operator, operand } => {
                self.push(row_of_prefix(*operator).symbol);
                // What binds looser than any prefix operator needs parentheses; another prefix operator does not.
                let lowest_prefix_level = 12;
                self.write_enclosed(operand, level(operand) < lowest_prefix_level);
            }
            Expression::Chain { first, rest, .. } => {
                let own_level = level(expression);
                self.write_enclosed(first, level(first) < own_level);
                for (operator, operand) in rest {
                    self.push(&format!(" {} ", row_of_binary(*operator).symbol));
                    self.write_enclosed(operand, level(operand) <= own_level);
                }
            }
            Expression::Conditional {
                condition,
                then,
                otherwise,
            } => {
                self.write_enclosed(condition, level(condition) <= LEVEL_CONDITIONAL);
                self.push(" ? ");
                self.write_enclosed(then, level(then) <= LEVEL_CONDITIONAL);
                self.push(" : ");
                self.write(otherwise);
            }
            Expression::Membership { left, right, negated } => {
                self.write_dictionary(left);
                self.push(if *negated { " notin " } else { " in " });
                self.write_dictionary(right);
            }
        }
    }

    fn write_enclosed(&mut self, expression: &Expression, needs_parentheses: bool) {
        if needs_parentheses {
            self.push("(");
        }
        self.write(expression);
        if needs_parentheses {
            self.push(")");
        }
    }

    fn write_dictionary(&mut self, pairs: &[(Expression, Expression)]) {
        self.push("{");
        for (index, (key, value)) in pairs.iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.write(key);
            self.push(": ");
            self.write(value);
        }
        self.push("}");
    }

    fn write_call(&mut self, call: &Call) {
        if call.item != 0 {
            self.push(&format!("${}.", call.item));
        }
        self.push(name_of(signature(&call.function)));
        self.push("(");
        let mut written = call.written.iter();
        let mut push = |printer: &mut Self, canonical: String| {
            let as_written = written.next();
            match (printer.spelling, as_written) {
                (Spelling::AsWritten, Some(text)) => printer.push(text),
                _ => printer.push(&canonical),
            }
        };
        match &call.function {
            Function::Aggregate { window, .. } => push(self, window_text(*window)),
            Function::Count {
                window,
                operand,
                comparison,
            } => {
                push(self, window_text(*window));
                self.push(", ");
                self.write(operand);
                self.push(&format!(", '{}'", row_of_binary(*comparison).symbol));
            }
            Function::Keyword { text } => self.write(text),
            Function::Compare { back, .. } => match back {
                Back::Time { ms } => push(self, format!("{ms}ms")),
                Back::Samples { count } => push(self, format!("#{count}")),
            },
            Function::Predict { window, ahead_ms } => {
                push(self, window_text(*window));
                self.push(", ");
                push(self, format!("{ahead_ms}ms"));
            }
        }
        self.push(")");
    }
}

fn window_text(window: Window) -> String {
    match window {
        Window::Time { ms } => format!("{ms}ms"),
        Window::Samples { count } => format!("#{count}"),
    }
}

fn signature(function: &Function) -> Signature {
    match function {
        Function::Aggregate { aggregate, .. } => Signature::Aggregate(*aggregate),
        Function::Count { .. } => Signature::Count,
        Function::Keyword { .. } => Signature::Keyword,
        Function::Compare { comparison, .. } => Signature::Compare(*comparison),
        Function::Predict { .. } => Signature::Predict,
    }
}

fn level(expression: &Expression) -> u8 {
    match expression {
        Expression::Literal(_) | Expression::Item(_) | Expression::Call(_) => LEVEL_PRIMARY,
        Expression::Unary { operator, .. } => row_of_prefix(*operator).level,
        Expression::Chain { rest, .. } => rest
            .first()
            .map_or(LEVEL_PRIMARY, |(operator, _)| row_of_binary(*operator).level),
        Expression::Conditional { .. } => LEVEL_CONDITIONAL,
        Expression::Membership { .. } => LEVEL_MEMBERSHIP,
    }
}
