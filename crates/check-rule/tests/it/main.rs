//! Rules judged through the public interface, over series worlds kept in memory.

mod bad_input;
mod by_definition;
mod cut;
mod exact_sums;
mod memory;
mod random;
mod specification;
mod tree;
mod value;
mod world;
