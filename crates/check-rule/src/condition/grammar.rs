//! The operators and functions of the language as data.

use super::{Comparison, WindowAggregate};
use crate::operation::{BinaryOperator, UnaryOperator};

/// An operator between two operands. All of them join from left to right.
pub(super) struct BinaryRow {
    pub(super) symbol: &'static str,
    /// Higher binds tighter.
    pub(super) level: u8,
    pub(super) operator: BinaryOperator,
}

/// An operator before its operand.
pub(super) struct PrefixRow {
    pub(super) symbol: &'static str,
    pub(super) level: u8,
    pub(super) operator: UnaryOperator,
}

pub(super) struct FunctionRow {
    pub(super) name: &'static str,
    pub(super) signature: Signature,
    /// A call that shows how it is used.
    pub(super) example: &'static str,
}

/// What a function is called with, and what it does with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// A window.
    Aggregate(WindowAggregate),
    /// A window, a value and a comparison as a text.
    Count,
    /// A text.
    Keyword,
    /// How far back.
    Compare(Comparison),
    /// A window and a duration.
    Predict,
}

/// `c ? a : b` binds loosest, from right to left.
pub(super) const LEVEL_CONDITIONAL: u8 = 1;
/// `{…} in {…}`
pub(super) const LEVEL_MEMBERSHIP: u8 = 7;
/// Literals, names, parentheses, calls.
pub(super) const LEVEL_PRIMARY: u8 = 14;

const fn binary(symbol: &'static str, level: u8, operator: BinaryOperator) -> BinaryRow {
    BinaryRow {
        symbol,
        level,
        operator,
    }
}

pub(super) const BINARY: [BinaryRow; 18] = [
    binary("||", 2, BinaryOperator::Or),
    binary("&&", 3, BinaryOperator::And),
    binary("|", 4, BinaryOperator::BitOr),
    binary("^", 5, BinaryOperator::BitXor),
    binary("&", 6, BinaryOperator::BitAnd),
    binary("==", 7, BinaryOperator::Equal),
    binary("!=", 7, BinaryOperator::NotEqual),
    binary("<", 8, BinaryOperator::Less),
    binary(">", 8, BinaryOperator::Greater),
    binary("<=", 8, BinaryOperator::LessOrEqual),
    binary(">=", 8, BinaryOperator::GreaterOrEqual),
    binary("<<", 9, BinaryOperator::ShiftLeft),
    binary(">>", 9, BinaryOperator::ShiftRight),
    binary("+", 10, BinaryOperator::Add),
    binary("-", 10, BinaryOperator::Subtract),
    binary("*", 11, BinaryOperator::Multiply),
    binary("/", 11, BinaryOperator::Divide),
    binary("%", 11, BinaryOperator::Modulo),
];

const fn prefix(symbol: &'static str, level: u8, operator: UnaryOperator) -> PrefixRow {
    PrefixRow {
        symbol,
        level,
        operator,
    }
}

pub(super) const PREFIX: [PrefixRow; 4] = [
    prefix("+", 12, UnaryOperator::Plus),
    prefix("-", 12, UnaryOperator::Minus),
    prefix("!", 13, UnaryOperator::Not),
    prefix("~", 13, UnaryOperator::Complement),
];

const fn function(name: &'static str, signature: Signature, example: &'static str) -> FunctionRow {
    FunctionRow {
        name,
        signature,
        example,
    }
}

pub(super) const FUNCTIONS: [FunctionRow; 10] = [
    function("max", Signature::Aggregate(WindowAggregate::Max), "max(60s)"),
    function("min", Signature::Aggregate(WindowAggregate::Min), "min(60s)"),
    function("sum", Signature::Aggregate(WindowAggregate::Sum), "sum(60s)"),
    function("avg", Signature::Aggregate(WindowAggregate::Avg), "avg(60s)"),
    function("count", Signature::Count, "count(60s, 3, '>')"),
    function("keyword", Signature::Keyword, "keyword('error')"),
    function("diff", Signature::Compare(Comparison::Diff), "diff(#1)"),
    function("change", Signature::Compare(Comparison::Change), "change(#1)"),
    function(
        "abschange",
        Signature::Compare(Comparison::AbsChange),
        "abschange(#1)",
    ),
    function("predict", Signature::Predict, "predict(1h, 4h)"),
];

/// Symbols that are tokens; of two that begin alike the longer stands first.
pub(super) const SYMBOLS: [&str; 37] = [
    ">>>", "||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "<>", "=>", "=<", "**", "|", "^", "&", "<", ">",
    "+", "-", "*", "/", "%", "!", "~", "?", ":", "=", "(", ")", "{", "}", ",", ".", "@", "[", "]",
];

pub(super) fn binary_row(symbol: &str) -> Option<&'static BinaryRow> {
    BINARY.iter().find(|row| row.symbol == symbol)
}

pub(super) fn prefix_row(symbol: &str) -> Option<&'static PrefixRow> {
    PREFIX.iter().find(|row| row.symbol == symbol)
}

pub(super) fn function_row(name: &str) -> Option<&'static FunctionRow> {
    FUNCTIONS.iter().find(|row| row.name == name)
}

pub(super) fn row_of_binary(operator: BinaryOperator) -> &'static BinaryRow {
    BINARY
        .iter()
        .find(|row| row.operator == operator)
        .expect("every operator has its row")
}

pub(super) fn row_of_prefix(operator: UnaryOperator) -> &'static PrefixRow {
    PREFIX
        .iter()
        .find(|row| row.operator == operator)
        .expect("every operator has its row")
}

pub(super) fn name_of(signature: Signature) -> &'static str {
    FUNCTIONS
        .iter()
        .find(|row| row.signature == signature)
        .expect("every function has its row")
        .name
}

/// The comparison that a text names.
pub(super) fn comparison(symbol: &str) -> Option<BinaryOperator> {
    let operator = binary_row(symbol)?.operator;
    operator.is_comparison().then_some(operator)
}

/// Names of all functions, for refusals.
pub(super) fn known_functions() -> String {
    let names: Vec<&str> = FUNCTIONS.iter().map(|row| row.name).collect();
    names.join(", ")
}
