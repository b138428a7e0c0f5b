//! The wrapped data keys of users.

use sqlx::Row;

use super::Tables;
use crate::error::Error;
use crate::store::transact;

impl Tables {
    /// The wrapped data key of a user; none before their first credentials.
    pub async fn vault(&self, owner: &str) -> Result<Option<String>, Error> {
        let row = sqlx::query("SELECT wrapped_key FROM vault WHERE owner = ?")
            .bind(owner.to_owned())
            .fetch_optional(&self.database)
            .await?;
        Ok(match row {
            Some(row) => Some(row.try_get(0)?),
            None => None,
        })
    }

    /// Keeps the wrapped data key of a user unless there is one; the one that is kept.
    pub async fn make_vault(&self, owner: &str, wrapped_key: &str, now_ms: i64) -> Result<String, Error> {
        transact!(self, |write| {
            let insert = format!(
                "{} vault (owner, wrapped_key, created_ms) VALUES (?, ?, ?)",
                self.dialect.insert_new()
            );
            sqlx::query(sqlx::AssertSqlSafe(insert))
                .bind(owner.to_owned())
                .bind(wrapped_key.to_owned())
                .bind(now_ms)
                .execute(write.connection())
                .await?;
            let row = sqlx::query("SELECT wrapped_key FROM vault WHERE owner = ?")
                .bind(owner.to_owned())
                .fetch_one(write.connection())
                .await?;
            Ok(row.try_get(0)?)
        })
    }
}
