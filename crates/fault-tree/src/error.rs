//! Why a tree was refused.

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
