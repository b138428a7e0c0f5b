//! The tables at the start: brought up to date, with a first account. Their server may be away then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aops_service::{Clock, Shutdown};

use crate::back_off::OUTAGE;
use crate::config::DataCenterConfig;
use crate::error::Error;
use crate::first_admin;
use crate::store::Tables;

/// Tries once. False when the server is away; what cannot be mended by waiting is an error.
pub(crate) async fn try_once(
    tables: &Tables,
    config: &DataCenterConfig,
    clock: &Clock,
) -> Result<bool, Error> {
    match prepare(tables, config, clock).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_outage() => Ok(false),
        Err(error) => Err(error),
    }
}

async fn prepare(tables: &Tables, config: &DataCenterConfig, clock: &Clock) -> Result<(), Error> {
    tables.prepare().await?;
    first_admin::ensure(tables, config, clock).await
}

/// Goes on trying until it succeeds, then waits for the shutdown.
pub(crate) async fn run(
    tables: Arc<Tables>,
    config: DataCenterConfig,
    is_ready: Arc<AtomicBool>,
    clock: Clock,
    shutdown: Shutdown,
) {
    let mut failures = 0;
    while !is_ready.load(Ordering::SeqCst) {
        failures += 1;
        tokio::select! {
            () = clock.sleep(OUTAGE.pause(failures)) => {}
            () = shutdown.cancelled() => return,
        }
        match prepare(&tables, &config, &clock).await {
            Ok(()) => {
                tracing::info!("the tables are ready");
                is_ready.store(true, Ordering::SeqCst);
            }
            // Said when it began.
            Err(error) if error.is_outage() => {}
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the tables cannot be used"
                );
            }
        }
    }
    shutdown.cancelled().await;
}
