//! A whole platform for tests, on embedded storage or on real engines, and nodes whose metrics a test decides. A dev-dependency only.
//!
//! [`TestPlatform`] starts every service in the process of the test, on free loopback ports and in a temporary folder,
//! with windows of a second so that a scenario takes seconds. [`FakeNode`] is a node: it serves `/metrics` with the
//! values that the test sets. [`Engines`] says what the platform stands on; a scenario is written once and runs on each.

mod engines;
mod node;
mod platform;

pub use engines::{Engine, Engines};
pub use node::FakeNode;
pub use platform::{PASSWORD, TestPlatform, eventually, fast_config, log_in};
