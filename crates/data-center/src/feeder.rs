//! Tells the document store what transactions have left in the outbox.
//!
//! A change is forgotten only after the document store has taken it, so a store that was away catches up, and a change
//! told twice does nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aops_service::{Clock, Shutdown};

use crate::documents::{Document, Documents, Kind};
use crate::error::Error;
use crate::results::RESULT_KIND;
use crate::store::{OutboxRow, Tables};

/// Changes told with one call.
const AT_ONCE: u32 = 1_000;

/// After a failure. Nothing else is waited for: a save wakes the feeder.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs until shutdown.
pub async fn run(tables: Arc<Tables>, documents: Documents, clock: Clock, shutdown: Shutdown) {
    let filled = tables.outbox_filled();
    loop {
        let pause = match feed(&tables, &documents, clock.now_ms()).await {
            Ok(0) => None,
            Ok(_) if shutdown.is_cancelled() => return,
            Ok(_) => continue,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "results wait for the document store"
                );
                Some(PAUSE)
            }
        };
        let wake = async {
            match pause {
                Some(pause) => clock.sleep(pause).await,
                None => filled.notified().await,
            }
        };
        tokio::select! {
            () = wake => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Tells the oldest changes. Gives how many there were.
pub async fn feed(tables: &Tables, documents: &Documents, now_ms: i64) -> Result<usize, Error> {
    let rows = tables.outbox(AT_ONCE).await?;
    let mut puts = Vec::new();
    let mut removals = Vec::new();
    for row in newest_of_each(&rows) {
        if row.kind != RESULT_KIND {
            return Err(Error::unreadable("kind of a document in the outbox"));
        }
        if row.transition == "removed" {
            removals.push((row.document_id.clone(), row.revision));
            continue;
        }
        puts.push(Document {
            kind: Kind::Result,
            id: row.document_id.clone(),
            revision: row.revision,
            body: serde_json::from_str(&row.body).map_err(Error::stored("document in the outbox"))?,
        });
    }
    documents.put(puts).await?;
    documents.remove(Kind::Result, removals, now_ms).await?;
    tables.delete_from_outbox(&rows).await?;
    Ok(rows.len())
}

/// The last change of each document says all.
fn newest_of_each(rows: &[OutboxRow]) -> Vec<&OutboxRow> {
    let mut newest: HashMap<(&str, &str), &OutboxRow> = HashMap::new();
    for row in rows {
        newest.insert((&row.kind, &row.document_id), row);
    }
    let mut newest: Vec<&OutboxRow> = newest.into_values().collect();
    newest.sort_by_key(|row| row.seq);
    newest
}
