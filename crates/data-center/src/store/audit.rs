//! The operation log. An entry stands before the change begins, and is completed when it has ended: what a crash cut short
//! is there, too, without an outcome.

use aops_api::audit::{AuditEntry, AuditGetRequest};
use aops_api::page::{Direction, Page};
use sqlx::any::AnyRow;
use sqlx::{Any, QueryBuilder, Row};

use super::{Tables, fetch, from_count, push_in};
use crate::error::Error;
use crate::store::transact;

/// A change that begins.
#[derive(Clone, Debug)]
pub struct NewAuditEntry {
    /// Who.
    pub username: String,
    /// Address of the client.
    pub address: String,
    /// What, such as `host.add`.
    pub action: &'static str,
    /// To what; never a secret.
    pub detail: serde_json::Value,
    /// In logs, too.
    pub request_id: String,
}

/// Longest texts, by their columns.
const LONGEST_NAME: usize = 128;
const LONGEST_ADDRESS: usize = 64;

impl Tables {
    /// Writes down that a change begins; the id of the entry.
    pub async fn begin_audit(&self, entry: &NewAuditEntry, now_ms: i64) -> Result<i64, Error> {
        let cut = |text: &str, longest: usize| -> String { text.chars().take(longest).collect() };
        transact!(self, |write| {
            let inserted = sqlx::query(
                "INSERT INTO audit (time_ms, username, address, action, detail, outcome, message, request_id) \
                 VALUES (?, ?, ?, ?, ?, NULL, '', ?)",
            )
            .bind(now_ms)
            .bind(cut(&entry.username, LONGEST_NAME))
            .bind(cut(&entry.address, LONGEST_ADDRESS))
            .bind(entry.action)
            .bind(entry.detail.to_string())
            .bind(cut(&entry.request_id, LONGEST_NAME))
            .execute(write.connection())
            .await?;
            match inserted.last_insert_id() {
                Some(id) => Ok(id),
                // The driver says it of MySQL only.
                None => {
                    let row = sqlx::query("SELECT last_insert_rowid()")
                        .fetch_one(write.connection())
                        .await?;
                    Ok(row.try_get(0)?)
                }
            }
        })
    }

    /// Writes down what came of it.
    pub async fn end_audit(&self, audit_id: i64, outcome: u16, message: &str) -> Result<(), Error> {
        transact!(self, |write| {
            sqlx::query("UPDATE audit SET outcome = ?, message = ? WHERE audit_id = ?")
                .bind(i64::from(outcome))
                .bind(message.to_owned())
                .bind(audit_id)
                .execute(write.connection())
                .await?;
            Ok(())
        })
    }

    /// A page of the log, and how long it is in all.
    pub async fn audit(
        &self,
        request: &AuditGetRequest,
        page: Option<Page>,
    ) -> Result<(u64, Vec<AuditEntry>), Error> {
        let mut connection = self.database.acquire().await?;
        let mut count = QueryBuilder::<Any>::new("SELECT COUNT(*) FROM audit");
        push_filter(&mut count, request);
        let rows = fetch(count, &mut connection).await?;
        let total = match rows.first() {
            Some(row) => from_count(row.try_get(0)?),
            None => 0,
        };
        let mut query = QueryBuilder::<Any>::new(
            "SELECT audit_id, time_ms, username, address, action, detail, outcome, message, request_id FROM audit",
        );
        push_filter(&mut query, request);
        query.push(match request.direction {
            Some(Direction::Asc) => " ORDER BY audit_id",
            Some(Direction::Desc) | None => " ORDER BY audit_id DESC",
        });
        if let Some(page) = page {
            let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            query.push(" LIMIT ").push_bind(number(page.per_page));
            query.push(" OFFSET ").push_bind(number(page.offset()));
        }
        let rows = fetch(query, &mut connection).await?;
        Ok((total, rows.iter().map(entry).collect::<Result<_, _>>()?))
    }

    /// Takes away what is older.
    pub async fn delete_audit_before(&self, before_ms: i64) -> Result<u64, Error> {
        transact!(self, |write| {
            let deleted = sqlx::query("DELETE FROM audit WHERE time_ms < ?")
                .bind(before_ms)
                .execute(write.connection())
                .await?;
            Ok(deleted.rows_affected())
        })
    }
}

fn push_filter(query: &mut QueryBuilder<Any>, request: &AuditGetRequest) {
    query.push(" WHERE 1 = 1");
    if let [start, end] = request.time_range.as_slice() {
        query
            .push(" AND time_ms >= ")
            .push_bind(start.0.saturating_mul(1_000));
        query
            .push(" AND time_ms < ")
            .push_bind(end.0.saturating_add(1).saturating_mul(1_000));
    }
    for (column, wanted) in [
        ("username", &request.account_list),
        ("action", &request.action_list),
    ] {
        if !wanted.is_empty() {
            query.push(" AND ");
            push_in(query, column, wanted.iter().map(String::as_str));
        }
    }
}

fn entry(row: &AnyRow) -> Result<AuditEntry, Error> {
    Ok(AuditEntry {
        audit_id: row.try_get(0)?,
        time: row.try_get::<i64, _>(1)? / 1_000,
        username: row.try_get(2)?,
        address: row.try_get(3)?,
        action: row.try_get(4)?,
        detail: serde_json::from_str(&row.try_get::<String, _>(5)?)
            .map_err(Error::stored("operation log"))?,
        outcome: row
            .try_get::<Option<i64>, _>(6)?
            .and_then(|code| u16::try_from(code).ok()),
        message: row.try_get(7)?,
        request_id: row.try_get(8)?,
    })
}
