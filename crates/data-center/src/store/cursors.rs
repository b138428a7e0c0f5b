//! Cursors of the check scheduler.

use aops_api::Shard;
use aops_api::schedule::{Cursor, CursorMoveRequest, CursorsAnswer};
use sqlx::Row;

use super::accounts::is_taken;
use super::{Tables, revision};
use crate::error::Error;
use crate::store::transact;

impl Tables {
    /// The cursors that exist, by shard.
    pub async fn cursors(&self) -> Result<CursorsAnswer, Error> {
        let mut connection = self.database.acquire().await?;
        let rules_revision = revision(&mut connection, "rules").await?;
        let rows = sqlx::query("SELECT shard, position_ms FROM check_cursor ORDER BY shard")
            .fetch_all(&mut connection)
            .await?;
        let mut cursors = Vec::with_capacity(rows.len());
        for row in &rows {
            let number = u8::try_from(row.try_get::<i64, _>(0)?).ok();
            let shard = number
                .and_then(Shard::from_number)
                .ok_or_else(|| Error::unreadable("shard of a cursor"))?;
            cursors.push(Cursor {
                shard,
                position_ms: row.try_get(1)?,
            });
        }
        Ok(CursorsAnswer {
            cursors,
            rules_revision,
        })
    }

    /// Moves a cursor if it is where the caller believes. False when it is not.
    pub async fn move_cursor(&self, request: &CursorMoveRequest) -> Result<bool, Error> {
        let shard = i64::from(request.shard.number());
        if request.shard.number() >= Shard::COUNT {
            return Err(Error::Invalid(format!(
                "shard: {shard} is not below {}",
                Shard::COUNT
            )));
        }
        transact!(self, |write| {
            let moved = match request.expected_ms {
                Some(expected_ms) => {
                    let outcome = sqlx::query(
                        "UPDATE check_cursor SET position_ms = ? WHERE shard = ? AND position_ms = ?",
                    )
                    .bind(request.position_ms)
                    .bind(shard)
                    .bind(expected_ms)
                    .execute(write.connection())
                    .await?;
                    outcome.rows_affected() == 1
                }
                None => {
                    let outcome = sqlx::query("INSERT INTO check_cursor (shard, position_ms) VALUES (?, ?)")
                        .bind(shard)
                        .bind(request.position_ms)
                        .execute(write.connection())
                        .await;
                    match outcome {
                        Ok(_) => true,
                        Err(error) if is_taken(&error) => return Ok(false),
                        Err(error) => return Err(error.into()),
                    }
                }
            };
            Ok(moved)
        })
    }
}
