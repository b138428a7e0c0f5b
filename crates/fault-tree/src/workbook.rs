//! Trees in workbooks (xlsx): one tree, drawn as an outline on the sheet `diag`, as mind-map programs export it.
//!
//! Cell A1 holds the name of the root. Row 2 is a header: level columns, then seven bookkeeping columns that do not
//! count. Each row below has one cell, in the column of its level: a branch (its name), a leaf (`name | check item`), or
//! a note about the node one level above it: `condition: …`, `description: …`, `advice: …`, `for each: …`,
//! `combine: …`, or `+key: …` for a key without a meaning, whose value is JSON.
//!
//! | module | what it does |
//! |---|---|
//! | `cells` | the cells of the sheet, within limits of size |
//! | `outline` | from cells to a tree |
//! | `write` | from a tree to a workbook |

mod cells;
mod outline;
mod write;

use std::collections::HashMap;

use aops_api::tree::TreeContent;

use crate::error::{TreeError, WorkbookError};
use crate::tree::key;

pub use cells::{MAX_CELL_CHARACTERS, MAX_CELLS, MAX_TEXT_BYTES, MAX_UNPACKED_BYTES, MAX_WORKBOOK_BYTES};
pub use write::{WrittenWorkbook, write_workbook};

/// The sheet that holds the tree.
pub(crate) const SHEET: &str = "diag";

/// Columns at the end of the sheet that do not count.
const BOOKKEEPING: [&str; 7] = [
    "Resources",
    "Priority",
    "Progress",
    "DateStart",
    "DateFinish",
    "Duration",
    "Milestone",
];

/// What begins a note about a node, and which key it fills in.
const NOTES: [(&str, &str); 5] = [
    ("condition:", crate::tree::key::CONDITION),
    ("description:", crate::tree::key::DESCRIPTION),
    ("advice:", crate::tree::key::ADVICE),
    ("for each:", crate::tree::key::FOR_EACH),
    ("combine:", crate::tree::key::COMBINE),
];

/// What begins a note that holds a key without a meaning.
const OTHER_KEY: char = '+';

/// A tree that was read from a workbook. Whether it is valid, [`crate::Tree::read`] tells.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadWorkbook {
    /// The tree.
    pub content: TreeContent,
    /// The root is the first.
    places: Vec<Places>,
    /// By parent and name. Whole paths would take as much room as the names of all ancestors of all nodes.
    below: HashMap<(usize, String), usize>,
}

/// Where a node stands.
#[derive(Clone, Debug, PartialEq)]
struct Places {
    node: String,
    condition: Option<String>,
}

/// Reads the tree of a workbook. Bounds the work before it begins.
pub fn read_workbook(bytes: &[u8]) -> Result<ReadWorkbook, WorkbookError> {
    outline::read(cells::read(bytes)?)
}

impl ReadWorkbook {
    /// The cell of a node, such as `C7`.
    pub fn cell(&self, path: &[String]) -> Option<&str> {
        let node = self.node(path)?;
        Some(self.places[node].node.as_str())
    }

    /// The error with the cell that it stands in: that of the condition where the condition is wrong.
    pub fn at_cell(&self, error: &TreeError) -> WorkbookError {
        let places = self.node(&error.path).map(|node| &self.places[node]);
        let cell = places.map_or("A1", |places| match (error.column, &places.condition) {
            (Some(_), Some(condition)) => condition,
            _ => places.node.as_str(),
        });
        WorkbookError::at(cell, error.to_string())
    }

    fn node(&self, path: &[String]) -> Option<usize> {
        let (root, below) = path.split_first()?;
        if self.content[key::NAME].as_str() != Some(root) {
            return None;
        }
        below.iter().try_fold(0, |node, name| {
            // The key is owned; a path is looked up for an error only.
            self.below.get(&(node, name.clone())).copied()
        })
    }
}

#[cfg(test)]
mod tests;
