//! What is remembered of shards between their windows, within a limit.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use aops_api::Shard;
use aops_check_rule::Memory;

use crate::metrics;

/// Memories of shards. One that is at work is not here: whoever takes it puts it back when its window is saved, so that
/// after a failure the window is judged from history, as if nothing had been remembered.
pub(crate) struct Memories {
    limit_bytes: usize,
    shards: Mutex<HashMap<Shard, Kept>>,
}

struct Kept {
    memory: Memory,
    bytes: usize,
}

impl Memories {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            shards: Mutex::default(),
        }
    }

    /// What is remembered of a shard.
    pub(crate) fn take(&self, shard: Shard) -> Memory {
        let taken = self.lock().remove(&shard);
        taken.map(|kept| kept.memory).unwrap_or_default()
    }

    /// Keeps the memory of a shard, unless all memories together would pass the limit.
    pub(crate) fn put_back(&self, shard: Shard, memory: Memory) {
        let bytes = memory.bytes();
        let mut shards = self.lock();
        let others: usize = shards.values().map(|kept| kept.bytes).sum();
        let fits = others.saturating_add(bytes) <= self.limit_bytes;
        if fits {
            shards.insert(shard, Kept { memory, bytes });
        } else {
            metrics::FORGOTTEN.inc();
        }
        let total = if fits { others + bytes } else { others };
        metrics::MEMORY.set(i64::try_from(total).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Shard, Kept>> {
        self.shards.lock().expect("nothing panics while it is held")
    }
}
