//! A whole platform for tests, and nodes whose metrics a test decides. A dev-dependency only.
//!
//! [`TestPlatform`] starts every service in the process of the test, on free loopback ports and in a temporary folder,
//! with windows of a second so that a scenario takes seconds. [`FakeNode`] is a node: it serves `/metrics` with the
//! values that the test sets.

mod node;
mod platform;

pub use node::FakeNode;
pub use platform::{TestPlatform, eventually};
