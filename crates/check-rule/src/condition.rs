//! Conditions: their tree, how they are read, printed and evaluated.

mod evaluate;
mod grammar;
mod literal;
mod parser;
mod print;
mod suggestion;
#[cfg(test)]
mod tests;
mod token;

pub(crate) use evaluate::{Reading, evaluate};
pub(crate) use parser::parse;
pub(crate) use print::{Spelling, print, print_call};

use crate::operation::{BinaryOperator, UnaryOperator};
use crate::value::Value;

/// Longest condition, in bytes.
pub const MAX_CONDITION_BYTES: usize = 64 * 1024;
/// Deepest nesting of parentheses, functions and prefix operators in a condition.
pub const MAX_NESTING: usize = 64;
/// Longest function window by time, in milliseconds: 31 days.
pub const MAX_WINDOW_MS: i64 = 31 * 24 * 3_600_000;
/// Longest function window by samples.
pub const MAX_WINDOW_SAMPLES: u32 = 10_000;

/// A condition that has been read and checked against the data items of its rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) root: Expression,
    /// Calls of window functions; equal ones stand here once.
    pub(crate) calls: Vec<WindowCall>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Literal(Value),
    /// `$i`.
    Item(usize),
    /// A function over a window, by its index in [`Condition::calls`].
    Call(usize),
    Unary {
        operator: UnaryOperator,
        operand: Box<Expression>,
    },
    /// Operands joined by operators of one level, from left to right. A list and not a pair, so that the depth of the
    /// tree is bounded by [`MAX_NESTING`] however long `1+1+1…` goes on.
    Chain {
        first: Box<Expression>,
        rest: Vec<(BinaryOperator, Expression)>,
    },
}

/// A function over the samples of an item in a window that ends at the moment judged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WindowCall {
    pub(crate) function: WindowFunction,
    pub(crate) item: usize,
    pub(crate) window: Window,
    /// The window as the author wrote it, without blanks.
    pub(crate) window_text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowFunction {
    Avg,
    Max,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// The samples in `[t − ms, t]`; none when negative.
    Time { ms: i64 },
    /// The last `count` samples in `(t − count × max_gap, t]`.
    Samples { count: u32 },
}
