//! See `crates/check-rule/tests/fuzz_bodies/rule_evaluate.rs`.
#![no_main]

#[path = "../../crates/check-rule/tests/fuzz_bodies/rule_evaluate.rs"]
mod rule_evaluate;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rule_evaluate::rule_evaluate(bytes));
