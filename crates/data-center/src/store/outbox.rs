//! The outbox: what transactions have left for the document store.

use sqlx::{Any, QueryBuilder, Row};

use super::{Tables, execute};
use crate::error::Error;
use crate::store::transact;

/// A change that the document store has still to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Order of the changes of one document.
    pub seq: i64,
    /// Kind of the document.
    pub kind: String,
    /// Which document.
    pub document_id: String,
    /// Grows with each change of the document.
    pub revision: i64,
    /// `opened`, `extended`, `closed`, `removed`.
    pub transition: String,
    /// The document as JSON, as it was before when it is removed.
    pub body: String,
}

impl Tables {
    /// The oldest changes, in order.
    pub async fn outbox(&self, at_most: u32) -> Result<Vec<OutboxRow>, Error> {
        let rows = sqlx::query(
            "SELECT seq, kind, document_id, revision, transition, body FROM outbox ORDER BY seq LIMIT ?",
        )
        .bind(i64::from(at_most))
        .fetch_all(&self.database)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(OutboxRow {
                    seq: row.try_get(0)?,
                    kind: row.try_get(1)?,
                    document_id: row.try_get(2)?,
                    revision: row.try_get(3)?,
                    transition: row.try_get(4)?,
                    body: row.try_get(5)?,
                })
            })
            .collect()
    }

    /// Keeps a change that the document store never takes, with the reason, for people to look at. A later one of the
    /// same document replaces it.
    pub async fn set_aside(&self, row: &OutboxRow, reason: &str, now_ms: i64) -> Result<(), Error> {
        transact!(self, |write| {
            sqlx::query(
            "REPLACE INTO outbox_set_aside (kind, document_id, revision, transition, body, reason, set_aside_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(row.kind.clone())
        .bind(row.document_id.clone())
        .bind(row.revision)
        .bind(row.transition.clone())
        .bind(row.body.clone())
        .bind(reason.to_owned())
        .bind(now_ms)
        .execute(write.connection())
        .await?;
            Ok(())
        })
    }

    /// How many changes have been set aside.
    pub async fn count_set_aside(&self) -> Result<u64, Error> {
        let row = sqlx::query("SELECT count(*) FROM outbox_set_aside")
            .fetch_one(&self.database)
            .await?;
        Ok(super::from_count(row.try_get(0)?))
    }

    /// Forgets changes that have been told.
    pub async fn delete_from_outbox(&self, rows: &[OutboxRow]) -> Result<(), Error> {
        transact!(self, |write| {
            for chunk in super::slices(rows, 1) {
                let mut query = QueryBuilder::<Any>::new("DELETE FROM outbox WHERE seq IN (");
                let mut list = query.separated(", ");
                for row in chunk {
                    list.push_bind(row.seq);
                }
                query.push(")");
                execute(query, write.connection()).await?;
            }
            Ok(())
        })
    }
}
