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
mod coverage;
mod diagnosis;
mod error;
mod explanation;
mod for_each;
mod markdown;
mod nearest;
mod reading;
mod results;
mod review;
mod sketch;
mod text;
mod tree;
mod words;
mod workbook;

pub use coverage::{Coverage, ExistingSeries, HostSeries, LeafCoverage};
pub use diagnosis::{Diagnosis, LeafInput, MAX_DIAGNOSED_NODES};
pub use error::{ResultsError, TreeError, WorkbookError, WriteError};
pub use explanation::MAX_LEAF_FINDINGS;
pub use markdown::render_markdown;
pub use results::leaves_from_results;
pub use review::{MAX_WARNINGS, RuleNames, TreeWarning};
pub use text::{Style, render_text};
pub use tree::{MAX_DEPTH, MAX_ERRORS, MAX_NAME_CHARACTERS, MAX_NODES, Tree};
pub use workbook::{
    MAX_CELLS, MAX_UNPACKED_BYTES, MAX_WORKBOOK_BYTES, ReadWorkbook, WrittenWorkbook, read_workbook,
    write_workbook,
};
