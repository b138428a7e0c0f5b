//! The operators and functions of the language as data: what a row lacks is refused by name, and adding it is adding to
//! the row.

use super::WindowFunction;
use crate::operation::{BinaryOperator, UnaryOperator};

/// An operator between two operands. All of them join from left to right.
pub(super) struct BinaryRow {
    pub(super) symbol: &'static str,
    /// Higher binds tighter.
    pub(super) level: u8,
    /// `None`: not supported yet.
    pub(super) operator: Option<BinaryOperator>,
}

/// An operator before its operand.
pub(super) struct PrefixRow {
    pub(super) symbol: &'static str,
    pub(super) level: u8,
    /// `None`: not supported yet.
    pub(super) operator: Option<UnaryOperator>,
}

pub(super) struct FunctionRow {
    pub(super) name: &'static str,
    /// `None`: not supported yet.
    pub(super) function: Option<WindowFunction>,
}

/// What begins the lower half of `c ? a : b`, which binds loosest (level 1, from right to left). Not supported yet.
pub(super) const TERNARY_SYMBOL: &str = "?";
/// The loosest level of an operator between two operands.
pub(super) const LEVEL_LOOSEST: u8 = 2;
/// Literals, names, parentheses, calls.
pub(super) const LEVEL_PRIMARY: u8 = 14;

const fn binary(symbol: &'static str, level: u8, operator: BinaryOperator) -> BinaryRow {
    BinaryRow {
        symbol,
        level,
        operator: Some(operator),
    }
}

const fn binary_later(symbol: &'static str, level: u8) -> BinaryRow {
    BinaryRow {
        symbol,
        level,
        operator: None,
    }
}

pub(super) const BINARY: [BinaryRow; 21] = [
    binary("||", 2, BinaryOperator::Or),
    binary("&&", 3, BinaryOperator::And),
    binary_later("|", 4),
    binary_later("^", 5),
    binary_later("&", 6),
    binary("==", 7, BinaryOperator::Equal),
    binary("!=", 7, BinaryOperator::NotEqual),
    binary_later("in", 7),
    binary_later("notin", 7),
    binary("<", 8, BinaryOperator::Less),
    binary(">", 8, BinaryOperator::Greater),
    binary("<=", 8, BinaryOperator::LessOrEqual),
    binary(">=", 8, BinaryOperator::GreaterOrEqual),
    binary_later("<<", 9),
    binary_later(">>", 9),
    binary_later(">>>", 9),
    binary("+", 10, BinaryOperator::Add),
    binary("-", 10, BinaryOperator::Subtract),
    binary("*", 11, BinaryOperator::Multiply),
    binary("/", 11, BinaryOperator::Divide),
    binary("%", 11, BinaryOperator::Modulo),
];

pub(super) const PREFIX: [PrefixRow; 4] = [
    PrefixRow {
        symbol: "+",
        level: 12,
        operator: Some(UnaryOperator::Plus),
    },
    PrefixRow {
        symbol: "-",
        level: 12,
        operator: Some(UnaryOperator::Minus),
    },
    PrefixRow {
        symbol: "!",
        level: 13,
        operator: Some(UnaryOperator::Not),
    },
    PrefixRow {
        symbol: "~",
        level: 13,
        operator: None,
    },
];

const fn later(name: &'static str) -> FunctionRow {
    FunctionRow { name, function: None }
}

pub(super) const FUNCTIONS: [FunctionRow; 10] = [
    FunctionRow {
        name: "avg",
        function: Some(WindowFunction::Avg),
    },
    FunctionRow {
        name: "max",
        function: Some(WindowFunction::Max),
    },
    later("min"),
    later("sum"),
    later("count"),
    later("keyword"),
    later("diff"),
    later("change"),
    later("abschange"),
    later("predict"),
];

/// Symbols that are tokens; of two that begin alike the longer stands first.
pub(super) const SYMBOLS: [&str; 36] = [
    ">>>", "||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "<>", "=>", "=<", "|", "^", "&", "<", ">", "+",
    "-", "*", "/", "%", "!", "~", "?", ":", "=", "(", ")", "{", "}", ",", ".", "@", "[", "]",
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
        .find(|row| row.operator == Some(operator))
        .expect("every operator has its row")
}

pub(super) fn row_of_prefix(operator: UnaryOperator) -> &'static PrefixRow {
    PREFIX
        .iter()
        .find(|row| row.operator == Some(operator))
        .expect("every operator has its row")
}

pub(super) fn name_of_function(function: WindowFunction) -> &'static str {
    FUNCTIONS
        .iter()
        .find(|row| row.function == Some(function))
        .expect("every function has its row")
        .name
}

/// Names of what is supported, for refusals.
pub(super) fn supported_functions() -> String {
    let names: Vec<&str> = FUNCTIONS
        .iter()
        .filter(|row| row.function.is_some())
        .map(|row| row.name)
        .collect();
    names.join(", ")
}

/// Operators that are supported, for refusals.
pub(super) fn supported_operators() -> String {
    let binary = BINARY
        .iter()
        .filter(|row| row.operator.is_some())
        .map(|row| row.symbol);
    let mut symbols: Vec<&str> = binary.collect();
    for row in PREFIX.iter().filter(|row| row.operator.is_some()) {
        if !symbols.contains(&row.symbol) {
            symbols.push(row.symbol);
        }
    }
    symbols.join(" ")
}
