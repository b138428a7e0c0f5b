//! See `crates/check-rule/tests/fuzz_bodies/rule_condition.rs`.
#![no_main]

#[path = "../../crates/check-rule/tests/fuzz_bodies/rule_condition.rs"]
mod rule_condition;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rule_condition::rule_condition(bytes));
