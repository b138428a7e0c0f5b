#![no_main]

#[path = "../../crates/fault-tree/tests/fuzz_bodies/tree_import.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| body::tree_import(bytes));
