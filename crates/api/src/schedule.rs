//! Cursors of the check scheduler: how far each shard has been published. `/data` only.

use serde::{Deserialize, Serialize};

use crate::id::Shard;

/// Answer of POST /data/check/cursor/get: the cursors that exist. Services only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CursorsAnswer {
    /// Ordered by shard.
    pub cursors: Vec<Cursor>,
    /// Revision of rules, hosts and accesses.
    pub rules_revision: u64,
}

/// End of the last forward window that has been published for a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The shard.
    pub shard: Shard,
    /// Start of the next window.
    pub position_ms: i64,
}

/// POST /data/check/cursor/move: compare and set, one cursor at a time. Services only.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CursorMoveRequest {
    /// The shard.
    pub shard: Shard,
    /// What the cursor must be; absent = it must not exist.
    pub expected_ms: Option<i64>,
    /// What it becomes.
    pub position_ms: i64,
}

/// Answer of /data/check/cursor/move.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct CursorMoveAnswer {
    /// False when another scheduler was quicker.
    pub moved: bool,
}
