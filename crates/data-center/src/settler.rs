//! Joins old coverage, one shard after the other, so that windows do not leave a row each for ever.

use std::sync::Arc;
use std::time::Duration;

use aops_api::Shard;
use aops_service::{Clock, Shutdown};

use crate::store::{SETTLE_AFTER_MS, Tables};

/// From one shard to the next: all are visited about three times an hour.
const PAUSE: Duration = Duration::from_secs(20);

/// Runs until shutdown.
pub(crate) async fn run(tables: Arc<Tables>, clock: Clock, shutdown: Shutdown) {
    for shard in (0..Shard::COUNT).cycle().filter_map(Shard::from_number) {
        tokio::select! {
            () = clock.sleep(PAUSE) => {}
            () = shutdown.cancelled() => return,
        }
        let before_ms = clock.now_ms() - SETTLE_AFTER_MS;
        match tables.settle_coverage(shard, before_ms).await {
            Ok(rows) => tracing::debug!(%shard, rows, "old coverage joined"),
            Err(error) => {
                tracing::warn!(%shard, error = &error as &dyn std::error::Error, "old coverage was not joined");
            }
        }
    }
}
