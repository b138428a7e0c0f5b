//! The loop that deletes samples when they are too old.

use std::time::Duration;

use aops_service::{Clock, Shutdown};

use super::Series;

/// How long samples are kept unless configured otherwise.
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(15 * 86_400);
/// Old samples cost only space, so there is no hurry.
const PAUSE: Duration = Duration::from_secs(600);

/// Deletes samples older than `retention`, now and then, until shutdown.
pub async fn run(series: Series, retention: Duration, clock: Clock, shutdown: Shutdown) {
    let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    loop {
        // Pause first: the start of the platform is no time for it.
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = clock.sleep(PAUSE) => {}
        }
        let before_ms = clock.now_ms().saturating_sub(retention_ms);
        if let Err(error) = series.delete_before(before_ms).await {
            tracing::error!(%error, "old samples were not deleted");
        }
    }
}
