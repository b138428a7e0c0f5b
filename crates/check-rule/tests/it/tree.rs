//! Conditions as trees of the tests' own, and their text.

use crate::value::Value;

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Literal {
        text: String,
        value: Value,
    },
    Item(usize),
    Unary(&'static str, Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    Ternary(Box<Node>, Box<Node>, Box<Node>),
    Membership {
        left: Pairs,
        right: Pairs,
        is_negated: bool,
    },
    Call(usize, Call),
}

/// Of a dictionary; literals and items.
pub(crate) type Pairs = Vec<(Node, Node)>;

#[derive(Clone, Debug)]
pub(crate) enum Call {
    Fold(Fold, Width),
    Count {
        width: Width,
        with: Box<Node>,
        operator: &'static str,
    },
    Keyword(String),
    Difference(Difference, Width),
    Predict(Width, i64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fold {
    Max,
    Min,
    Sum,
    Avg,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Difference {
    Diff,
    Change,
    AbsChange,
}

/// A window, or how far back the sample lies with which another is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Width {
    /// With a unit.
    Seconds(i64),
    /// Without: seconds of a window, samples of a difference.
    Plain(i64),
    /// `#N`.
    Samples(i64),
}

impl Node {
    pub(crate) fn truth(holds: bool) -> Self {
        Node::Literal {
            text: holds.to_string(),
            value: Value::Bool(holds),
        }
    }

    pub(crate) fn text_literal(text: &str) -> Self {
        Node::Literal {
            text: quoted(text),
            value: Value::Text(text.to_owned()),
        }
    }

    pub(crate) fn binary(operator: &'static str, left: Node, right: Node) -> Self {
        Node::Binary(operator, left.into(), right.into())
    }

    /// The condition in the language, with every parenthesis.
    pub(crate) fn text(&self) -> String {
        match self {
            Node::Literal { text, .. } => text.clone(),
            Node::Item(item) => format!("${item}"),
            Node::Unary(operator, operand) => format!("({operator}{})", operand.text()),
            Node::Binary(operator, left, right) => format!("({} {operator} {})", left.text(), right.text()),
            Node::Ternary(condition, yes, no) => {
                format!("({} ? {} : {})", condition.text(), yes.text(), no.text())
            }
            Node::Membership {
                left,
                right,
                is_negated,
            } => {
                let operator = if *is_negated { "notin" } else { "in" };
                format!("({} {operator} {})", dictionary(left), dictionary(right))
            }
            // The prefix of `$0` may be left out.
            Node::Call(0, call @ (Call::Difference(..) | Call::Keyword(_))) => call.text(),
            Node::Call(item, call) => format!("${item}.{}", call.text()),
        }
    }
}

impl Call {
    fn text(&self) -> String {
        match self {
            Call::Fold(fold, width) => {
                let name = match fold {
                    Fold::Max => "max",
                    Fold::Min => "min",
                    Fold::Sum => "sum",
                    Fold::Avg => "avg",
                };
                format!("{name}({})", width.text())
            }
            Call::Count {
                width,
                with,
                operator,
            } => format!("count({}, {}, '{operator}')", width.text(), with.text()),
            Call::Keyword(text) => format!("keyword({})", quoted(text)),
            Call::Difference(difference, width) => {
                let name = match difference {
                    Difference::Diff => "diff",
                    Difference::Change => "change",
                    Difference::AbsChange => "abschange",
                };
                format!("{name}({})", width.text())
            }
            // No time after a number: those stand first.
            Call::Predict(width @ Width::Plain(_), further_s) => {
                format!("predict({}, {further_s})", width.text())
            }
            Call::Predict(width, further_s) => format!("predict({}, {further_s}s)", width.text()),
        }
    }
}

impl Width {
    fn text(self) -> String {
        match self {
            Width::Seconds(seconds) if seconds > 0 && seconds % 30 == 0 => {
                format!("{}m", seconds as f64 / 60.0)
            }
            Width::Seconds(seconds) => format!("{seconds}s"),
            Width::Plain(number) => number.to_string(),
            Width::Samples(count) => format!("#{count}"),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{text}'")
}

fn dictionary(pairs: &Pairs) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{}:{}", key.text(), value.text()))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}
