use proptest::prelude::*;

use super::*;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn truths(values: &[bool]) -> Vec<Truth> {
    values.iter().copied().map(Truth::from).collect()
}

fn evaluate(text: &str, children: &[Truth]) -> Truth {
    Condition::parse(text, &NAMES).expect(text).evaluate(children)
}

/// Specification H.4 row 38; `!!a` is `a` here, where the original has `!a`.
#[test]
fn conditions_of_the_specification() {
    let children = truths(&[true, false, false, true]);
    for (text, expected) in [
        ("a || b && c", false),
        ("a && b || d", true),
        ("b && (c || d)", false),
        ("!(a && b)", true),
        ("!b && !c", true),
        ("!(!(a))", true),
        ("!!a", true),
        ("b||c&&a", false),
        ("a || b && c || d", true),
        ("a && !b && !c && d", true),
        ("!!!a", false),
    ] {
        assert_eq!(evaluate(text, &children), Truth::from(expected), "{text}");
    }
}

/// Specification C.2, "tolerated oddities": read as the original reads them, and told.
#[test]
fn odd_conditions_are_read_as_the_original_reads_them() {
    for (text, reading) in [
        ("a &&", "a"),
        ("a && b || ", "a && b"),
        ("a !", "a"),
        ("a || !", "a"),
        ("(a ||) && d", "(a) && d"),
        ("a (b)", "(b)"),
        ("(a) b", "b"),
        ("a ! b", "!b"),
        ("c || a (b) && d", "(b) && d"),
        ("()", "nothing, which is false"),
        ("!", "nothing, which is false"),
    ] {
        let condition = Condition::parse(text, &NAMES).expect(text);
        let shown = condition.reading_of_odd(&NAMES).expect(text);
        assert_eq!(shown, reading, "{text}");
    }
    let children = truths(&[true, false, false, true]);
    for (text, expected) in [
        ("a &&", true),
        ("a (b)", false),
        ("a ! b", true),
        ("()", false),
        ("!", false),
    ] {
        assert_eq!(evaluate(text, &children), Truth::from(expected), "{text}");
    }
    let whole = Condition::parse("a && !(b || c)", &NAMES).expect("valid");
    assert_eq!(whole.reading_of_odd(&NAMES), None);
}

#[test]
fn unknown_stays_unknown_unless_the_other_side_decides() {
    let children = [Truth::True, Truth::False, Truth::Unknown, Truth::Unknown];
    for (text, expected) in [
        ("a || c", Truth::True),
        ("b && c", Truth::False),
        ("a && c", Truth::Unknown),
        ("c || b", Truth::Unknown),
        ("!c", Truth::Unknown),
        ("c || d && b", Truth::False),
        ("!(b && c)", Truth::True),
    ] {
        assert_eq!(evaluate(text, &children), expected, "{text}");
    }
}

#[test]
fn names_may_hold_blanks_single_operators_and_any_script() {
    let names = ["cpu busy", "R&D disk", "硬件 问题", "x|y"];
    let condition = Condition::parse(" cpu busy&&R&D disk  ||\n硬件 问题 && x|y\t", &names).expect("valid");
    assert_eq!(
        condition.evaluate(&truths(&[false, true, true, true])),
        Truth::True
    );
    assert_eq!(
        condition.evaluate(&truths(&[true, true, true, false])),
        Truth::False
    );
}

#[test]
fn what_is_wrong_and_where() {
    for (text, column, reason) in [
        ("", 1, "the condition is empty"),
        (" \t", 1, "the condition is empty"),
        ("&& a", 1, "\"&&\" where a name is expected"),
        ("a || && b", 6, "\"&&\" where a name is expected"),
        ("(", 2, "ends where a name is expected"),
        ("a ! && b", 5, "\"&&\" where a name is expected"),
        ("a ()", 4, "\")\" where a name is expected"),
        ("a || ()", 7, "\")\" where a name is expected"),
        ("a || (b && c", 6, "\"(\" without \")\""),
        ("a || b) && c", 7, "\")\" without \"(\""),
        ("a ||  bb", 7, "condition names \"bb\""),
        ("a b", 1, "condition names \"a b\""),
        ("(a || 硬件) && e", 7, "condition names \"硬件\""),
        ("(c || b) && e", 13, "condition names \"e\""),
        ("true", 1, "condition names \"true\""),
    ] {
        let error = Condition::parse(text, &NAMES).expect_err(text);
        assert!(error.reason.contains(reason), "{text}: {}", error.reason);
        assert_eq!(error.column, column, "{text}: {}", error.reason);
    }
}

