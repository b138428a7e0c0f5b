//! The loop that deletes entries of the operation log when they are too old.

use std::sync::Arc;
use std::time::Duration;

use aops_service::{Clock, Shutdown};

use crate::store::Tables;

/// From one pass to the next.
const PAUSE: Duration = Duration::from_secs(1_800);

/// Deletes what is old, now and then, until shutdown.
pub(crate) async fn run(tables: Arc<Tables>, keep: Duration, clock: Clock, shutdown: Shutdown) {
    let keep_ms = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
    loop {
        // Pause first: the start of the platform is no time for it.
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = clock.sleep(PAUSE) => {}
        }
        match tables
            .delete_audit_before(clock.now_ms().saturating_sub(keep_ms))
            .await
        {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "old entries of the operation log were deleted"),
            // The next pass does it.
            Err(error) => tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the operation log stays as it is"
            ),
        }
    }
}
