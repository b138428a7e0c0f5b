//! Tells the document store what transactions have left in the outbox.
//!
//! A change is forgotten only after the document store has taken it, so a store that was away catches up, and a change
//! told twice does nothing. A change that the store can never take is set aside, with the reason, so that it does not
//! hold up those behind it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use aops_service::{Clock, Shutdown};
use prometheus::IntCounter;

use crate::back_off::OUTAGE;
use crate::documents::{Document, Documents, Field, Kind, Removal};
use crate::error::Error;
use crate::results::RESULT_KIND;
use crate::store::{OutboxRow, Tables};

/// Changes told with one call at most, and at least. In between it is halved after a failure, since less may pass where
/// much does not, and doubled after a success.
const MOST_AT_ONCE: u32 = 4_000;
const LEAST_AT_ONCE: u32 = 100;

static SET_ASIDE: LazyLock<IntCounter> = LazyLock::new(|| {
    prometheus::register_int_counter!(
        "aops_documents_set_aside_total",
        "Changes of documents that the document store refused for good; they lie in the table outbox_set_aside."
    )
    .expect("registered once")
});

/// Runs until shutdown.
pub async fn run(tables: Arc<Tables>, documents: Documents, clock: Clock, shutdown: Shutdown) {
    let filled = tables.outbox_filled();
    let mut failures = 0;
    let mut at_once = MOST_AT_ONCE;
    loop {
        let outcome = tokio::select! {
            outcome = feed(&tables, &documents, at_once, clock.now_ms()) => outcome,
            // What was told and not yet forgotten is told again after the next start.
            () = shutdown.cancelled() => return,
        };
        let pause = match outcome {
            Ok(told) => {
                if failures > 0 {
                    tracing::info!(failures, "results reach the document store again");
                }
                failures = 0;
                at_once = (at_once * 2).min(MOST_AT_ONCE);
                if told > 0 {
                    continue;
                }
                None
            }
            Err(error) => {
                failures += 1;
                at_once = (at_once / 2).max(LEAST_AT_ONCE);
                // Once: the outage goes on until "again".
                if failures == 1 {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "results wait for the document store");
                }
                Some(OUTAGE.pause(failures))
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

/// A change that cannot be told, and why.
type SetAside<'a> = (&'a OutboxRow, String);

/// What the oldest changes say.
#[derive(Default)]
struct Told<'a> {
    puts: Vec<Document>,
    removals: Vec<Removal>,
    set_aside: Vec<SetAside<'a>>,
}

/// Tells the oldest changes. Gives how many there were.
pub async fn feed(tables: &Tables, documents: &Documents, at_most: u32, now_ms: i64) -> Result<usize, Error> {
    let rows = tables.outbox(at_most).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let newest = newest_of_each(&rows);
    let mut told = read(&newest);
    let refused = documents.put(told.puts).await?;
    for refusal in refused {
        let row = newest.iter().find(|row| row.document_id == refusal.id);
        told.set_aside.extend(row.map(|row| (*row, refusal.reason)));
    }
    documents.remove(Kind::Result, told.removals, now_ms).await?;
    set_aside(tables, &told.set_aside, now_ms).await?;
    tables.delete_from_outbox(&rows).await?;
    Ok(rows.len())
}

async fn set_aside(tables: &Tables, refused: &[SetAside<'_>], now_ms: i64) -> Result<(), Error> {
    for (row, reason) in refused {
        tracing::error!(
            id = row.document_id,
            reason,
            "a change of a document can never be stored; it is set aside"
        );
        tables.set_aside(row, reason, now_ms).await?;
        SET_ASIDE.inc();
    }
    Ok(())
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

fn read<'a>(rows: &[&'a OutboxRow]) -> Told<'a> {
    let mut told = Told::default();
    for row in rows {
        match document(row) {
            Ok(document) if row.transition == "removed" => told.removals.push(Removal {
                partition_ms: document.body[Field::StartMs.name()].as_i64().unwrap_or(0),
                id: document.id,
                revision: document.revision,
            }),
            Ok(document) => told.puts.push(document),
            Err(reason) => told.set_aside.push((row, reason)),
        }
    }
    told
}

/// The document of a change; what a removal carries is the document as it was.
fn document(row: &OutboxRow) -> Result<Document, String> {
    if row.kind != RESULT_KIND {
        return Err(format!("the kind '{}' is unknown", row.kind));
    }
    let document = Document {
        kind: Kind::Result,
        id: row.document_id.clone(),
        revision: row.revision,
        body: serde_json::from_str(&row.body).map_err(|error| format!("the body is not JSON: {error}"))?,
    };
    document.check().map_err(|error| error.to_string())?;
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: i64, id: &str, transition: &str, body: &str) -> OutboxRow {
        OutboxRow {
            seq,
            kind: RESULT_KIND.to_owned(),
            document_id: id.to_owned(),
            revision: seq,
            transition: transition.to_owned(),
            body: body.to_owned(),
        }
    }

    const BODY: &str = r#"{"evaluation_key": "k", "host_id": "h", "value": "x", "start_ms": 7, "end_ms": 9}"#;

    #[test]
    fn the_last_change_of_each_document_is_told() {
        let rows = [
            row(1, "a", "opened", BODY),
            row(2, "b", "opened", BODY),
            row(3, "a", "removed", BODY),
            row(4, "b", "extended", BODY),
        ];
        let newest = newest_of_each(&rows);
        let told = read(&newest);
        let removal = Removal {
            id: "a".to_owned(),
            revision: 3,
            partition_ms: 7,
        };
        assert_eq!(told.removals, [removal]);
        assert_eq!(told.puts.len(), 1);
        assert_eq!((told.puts[0].id.as_str(), told.puts[0].revision), ("b", 4));
    }

    #[test]
    fn what_cannot_be_read_does_not_hold_up_the_rest() {
        let mut foreign = row(3, "c", "opened", BODY);
        foreign.kind = "of the future".to_owned();
        let rows = [
            row(1, "a", "opened", "{"),
            row(2, "b", "opened", r#"{"start_ms": 1}"#),
            foreign,
            row(4, "d", "opened", BODY),
        ];
        let newest = newest_of_each(&rows);
        let told = read(&newest);
        assert_eq!(told.puts.len(), 1);
        let reasons: Vec<&str> = told.set_aside.iter().map(|(_, reason)| reason.as_str()).collect();
        assert!(reasons[0].contains("not JSON"), "{reasons:?}");
        assert!(reasons[1].contains("evaluation_key"), "{reasons:?}");
        assert!(reasons[2].contains("of the future"), "{reasons:?}");
    }
}