#[test]
fn parentheses_and_length_have_a_limit() {
    let nested = |depth| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Condition::parse(&nested(MAX_NESTING), &NAMES).is_ok());
    let error = Condition::parse(&nested(MAX_NESTING + 1), &NAMES).expect_err("too deep");
    assert_eq!(error.column, 65);
    assert!(Condition::parse(&nested(1_000_000), &NAMES).is_err());

    let children = truths(&[true, false, false, false]);
    let long = vec!["a"; MAX_CONDITION_BYTES / 3].join("&&");
    assert_eq!(long.len(), MAX_CONDITION_BYTES - 3);
    assert_eq!(evaluate(&long, &children), Truth::True);
    let negations = format!("{}a", "!".repeat(60_000));
    assert_eq!(evaluate(&negations, &children), Truth::True);
    let error = Condition::parse(&format!("{long}&&aa"), &NAMES).expect_err("too long");
    assert_eq!(error.column, 1);
    assert!(
        error.reason.contains("65537 bytes, not at most 65536"),
        "{}",
        error.reason
    );
}

#[test]
fn contributors_are_those_that_decided() {
    let children = truths(&[true, false, false, true]);
    for (text, expected) in [
        ("a || b", &[0][..]),
        ("a || d", &[0, 3]),
        ("a && d", &[0, 3]),
        ("a && b || d", &[3]),
        ("b && a", &[1]),
        ("b || c", &[1, 2]),
        ("!b && d", &[1, 3]),
        ("!(a && b)", &[1]),
        ("(b || a) && (d || c)", &[0, 3]),
    ] {
        let condition = Condition::parse(text, &NAMES).expect(text);
        let found: Vec<usize> = condition.contributors(&children).into_iter().collect();
        assert_eq!(found, expected, "{text}");
    }
}

/// A condition of names, operators and parentheses that is always valid.
fn valid_text() -> impl Strategy<Value = String> {
    let name = prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned);
    name.prop_recursive(4, 24, 4, |inner| {
        let term = (any::<bool>(), inner).prop_map(|(negated, text)| {
            let negation = if negated { "!" } else { "" };
            format!("{negation}({text})")
        });
        let step = (prop::sample::select(vec!["&&", "||"]), term.clone());
        (term, prop::collection::vec(step, 0..4)).prop_map(|(first, steps)| {
            steps.iter().fold(first, |text, (operator, term)| {
                format!("{text} {operator} {term}")
            })
        })
    })
}

proptest! {
    /// Whatever the children become that did not contribute, the condition keeps its value.
    #[test]
    fn others_than_contributors_do_not_matter(
        text in valid_text(),
        values in prop::array::uniform4(any::<bool>()),
        others in prop::array::uniform4(any::<bool>()),
    ) {
        let condition = Condition::parse(&text, &NAMES).expect("valid");
        let before = truths(&values);
        let contributors = condition.contributors(&before);
        let mut after = truths(&others);
        for position in &contributors {
            after[*position] = before[*position];
        }
        prop_assert_eq!(condition.evaluate(&before), condition.evaluate(&after));
    }

    /// A known outcome with unknown children is the outcome whatever they are.
    #[test]
    fn known_outcomes_hold_for_every_completion(
        text in valid_text(),
        values in prop::array::uniform4(any::<bool>()),
        hidden in prop::array::uniform4(any::<bool>()),
    ) {
        let condition = Condition::parse(&text, &NAMES).expect("valid");
        let complete = truths(&values);
        let mut partial = complete.clone();
        for (truth, _) in partial.iter_mut().zip(hidden).filter(|(_, hidden)| *hidden) {
            *truth = Truth::Unknown;
        }
        let outcome = condition.evaluate(&partial);
        if outcome != Truth::Unknown {
            prop_assert_eq!(outcome, condition.evaluate(&complete));
        }
    }

    /// Any text is read or refused, with a column inside it or right after it.
    #[test]
    fn any_text_is_read_or_refused(text in "[ab!&|() 硬]{0,40}") {
        if let Err(error) = Condition::parse(&text, &NAMES) {
            let last = text.chars().count() + 1;
            prop_assert!((1..=last).contains(&(error.column as usize)), "{:?}", error);
        }
    }
}
