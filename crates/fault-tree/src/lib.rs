//! Fault trees: from what was found on a host to the root cause, with the reasons.
//!
//! A tree is a branch with children; a branch combines the values of its direct children by a condition, a leaf reads
//! the verdict of a check rule. [`Tree::read`] reads and validates a tree, [`Tree::warnings`] tells what is probably not
//! meant, [`Tree::diagnose`] fills in the values and explains them, [`render_text`] and [`render_markdown`] write the
//! outcome for people, [`Tree::coverage`] tells which leaves can ever be true on a host. [`read_workbook`] and
//! [`write_workbook`] are for trees in workbooks. How trees are written is told in `docs/fault-trees.md`.
//!
//! The crate is pure: no clock, no file, no network; workbooks come and go as bytes. Neighbours: `data-center` and
//! `diag-scheduler` validate imported trees with it, `diag-executor` diagnoses with it, the `aops` command tests and
//! converts trees and draws reports with it. It sends and takes no messages.
//!
//! | module | what it does |
//! |---|---|
//! | `condition` | reads a condition and evaluates it, strictly left to right; what it can become at all |
//! | `tree` | reads and validates a tree |
//! | `review`, `nearest` | what is probably not meant; which name was |
//! | `diagnosis`, `reading`, `for_each` | values and messages, node by node; what a leaf reads; copies for each value |
//! | `explanation`, `left_out` | the cause path, what was ruled out, what rests on missing data; what is left out of it |
//! | `size` | how long something is as JSON |
//! | `sketch`, `words`, `text`, `markdown` | the outcome for people |
//! | `coverage` | which leaves can ever be true |
//! | `results` | what leaves read, from a file |
//! | `workbook` | trees in workbooks |

mod condition;
mod coverage;
mod diagnosis;
mod error;
mod explanation;
mod for_each;
mod left_out;
mod markdown;
mod nearest;
mod reading;
mod results;
mod review;
mod size;
mod sketch;
mod text;
mod tree;
mod words;
mod workbook;

pub use coverage::{Coverage, ExistingSeries, HostSeries, LeafCoverage};
pub use diagnosis::{Diagnosis, LeafInput, MAX_DIAGNOSED_BYTES, MAX_DIAGNOSED_NODES};
pub use error::{ResultsError, TreeError, WorkbookError, WriteError};
pub use explanation::{MAX_LEAF_BYTES, MAX_LEAF_FINDINGS, MAX_PATH_BYTES, MAX_REPORT_FINDINGS};
pub use left_out::LeftOut;
pub use markdown::render_markdown;
pub use results::{LeavesFromResults, leaves_from_results};
pub use review::{MAX_WARNINGS, RuleNames, TreeWarning};
pub use text::{Style, render_text};
pub use tree::{MAX_DEPTH, MAX_ERRORS, MAX_JSON_DEPTH, MAX_NAME_CHARACTERS, MAX_NODES, Tree};
pub use words::plain;
pub use workbook::{
    MAX_CELL_CHARACTERS, MAX_CELLS, MAX_TEXT_BYTES, MAX_UNPACKED_BYTES, MAX_WORKBOOK_BYTES, ReadWorkbook,
    WrittenWorkbook, read_workbook, write_workbook,
};
