//! How a condition is read, shown with parentheses.

use super::{Condition, Group, Operand, Operator, Term};

/// How much of a reading is shown, in characters.
const SHOWN_CHARACTERS: usize = 400;

impl Condition {
    /// The reading of a condition that mixes `&&` and `||` without parentheses, shown with them; `None` if it does not.
    pub(crate) fn reading_of_mixed(&self, children: &[&str]) -> Option<String> {
        if !mixes(&self.group) {
            return None;
        }
        Some(cut(group_text(&self.group, children)))
    }

    /// The reading of a condition of which something is missing; `None` if nothing is.
    pub(crate) fn reading_of_odd(&self, children: &[&str]) -> Option<String> {
        self.is_odd.then(|| cut(group_text(&self.group, children)))
    }
}

fn cut(text: String) -> String {
    if text.chars().count() <= SHOWN_CHARACTERS {
        return text;
    }
    let start: String = text.chars().take(SHOWN_CHARACTERS).collect();
    format!("{start}…")
}

fn mixes(group: &Group) -> bool {
    let uses = |wanted| group.rest.iter().any(|(operator, _)| *operator == wanted);
    let is_mixed_below = |operand: &Operand| matches!(&operand.term, Term::Group(group) if mixes(group));
    (uses(Operator::And) && uses(Operator::Or)) || group.operands().any(is_mixed_below)
}

/// Parentheses stand around what is to the left of a change of operator.
fn group_text(group: &Group, children: &[&str]) -> String {
    let mut text = operand_text(&group.first, children);
    // In pieces, since what is to the left may be opened many times.
    let mut opened = 0;
    let mut last = None;
    for (operator, operand) in &group.rest {
        if last.is_some_and(|last| last != *operator) {
            text.push(')');
            opened += 1;
        }
        last = Some(*operator);
        text.push_str(operator.padded());
        text.push_str(&operand_text(operand, children));
    }
    text.insert_str(0, &"(".repeat(opened));
    text
}

fn operand_text(operand: &Operand, children: &[&str]) -> String {
    let not = if operand.negated { "!" } else { "" };
    match &operand.term {
        Term::Child(child) => format!("{not}{}", children[*child]),
        Term::Group(group) => format!("{not}({})", group_text(group, children)),
        Term::Nothing => "nothing, which is false".to_owned(),
    }
}

impl Operator {
    fn padded(self) -> &'static str {
        match self {
            Operator::And => " && ",
            Operator::Or => " || ",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::condition::Truth;

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    #[test]
    fn a_mixed_condition_is_shown_as_it_is_read() {
        for (text, reading) in [
            ("a || b && c", Some("(a || b) && c")),
            ("a||b&&c||d", Some("((a || b) && c) || d")),
            ("a || b || !(c && d || a)", Some("a || b || !((c && d) || a)")),
            ("a || b || c", None),
            ("a || (b && c)", None),
            ("(a || b) && !!c", None),
        ] {
            let condition = Condition::parse(text, &NAMES).expect(text);
            assert_eq!(condition.reading_of_mixed(&NAMES).as_deref(), reading, "{text}");
        }
    }

    #[test]
    fn a_long_reading_is_cut() {
        let text = "a && b || c".to_owned() + &" || d".repeat(1_000);
        let reading = Condition::parse(&text, &NAMES)
            .expect("valid")
            .reading_of_mixed(&NAMES);
        assert_eq!(
            reading.map(|reading| reading.chars().count()),
            Some(SHOWN_CHARACTERS + 1)
        );
    }

    proptest! {
        /// The reading means the same, and needs no rule to be read by.
        #[test]
        fn the_reading_means_the_same(
            operators in prop::collection::vec(any::<bool>(), 1..8), names in prop::collection::vec(0_usize..4, 8),
            values in prop::array::uniform4(any::<bool>()),
        ) {
            let mut text = NAMES[names[0]].to_owned();
            for (is_and, name) in operators.iter().zip(&names[1..]) {
                text.push_str(if *is_and { "&&" } else { "||" });
                text.push_str(NAMES[*name]);
            }
            let children = values.map(Truth::from);
            let condition = Condition::parse(&text, &NAMES).expect("valid");
            if let Some(reading) = condition.reading_of_mixed(&NAMES) {
                let read = Condition::parse(&reading, &NAMES).expect("valid");
                prop_assert_eq!(read.evaluate(&children), condition.evaluate(&children), "{}", reading);
                prop_assert_eq!(read.reading_of_mixed(&NAMES), None, "{}", reading);
            }
        }
    }
}
