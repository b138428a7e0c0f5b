//! The loop that makes the engine ready for shippers and deletes lines when they are too old.

use std::time::Duration;

use aops_service::{Clock, Shutdown};

use super::{Logs, LogsConfig};
use crate::back_off::OUTAGE;

/// From one pass to the next. Old lines cost only space, so there is no hurry.
const PAUSE: Duration = Duration::from_secs(1_800);

/// Prepares and deletes at the start and now and then, until shutdown. An engine that came back empty is ready again
/// after the next pass.
pub async fn run(logs: Logs, config: LogsConfig, clock: Clock, shutdown: Shutdown) {
    let LogsConfig::Elasticsearch(config) = config else {
        // A loop that ends by itself ends the process.
        shutdown.cancelled().await;
        return;
    };
    let retention_ms = i64::try_from(config.retention.as_millis()).unwrap_or(i64::MAX);
    let mut failures = 0;
    loop {
        let before_ms = clock.now_ms().saturating_sub(retention_ms);
        let pause = match pass(&logs, before_ms).await {
            Ok(()) => {
                failures = 0;
                PAUSE
            }
            Err(error) => {
                failures += 1;
                // Once: readers log the outage.
                if failures == 1 {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "logs could not be prepared and cleared; it is tried again");
                }
                OUTAGE.pause(failures)
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = clock.sleep(pause) => {}
        }
    }
}

async fn pass(logs: &Logs, before_ms: i64) -> Result<(), super::LogsError> {
    logs.prepare().await?;
    for index in logs.delete_before(before_ms).await? {
        tracing::info!(index, "a day of old lines was deleted");
    }
    Ok(())
}
