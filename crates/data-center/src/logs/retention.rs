//! The loop that makes the engine ready for shippers and deletes lines when they are too old.

use std::time::Duration;

use aops_service::{Clock, Shutdown, random};

use super::{Logs, LogsConfig};

/// From one pass to the next. Old lines cost only space, so there is no hurry.
const PAUSE: Duration = Duration::from_secs(1_800);
/// After a pass that failed, doubling from the first to the last.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(5);

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
                retry_after(failures)
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

/// Shortened at random, so that what failed together does not come back together.
fn retry_after(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let longest = FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY);
    let number = u32::from_str_radix(&random::id()[..8], 16).unwrap_or(0);
    longest.mul_f64(0.5 + f64::from(number) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_come_later_and_later() {
        for (failures, longest_ms) in [(1, 200), (2, 400), (5, 3_200), (6, 5_000), (u32::MAX, 5_000)] {
            let pause = retry_after(failures).as_millis();
            assert!(
                (longest_ms / 2..=longest_ms).contains(&pause),
                "{failures}: {pause}"
            );
        }
    }
}
