//! Conditions: their tree, how they are read, printed and evaluated.

mod call;
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
/// Most different functions in a condition: each keeps a window over each series.
pub const MAX_CALLS: usize = 100;
/// Most pairs of a dictionary.
pub const MAX_PAIRS: usize = 100;
/// Furthest that `predict` looks ahead, in milliseconds: 366 days.
pub const MAX_AHEAD_MS: i64 = 366 * 24 * 3_600_000;

/// A condition that has been read and checked against the data items of its rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) root: Expression,
    /// Calls of functions; equal ones stand here once. A call in an argument stands before the call that it is for.
    pub(crate) calls: Vec<Call>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Literal(Value),
    /// `$i`.
    Item(usize),
    /// A function, by its index in [`Condition::calls`].
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
        place: Place,
    },
    /// `c ? a : b`. All three are evaluated.
    Conditional {
        condition: Box<Expression>,
        then: Box<Expression>,
        otherwise: Box<Expression>,
    },
    /// `{…} in {…}`: whether any pair of the left one is in the right one; `notin` is the opposite.
    Membership {
        left: Vec<(Expression, Expression)>,
        right: Vec<(Expression, Expression)>,
        negated: bool,
    },
}

/// The byte of the condition at which an expression begins. Where it stands does not make it another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(pub(crate) usize);

impl PartialEq for Place {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// A function of the samples of an item up to the moment judged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) item: usize,
    pub(crate) function: Function,
    /// Its durations and numbers of samples as the author wrote them, without blanks.
    pub(crate) written: Vec<String>,
    pub(crate) place: Place,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Function {
    /// `max`, `min`, `sum`, `avg` of the samples in a window.
    Aggregate {
        aggregate: WindowAggregate,
        window: Window,
    },
    /// How many samples in a window compare so with a value.
    Count {
        window: Window,
        operand: Expression,
        comparison: BinaryOperator,
    },
    /// Whether the current text contains another.
    Keyword { text: Expression },
    /// The current value against an earlier one.
    Compare { comparison: Comparison, back: Back },
    /// The straight line through the samples in a window, so many milliseconds further on.
    Predict { window: Window, ahead_ms: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowAggregate {
    Max,
    Min,
    Sum,
    Avg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// Whether it differs.
    Diff,
    /// By how much.
    Change,
    /// By how much, without the sign.
    AbsChange,
}

/// Which earlier sample is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Back {
    /// The newest in `(t − ms − max_gap, t − ms]`.
    Time { ms: i64 },
    /// The one so many samples before, if it lies in `(t − (count + 1) × max_gap, t]`.
    Samples { count: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Window {
    /// The samples in `[t − ms, t]`; none when negative.
    Time { ms: i64 },
    /// The last `count` samples in `(t − count × max_gap, t]`.
    Samples { count: u32 },
}
