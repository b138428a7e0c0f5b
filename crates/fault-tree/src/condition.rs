//! The condition of a branch: names of its children with `&&`, `||`, `!` and parentheses.
//!
//! There is no precedence: `a || b && c` is `(a || b) && c`. Trees in use depend on it. A name is whatever stands
//! between two operators, trimmed, so it may contain blanks, a single `&` or `|`, and any script.

mod analysis;
mod print;
mod reader;

use std::collections::BTreeSet;

pub(crate) use analysis::Possible;

/// Texts that separate names; a name that contains one cannot be written in a condition.
pub(crate) const OPERATORS: [&str; 5] = ["&&", "||", "!", "(", ")"];

/// How deep parentheses may be nested.
pub(crate) const MAX_NESTING: usize = 64;

/// How long a condition may be, as of a check rule.
pub(crate) const MAX_CONDITION_BYTES: usize = 64 * 1024;

/// Three-valued truth. With `Unknown` it follows Kleene: unknown unless the other side decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    True,
    False,
    Unknown,
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Truth::True } else { Truth::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    fn not(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
        }
    }
}

/// How two values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    And,
    Or,
}

impl Operator {
    pub(crate) fn apply(self, left: Truth, right: Truth) -> Truth {
        let decisive = match self {
            Operator::And => Truth::False,
            Operator::Or => Truth::True,
        };
        if left == decisive || right == decisive {
            return decisive;
        }
        if left == Truth::Unknown || right == Truth::Unknown {
            return Truth::Unknown;
        }
        !decisive
    }

    /// Whether one operand alone is enough for this outcome.
    pub(crate) fn is_decided_by_one(self, outcome: bool) -> bool {
        match self {
            Operator::And => !outcome,
            Operator::Or => outcome,
        }
    }
}

/// A condition over the children of one branch; children are known by their position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    group: Group,
    /// Whether something of it is odd and was read as the original reads it; see [`reader`].
    is_odd: bool,
}

/// What stands between two parentheses. A flat list, so that a long condition does not deepen the recursion.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    first: Operand,
    rest: Vec<(Operator, Operand)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Operand {
    negated: bool,
    term: Term,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Child(usize),
    Group(Box<Group>),
    /// A condition that names no child, `()` or `!`: false.
    Nothing,
}

/// Why a condition was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConditionError {
    pub(crate) reason: String,
    /// In characters, from 1.
    pub(crate) column: u32,
}

impl Condition {
    /// Reads a condition that may name these children.
    pub(crate) fn parse(text: &str, children: &[&str]) -> Result<Self, ConditionError> {
        reader::read(text, children)
    }

    /// The value, given that of each child.
    pub(crate) fn evaluate(&self, children: &[Truth]) -> Truth {
        self.group.evaluate(children)
    }

    /// The children that made the condition what it is: as long as they keep their values, it keeps its own, whatever
    /// the others become. Where several are each enough, all of them.
    pub(crate) fn contributors(&self, children: &[Truth]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        self.group.collect_contributors(children, &mut found);
        found
    }
}

impl Group {
    fn operands(&self) -> impl Iterator<Item = &Operand> {
        std::iter::once(&self.first).chain(self.rest.iter().map(|(_, operand)| operand))
    }

    fn evaluate(&self, children: &[Truth]) -> Truth {
        self.rest
            .iter()
            .fold(self.first.evaluate(children), |left, (operator, operand)| {
                operator.apply(left, operand.evaluate(children))
            })
    }

    fn collect_contributors(&self, children: &[Truth], found: &mut BTreeSet<usize>) {
        let mut left = self.first.evaluate(children);
        let mut steps = Vec::with_capacity(self.rest.len());
        for (operator, operand) in &self.rest {
            let right = operand.evaluate(children);
            let outcome = operator.apply(left, right);
            steps.push((left, right, outcome));
            left = outcome;
        }
        // From the last operator back to the first, for as long as what stands to its left mattered.
        for ((operator, operand), (left, right, outcome)) in self.rest.iter().zip(steps).rev() {
            let one_is_enough = operator.is_decided_by_one(outcome == Truth::True);
            if !one_is_enough || right == outcome {
                operand.collect_contributors(children, found);
            }
            if one_is_enough && left != outcome {
                return;
            }
        }
        self.first.collect_contributors(children, found);
    }
}

impl Operand {
    fn evaluate(&self, children: &[Truth]) -> Truth {
        let value = match &self.term {
            Term::Child(position) => children[*position],
            Term::Group(group) => group.evaluate(children),
            Term::Nothing => Truth::False,
        };
        if self.negated { !value } else { value }
    }

    fn collect_contributors(&self, children: &[Truth], found: &mut BTreeSet<usize>) {
        match &self.term {
            Term::Child(position) => {
                found.insert(*position);
            }
            Term::Group(group) => group.collect_contributors(children, found),
            Term::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests;
