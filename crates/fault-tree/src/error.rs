//! Why a tree, or a workbook that should hold one, was refused.

/// Why a tree was refused, and where. Displayed as `host is slow / cpu busy: reason`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", path.join(" / "))]
pub struct TreeError {
    /// Names from the root to the wrong node. A node without a usable name stands as `(root)` or `(child 2)`.
    pub path: Vec<String>,
    /// What is wrong and, where it can be said, what was expected.
    pub reason: String,
    /// For a wrong condition: the column in it, in characters, from 1.
    pub column: Option<u32>,
}

/// Why a workbook was refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkbookError {
    /// The file is no workbook, or too much of one.
    #[error("the workbook cannot be read: {0}")]
    Unreadable(String),
    /// It has other sheets, these.
    #[error("the workbook has no sheet \"diag\"; it has {0}; a tree stands on the sheet of that name")]
    NoSheet(String),
    /// A cell is wrong.
    #[error("sheet diag, cell {cell}: {reason}")]
    Cell {
        /// Such as `C7`.
        cell: String,
        /// What is wrong, what was expected.
        reason: String,
    },
}

impl WorkbookError {
    pub(crate) fn at(cell: &str, reason: impl Into<String>) -> Self {
        WorkbookError::Cell {
            cell: cell.to_owned(),
            reason: reason.into(),
        }
    }
}

/// Why a tree was not written to a workbook.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The tree is invalid, or a workbook cannot hold it.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A text is too long for a cell, or there are too many rows.
    #[error("a workbook cannot hold the tree")]
    Xlsx(#[from] rust_xlsxwriter::XlsxError),
    /// What was written cannot be read.
    #[error("a workbook cannot hold the tree")]
    ReadBack(#[source] WorkbookError),
}

/// Why a file of results was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResultsError {
    /// It is something else.
    #[error("expected a list of results, [{{\"check_item\": …, \"value\": …, \"labels\": {{…}}}}]")]
    Shape,
    /// The rules that a test refused are not listed as it lists them.
    #[error("fail_list: {0}; expected [{{\"check_item\": …, \"reason\": …}}]")]
    FailList(String),
    /// A result has not the right fields.
    #[error("result {}: {reason}", row + 1)]
    Row {
        /// From 0.
        row: usize,
        /// What is wrong.
        reason: String,
    },
    /// A result has a value that no result has.
    #[error(
        "result {}: the value \"{found}\" is none of \"Abnormal\", \"No data\", \"Internal error\", \"Normal\"",
        row + 1
    )]
    Value {
        /// From 0.
        row: usize,
        /// What is there.
        found: String,
    },
    /// A diagnosis is of one host.
    #[error("the results are of several hosts ({0}): say which one counts")]
    SeveralHosts(String),
    /// The host that was named has no result.
    #[error("there is no result of host {host}; there are results of {hosts}")]
    NoSuchHost {
        /// What was named.
        host: String,
        /// Which there are.
        hosts: String,
    },
}
