//! What a condition can become at all: the truth table of a small one, bounds of a large one.

use std::collections::{BTreeSet, HashMap};

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
    /// Children that it names and that always have the same value.
    pub(crate) constant_children: Vec<usize>,
    /// The value that it always has.
    pub(crate) constant: Option<bool>,
}

impl Condition {
    /// Looks for what cannot have been meant, given the values that the children can have. Exact if at most 12 of those
    /// that are named can be either, or if each is named once; of others it finds those it does not name, and a constant
    /// value where constant children alone decide.
    pub(crate) fn oddities(&self, children: &[Possible]) -> Oddities {
        let named = self.named();
        let unnamed = (0..children.len()).filter(|child| !named.contains(child));
        let (variables, constant_children): (Vec<usize>, Vec<usize>) = named
            .iter()
            .partition(|child| children[**child] == Possible::EITHER);
        let mut irrelevant = Vec::new();
        let possible = if variables.len() <= MOST_TABLED {
            let table = Tables::new(&variables, children).of(&self.group);
            let is_irrelevant = |variable: &usize| !table.depends_on(*variable);
            let positions = (0..variables.len()).filter(is_irrelevant);
            irrelevant = positions.map(|variable| variables[variable]).collect();
            table.possible()
        } else {
            // Where each is named once, these bounds are exact.
            bounds(&self.group, children)
        };
        Oddities {
            unnamed: unnamed.collect(),
            irrelevant,
            constant_children,
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
        Tables::new(&variables, children).of(&self.group).possible()
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
            Term::Nothing => {}
        }
    }
}

/// The tables of single children, made once: a condition may name each many times.
struct Tables<'children> {
    /// Of each variable, and by child which one it is.
    variables: Vec<Table>,
    positions: HashMap<usize, usize>,
    always_false: Table,
    always_true: Table,
    children: &'children [Possible],
}

/// The values of an expression for all values of the variables: bit `i` is the value when the variables are the bits of `i`.
#[derive(Clone)]
struct Table {
    words: Vec<u64>,
    /// How many bits count; at least 1.
    length: usize,
}

impl<'children> Tables<'children> {
    fn new(variables: &[usize], children: &'children [Possible]) -> Self {
        let count = variables.len();
        let of_variable = |variable: usize| Table::filled(count, |row| row & (1 << variable) != 0);
        Self {
            variables: (0..count).map(of_variable).collect(),
            positions: variables
                .iter()
                .enumerate()
                .map(|(position, child)| (*child, position))
                .collect(),
            always_false: Table::filled(count, |_| false),
            always_true: Table::filled(count, |_| true),
            children,
        }
    }

    fn of(&self, group: &Group) -> Table {
        let mut table = self.always_false.clone();
        self.apply(Operator::Or, &group.first, &mut table);
        for (operator, operand) in &group.rest {
            self.apply(*operator, operand, &mut table);
        }
        table
    }

    /// Makes `left` what it is with the operand to its right.
    fn apply(&self, operator: Operator, operand: &Operand, left: &mut Table) {
        let group;
        let right = match &operand.term {
            Term::Child(child) => self.of_child(*child),
            Term::Nothing => &self.always_false,
            Term::Group(inner) => {
                group = self.of(inner);
                &group
            }
        };
        let flip = if operand.negated { u64::MAX } else { 0 };
        for (left, right) in left.words.iter_mut().zip(&right.words) {
            match operator {
                Operator::And => *left &= right ^ flip,
                Operator::Or => *left |= right ^ flip,
            }
        }
    }

    fn of_child(&self, child: usize) -> &Table {
        match self.positions.get(&child) {
            Some(variable) => &self.variables[*variable],
            None if self.children[child].can_be_true => &self.always_true,
            None => &self.always_false,
        }
    }
}

impl Table {
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
        Term::Nothing => Possible::ONLY_FALSE,
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
        Condition::parse(text, &NAMES)
            .expect(text)
            .oddities(&[Possible::EITHER; 4])
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
                constant_children: vec![],
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
        assert_eq!(all.oddities(&[Possible::EITHER; 40]).constant, None);
        assert_eq!(all.possible(&[Possible::EITHER; 40]), Possible::EITHER);
        let mut blind = [Possible::EITHER; 40];
        blind[39] = Possible::ONLY_FALSE;
        assert_eq!(all.possible(&blind), Possible::ONLY_FALSE);
        let oddities = all.oddities(&blind);
        assert_eq!(
            (oddities.constant, oddities.constant_children),
            (Some(false), vec![39])
        );
    }

    #[test]
    fn constant_children_decide_what_matters() {
        let mut children = [Possible::EITHER; 4];
        children[0] = Possible::ONLY_FALSE;
        let oddities = |text: &str| Condition::parse(text, &NAMES).expect(text).oddities(&children);
        let never = oddities("a && b");
        assert_eq!((never.constant, never.constant_children), (Some(false), vec![0]));
        let partly = oddities("a && b || c || d");
        assert_eq!((partly.constant, partly.irrelevant), (None, vec![1]));
        assert_eq!(oddities("()").constant, Some(false));
    }

    /// Of many variables and many places where they are named, a table is made once for each variable.
    #[test]
    fn a_condition_that_is_long_and_repeats_its_children_is_tabled() {
        let names: Vec<String> = (0..MOST_TABLED).map(|number| format!("n{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let once = names.join("||");
        let text = vec![once.as_str(); 60 * 1024 / once.len()].join("||");
        let condition = Condition::parse(&text, &names).expect("short enough");
        let oddities = condition.oddities(&[Possible::EITHER; MOST_TABLED]);
        assert_eq!((oddities.constant, oddities.irrelevant), (None, vec![]));
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
