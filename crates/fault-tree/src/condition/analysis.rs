//! What a condition can become at all: the truth table of a small one, bounds of a large one.

use std::collections::BTreeSet;

use super::{Condition, Group, Operand, Operator, Term};

/// How many children a truth table is made for; its length doubles with each.
const MOST_TABLED: usize = 12;

/// The values that a node can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Possible {
    pub(crate) can_be_true: bool,
    pub(crate) can_be_false: bool,
}

impl Possible {
    pub(crate) const EITHER: Possible = Possible {
        can_be_true: true,
        can_be_false: true,
    };
    pub(crate) const ONLY_FALSE: Possible = Possible {
        can_be_true: false,
        can_be_false: true,
    };
}

/// What is odd about a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Oddities {
    /// Children that the condition does not name.
    pub(crate) unnamed: Vec<usize>,
    /// Children that it names, though it has the same value whatever theirs is.
    pub(crate) irrelevant: Vec<usize>,
    /// The value that it always has.
    pub(crate) constant: Option<bool>,
}

impl Condition {
    /// Looks for what cannot have been meant. Of a condition over many children it finds only those it does not name.
    pub(crate) fn oddities(&self, children: usize) -> Oddities {
        let named = self.named();
        let unnamed = (0..children).filter(|child| !named.contains(child)).collect();
        let variables: Vec<usize> = named.into_iter().collect();
        if variables.len() > MOST_TABLED {
            return Oddities {
                unnamed,
                irrelevant: Vec::new(),
                constant: None,
            };
        }
        let free = vec![Possible::EITHER; children];
        let table = Table::of(&self.group, &variables, &free);
        let possible = table.possible();
        let is_irrelevant = |variable: &usize| !table.depends_on(*variable);
        let irrelevant = (0..variables.len())
            .filter(is_irrelevant)
            .map(|variable| variables[variable])
            .collect();
        Oddities {
            unnamed,
            irrelevant,
            constant: (possible != Possible::EITHER).then_some(possible.can_be_true),
        }
    }

    /// The values that the condition can have, given those of its children. Exact for up to 12 children that can be
    /// either; of more it may say too much, never too little.
    pub(crate) fn possible(&self, children: &[Possible]) -> Possible {
        let named = self.named().into_iter();
        let variables: Vec<usize> = named
            .filter(|child| children[*child] == Possible::EITHER)
            .collect();
        if variables.len() > MOST_TABLED {
            return bounds(&self.group, children);
        }
        Table::of(&self.group, &variables, children).possible()
    }

    /// The children that the condition names.
    fn named(&self) -> BTreeSet<usize> {
        let mut named = BTreeSet::new();
        collect_named(&self.group, &mut named);
        named
    }
}

fn collect_named(group: &Group, named: &mut BTreeSet<usize>) {
    for operand in group.operands() {
        match &operand.term {
            Term::Child(child) => {
                named.insert(*child);
            }
            Term::Group(group) => collect_named(group, named),
        }
    }
}

/// The values of an expression for all values of the variables: bit `i` is the value when the variables are the bits of `i`.
struct Table {
    words: Vec<u64>,
    /// How many bits count; at least 1.
    length: usize,
}

impl Table {
    fn of(group: &Group, variables: &[usize], children: &[Possible]) -> Self {
        let first = Self::of_operand(&group.first, variables, children);
        group.rest.iter().fold(first, |left, (operator, operand)| {
            let right = Self::of_operand(operand, variables, children);
            let words = left.words.iter().zip(&right.words);
            let words = match operator {
                Operator::And => words.map(|(left, right)| left & right).collect(),
                Operator::Or => words.map(|(left, right)| left | right).collect(),
            };
            Self { words, ..left }
        })
    }

    fn of_operand(operand: &Operand, variables: &[usize], children: &[Possible]) -> Self {
        let mut table = match &operand.term {
            Term::Group(group) => Self::of(group, variables, children),
            Term::Child(child) => match variables.iter().position(|variable| variable == child) {
                Some(variable) => Self::filled(variables.len(), |row| row & (1 << variable) != 0),
                None => Self::filled(variables.len(), |_| children[*child].can_be_true),
            },
        };
        if operand.negated {
            for word in &mut table.words {
                *word = !*word;
            }
        }
        table
    }

