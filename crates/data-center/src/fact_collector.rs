//! The loop that asks agents for the facts of their machines: of new ones soon, then now and then.

use std::sync::Arc;
use std::time::Duration;

use aops_api::HostId;
use aops_api::facts::FactsOfHost;
use aops_service::{Clock, Shutdown};
use futures_util::{StreamExt, stream};
use reqwest::Client;

use crate::facts::{self, FACTS_LIMITS};
use crate::store::Tables;

/// From one pass to the next.
const PAUSE: Duration = Duration::from_secs(15);
/// How old facts may be before they are asked for again.
const MAXIMUM_AGE_MS: i64 = 6 * 3_600_000;
/// Agents asked at the same time.
const AT_ONCE: usize = 16;
/// Facts saved together.
const SAVED_TOGETHER: usize = 100;

/// Asks until shutdown.
pub(crate) async fn run(tables: Arc<Tables>, client: Client, clock: Clock, shutdown: Shutdown) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = pass(&tables, &client, &clock) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = clock.sleep(PAUSE) => {}
        }
    }
}

async fn pass(tables: &Tables, client: &Client, clock: &Clock) {
    let before_ms = clock.now_ms().saturating_sub(MAXIMUM_AGE_MS);
    let due = match tables.facts_due(before_ms).await {
        Ok(due) => due,
        // The tables say themselves that they are away.
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "no facts are asked for");
            return;
        }
    };
    let asked = stream::iter(due).map(|(host_id, address)| ask(client, host_id, address));
    let mut found = asked
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .chunks(SAVED_TOGETHER);
    while let Some(facts) = found.next().await {
        if let Err(error) = tables.save_facts(&facts, clock.now_ms()).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "facts are not kept; they are asked for again"
            );
        }
    }
}

/// None when there is no answer: it is asked again with the next pass.
async fn ask(client: &Client, host_id: HostId, address: String) -> Option<FactsOfHost> {
    match facts::fetch(client, &address, FACTS_LIMITS).await {
        Ok(infos) => Some(FactsOfHost { host_id, infos }),
        Err(error) => {
            tracing::debug!(%host_id, address, error = &error as &dyn std::error::Error, "no facts");
            None
        }
    }
}
