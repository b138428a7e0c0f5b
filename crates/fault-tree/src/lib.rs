//! Fault trees: from what was found on a host to the root cause, with the reasons.
//!
//! A tree is a branch with children; a branch combines the values of its direct children by a condition, a leaf reads
//! the verdict of a check rule. [`Tree::parse`] reads and validates a tree, [`Tree::diagnose`] fills in the values and
//! explains them, [`render_text`] draws the outcome for a terminal.
//!
//! The crate is pure: no clock, no file, no network. Neighbours: `data-center` and `diag-scheduler` validate imported
//! trees with it, `diag-executor` diagnoses with it, the `aops` command draws reports with it. It sends and takes no
//! messages.
//!
//! | module | what it does |
//! |---|---|
//! | `condition` | reads a condition and evaluates it, strictly left to right |
//! | `tree` | reads and validates a tree |
//! | `diagnosis` | values and messages, node by node |
//! | `explanation` | the cause path, what was ruled out, what rests on missing data |
//! | `text` | the drawing |

mod condition;
mod diagnosis;
mod error;
mod explanation;
mod nearest;
mod text;
mod tree;

pub use diagnosis::{Diagnosis, LeafInput};
pub use error::TreeError;
pub use text::render_text;
pub use tree::{MAX_DEPTH, MAX_NAME_CHARACTERS, MAX_NODES, Tree};