    fn filled(variables: usize, value: impl Fn(usize) -> bool) -> Self {
        let length: usize = 1 << variables;
        let mut words = vec![0; length.div_ceil(64)];
        for row in (0..length).filter(|row| value(*row)) {
            words[row / 64] |= 1 << (row % 64);
        }
        Self { words, length }
    }

    fn row(&self, row: usize) -> bool {
        self.words[row / 64] & (1 << (row % 64)) != 0
    }

    fn possible(&self) -> Possible {
        Possible {
            can_be_true: (0..self.length).any(|row| self.row(row)),
            can_be_false: (0..self.length).any(|row| !self.row(row)),
        }
    }

    fn depends_on(&self, variable: usize) -> bool {
        (0..self.length).any(|row| self.row(row) != self.row(row ^ (1 << variable)))
    }
}

/// As if every place where a child is named could have a value of its own.
fn bounds(group: &Group, children: &[Possible]) -> Possible {
    let first = operand_bounds(&group.first, children);
    group.rest.iter().fold(first, |left, (operator, operand)| {
        let right = operand_bounds(operand, children);
        match operator {
            Operator::And => Possible {
                can_be_true: left.can_be_true && right.can_be_true,
                can_be_false: left.can_be_false || right.can_be_false,
            },
            Operator::Or => Possible {
                can_be_true: left.can_be_true || right.can_be_true,
                can_be_false: left.can_be_false && right.can_be_false,
            },
        }
    })
}

fn operand_bounds(operand: &Operand, children: &[Possible]) -> Possible {
    let possible = match &operand.term {
        Term::Child(child) => children[*child],
        Term::Group(group) => bounds(group, children),
    };
    if !operand.negated {
        return possible;
    }
    Possible {
        can_be_true: possible.can_be_false,
        can_be_false: possible.can_be_true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    fn oddities(text: &str) -> Oddities {
        Condition::parse(text, &NAMES).expect(text).oddities(NAMES.len())
    }

    #[test]
    fn children_without_influence_are_found() {
        for (text, unnamed, irrelevant, constant) in [
            ("a || b && c || d", vec![], vec![], None),
            ("a && b", vec![2, 3], vec![], None),
            ("a || !a && b || c || d", vec![], vec![0], None),
            ("a || (a && b)", vec![2, 3], vec![1], None),
            ("a && !a", vec![1, 2, 3], vec![0], Some(false)),
            ("a || !a || b", vec![2, 3], vec![0, 1], Some(true)),
        ] {
            let expected = Oddities {
                unnamed,
                irrelevant,
                constant,
            };
            assert_eq!(oddities(text), expected, "{text}");
        }
    }

    #[test]
    fn many_children_are_bounded_not_tabled() {
        let names: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = Condition::parse(&names.join(" && "), &names).expect("valid");
        assert_eq!(all.oddities(40).constant, None);
        assert_eq!(all.possible(&[Possible::EITHER; 40]), Possible::EITHER);
        let mut blind = [Possible::EITHER; 40];
        blind[39] = Possible::ONLY_FALSE;
        assert_eq!(all.possible(&blind), Possible::ONLY_FALSE);
    }

    #[test]
    fn what_is_blind_restricts_what_is_possible() {
        let mut children = [Possible::EITHER; 4];
        children[1] = Possible::ONLY_FALSE;
        let possible = |text: &str| Condition::parse(text, &NAMES).expect(text).possible(&children);
        assert_eq!(possible("a && b"), Possible::ONLY_FALSE);
        assert_eq!(possible("a || b"), Possible::EITHER);
        assert_eq!(possible("b"), Possible::ONLY_FALSE);
        assert!(possible("!b").can_be_true && !possible("!b").can_be_false);
        assert_eq!(possible("a && !a || b"), Possible::ONLY_FALSE);
    }
}
