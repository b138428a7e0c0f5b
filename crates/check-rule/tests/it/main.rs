//! Rules judged through the public interface, over series worlds kept in memory.

mod by_definition;
mod cut;
mod random;
mod specification;
mod tree;
mod value;
mod world;
