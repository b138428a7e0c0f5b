//! Conditions of check rules as they are built and written.

/// Part of a condition. Data items are numbered as they were met; which of them is `$0` is known at the end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Term {
    Number(f64),
    /// The current value of a data item.
    Item(usize),
    /// A function over the samples of a data item.
    Call {
        item: usize,
        function: &'static str,
        arguments: String,
    },
    Negative(Box<Term>),
    Absolute(Box<Term>),
    Not(Box<Term>),
    Binary {
        operator: Operator,
        left: Box<Term>,
        right: Box<Term>,
    },
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

const LEVEL_CONDITIONAL: u8 = 1;
const LEVEL_SIGN: u8 = 12;
const LEVEL_NOT: u8 = 13;
const LEVEL_PRIMARY: u8 = 14;

impl Operator {
    fn symbol(self) -> &'static str {
        match self {
            Operator::Or => "||",
            Operator::And => "&&",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::Greater => ">",
            Operator::LessOrEqual => "<=",
            Operator::GreaterOrEqual => ">=",
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Modulo => "%",
        }
    }

    /// How tightly it binds, as in the language of conditions.
    fn level(self) -> u8 {
        match self {
            Operator::Or => 2,
            Operator::And => 3,
            Operator::Equal | Operator::NotEqual => 7,
            Operator::Less | Operator::Greater | Operator::LessOrEqual | Operator::GreaterOrEqual => 8,
            Operator::Add | Operator::Subtract => 10,
            Operator::Multiply | Operator::Divide | Operator::Modulo => 11,
        }
    }
}

impl Term {
    pub(crate) fn binary(operator: Operator, left: Term, right: Term) -> Self {
        Self::Binary {
            operator,
            left: Box::new(left),
            right: Box::new(right),
        }
    }

    pub(crate) fn negative(operand: Term) -> Self {
        match operand {
            Self::Number(number) => Self::Number(-number),
            Self::Negative(inner) => *inner,
            other => Self::Negative(Box::new(other)),
        }
    }

    pub(crate) fn negation(operand: Term) -> Self {
        Self::Not(Box::new(operand))
    }

    /// Both of two conditions; one that is not there demands nothing.
    pub(crate) fn both(left: Option<Term>, right: Option<Term>) -> Option<Term> {
        match (left, right) {
            (Some(left), Some(right)) => Some(Self::binary(Operator::And, left, right)),
            (one, other) => one.or(other),
        }
    }

    /// Whether an [`Term::Absolute`] is in it: its operand is written three times.
    pub(crate) fn has_absolute(&self) -> bool {
        match self {
            Self::Number(_) | Self::Item(_) | Self::Call { .. } => false,
            Self::Absolute(_) => true,
            Self::Negative(operand) | Self::Not(operand) => operand.has_absolute(),
            Self::Binary { left, right, .. } => left.has_absolute() || right.has_absolute(),
        }
    }

    /// The text of the condition; `numbers` holds for each data item the number that it got.
    pub(crate) fn print(&self, numbers: &[usize]) -> String {
        let mut text = String::new();
        self.write(numbers, LEVEL_CONDITIONAL, &mut text);
        text
    }

    fn level(&self) -> u8 {
        match self {
            Self::Number(number) if number.is_sign_negative() => LEVEL_SIGN,
            Self::Number(_) | Self::Item(_) | Self::Call { .. } => LEVEL_PRIMARY,
            Self::Negative(_) => LEVEL_SIGN,
            Self::Absolute(_) => LEVEL_CONDITIONAL,
            Self::Not(_) => LEVEL_NOT,
            Self::Binary { operator, .. } => operator.level(),
        }
    }

    /// Writes it where operands must bind as tight as `loosest`.
    fn write(&self, numbers: &[usize], loosest: u8, text: &mut String) {
        if self.level() < loosest {
            text.push('(');
            self.write(numbers, LEVEL_CONDITIONAL, text);
            text.push(')');
            return;
        }
        match self {
            Self::Number(number) => text.push_str(&number_text(*number)),
            Self::Item(item) => text.push_str(&format!("${}", numbers[*item])),
            Self::Call {
                item,
                function,
                arguments,
            } => {
                // Functions are of $0 unless they say otherwise.
                if numbers[*item] != 0 {
                    text.push_str(&format!("${}.", numbers[*item]));
                }
                text.push_str(&format!("{function}({arguments})"));
            }
            Self::Negative(operand) => {
                text.push('-');
                operand.write(numbers, LEVEL_SIGN, text);
            }
            Self::Not(operand) => {
                text.push('!');
                operand.write(numbers, LEVEL_NOT, text);
            }
            Self::Absolute(operand) => {
                operand.write(numbers, Operator::Less.level() + 1, text);
                text.push_str(" < 0 ? -");
                operand.write(numbers, LEVEL_SIGN, text);
                text.push_str(" : ");
                operand.write(numbers, LEVEL_CONDITIONAL, text);
            }
            Self::Binary {
                operator,
                left,
                right,
            } => {
                left.write(numbers, operator.level(), text);
                text.push_str(&format!(" {} ", operator.symbol()));
                right.write(numbers, operator.level() + 1, text);
            }
        }
    }
}

/// A finite number as a literal.
fn number_text(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e18).contains(&size) {
        return format!("{number:e}");
    }
    number.to_string()
}

/// A duration as a literal, in the largest unit that needs no fraction.
pub(crate) fn duration_text(milliseconds: i64) -> String {
    for (unit, scale) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if milliseconds != 0 && milliseconds % scale == 0 {
            return format!("{}{unit}", milliseconds / scale);
        }
    }
    format!("{}s", milliseconds as f64 / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_stand_where_they_are_needed() {
        let item = || Term::Item(0);
        let add = |left, right| Term::binary(Operator::Add, left, right);
        let subtract = |left, right| Term::binary(Operator::Subtract, left, right);
        for (term, text) in [
            (add(add(item(), item()), item()), "$0 + $0 + $0"),
            (subtract(item(), subtract(item(), item())), "$0 - ($0 - $0)"),
            (
                Term::binary(Operator::Multiply, Term::negative(add(item(), item())), item()),
                "-($0 + $0) * $0",
            ),
            (subtract(item(), Term::Number(-5.0)), "$0 - -5"),
            (Term::negative(Term::negative(item())), "$0"),
            (
                add(Term::Absolute(Box::new(item())), Term::Number(1.0)),
                "($0 < 0 ? -$0 : $0) + 1",
            ),
            (
                Term::negation(Term::binary(Operator::Less, item(), Term::Number(0.5))),
                "!($0 < 0.5)",
            ),
        ] {
            assert_eq!(term.print(&[0]), text);
        }
    }

    #[test]
    fn numbers_and_durations_are_literals_of_the_language() {
        for (number, text) in [
            (100.0, "100"),
            (0.05, "0.05"),
            (1e-9, "1e-9"),
            (2f64.powi(80), "1.2089258196146292e24"),
        ] {
            assert_eq!(number_text(number), text);
        }
        for (milliseconds, text) in [
            (300_000, "5m"),
            (90_000, "90s"),
            (86_400_000, "24h"),
            (1_500, "1.5s"),
            (0, "0s"),
        ] {
            assert_eq!(duration_text(milliseconds), text);
        }
    }
}
