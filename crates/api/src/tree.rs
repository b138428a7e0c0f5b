//! Fault trees: `/diag/tree/*` and `/data/diag/tree/*`.

use serde::{Deserialize, Serialize};

/// The root node of a tree as JSON, kept as it came in: key order and unknown descriptive keys included.
pub type TreeContent = serde_json::Value;

/// A tree with its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TreeDocument {
    /// Name, unique for its owner; not the root's `node name`.
    pub tree_name: String,
    /// The root node.
    pub tree_content: TreeContent,
    /// For people.
    #[serde(default)]
    pub description: String,
}

/// POST /diag/tree/import and POST /data/diag/tree/add. Answered by [`crate::rule::ImportAnswer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TreeImportRequest {
    /// The trees.
    pub trees: Vec<TreeDocument>,
}

/// POST /diag/tree/get, DELETE /diag/tree/delete
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TreeListRequest {
    /// Names; for get empty = all, for delete empty = none.
    pub tree_list: Vec<String>,
}

/// Answer of /diag/tree/get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TreeGetAnswer {
    /// The trees, importable once `tag` is dropped.
    pub trees: Vec<TreeRow>,
}

/// A row of [`TreeGetAnswer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TreeRow {
    /// Name.
    pub tree_name: String,
    /// The root node.
    pub tree_content: TreeContent,
    /// For people.
    pub description: String,
    /// Reserved by the design; empty.
    #[serde(default)]
    pub tag: Vec<String>,
}
