//! The bodies of the fuzz targets (`fuzz/` at the root) on random bytes: every test run is a short fuzz run.

#[path = "fuzz_bodies/rule_condition.rs"]
mod rule_condition;
#[path = "fuzz_bodies/rule_evaluate.rs"]
mod rule_evaluate;

use proptest::prelude::*;

/// Pieces of conditions, in any order, now and then with anything between.
fn condition() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        20 => prop::sample::select(vec![
            "$0", "$1", "$1.", "1", "2.5", "0x1F", "1e3", "60s", "0.5m", "#3", "'a'", "'>'", "true", "null", "+", "-",
            "*", "/", "%", ">", "<=", "==", "&&", "||", "|", "&", "^", "<<", ">>", "!", "~", "?", ":", "(", ")", ",",
            "{", "}", " in ", "max(", "avg(#2)", "count(60s, 1, '>')", "diff(#1)", "change(10s)", "predict(60s, 1m)",
            "keyword('a')", " ",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

/// Conditions that are mostly read.
fn good_condition() -> impl Strategy<Value = Vec<u8>> {
    let operand = prop::sample::select(vec![
        "$0",
        "$1",
        "1",
        "-3",
        "max(20s)",
        "$1.min(#3)",
        "avg(30s)",
        "sum(#2)",
        "count(30s, 5, '>')",
        "diff(#1)",
        "$1.change(10s)",
        "abschange(#2)",
        "predict(30s, 10s)",
        "keyword('5')",
    ]);
    let operator = prop::sample::select(vec![
        "+", "-", "*", "/", "%", ">", "<", "==", "&&", "||", "|", "<<",
    ]);
    (operand.clone(), prop::collection::vec((operator, operand), 0..4)).prop_map(|(first, rest)| {
        let rest: Vec<String> = rest
            .iter()
            .map(|(operator, operand)| format!(" {operator} {operand}"))
            .collect();
        format!("{first}{}", rest.concat()).into_bytes()
    })
}

fn samples() -> impl Strategy<Value = Vec<u8>> {
    let not_a_line_feed = any::<u8>().prop_map(|byte| if byte == b'\n' { 11 } else { byte });
    prop::collection::vec(not_a_line_feed, 0..160)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn conditions(bytes in condition()) {
        rule_condition::rule_condition(&bytes);
    }

    #[test]
    fn any_condition(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        rule_condition::rule_condition(&bytes);
    }

    #[test]
    fn evaluations(condition in good_condition(), main in samples(), other in samples()) {
        let bytes = [condition, main, other].join(&b'\n');
        rule_evaluate::rule_evaluate(&bytes);
    }
}
