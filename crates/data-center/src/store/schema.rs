//! The schema: brought up to date at the start, under a lock, and checked against what a foreign hand may have changed.
//!
//! Two neighbouring releases work on the same tables while one replaces the other (see `migrations/README.md`). So a
//! newer schema is refused only when it says that this release cannot read it.

use std::time::Duration;

use sqlx::{AnyConnection, Row};

use super::database::{Database, is_outage};
use super::dialect::Dialect;
use super::room::Room;
use crate::error::Error;

/// Longest time for all migrations of a start.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(1_800);
/// Longest time for each of the other questions.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(15);

/// Migrates and checks. Gives the room of a statement.
pub(super) async fn prepare(database: &Database, dialect: Dialect) -> Result<Room, Error> {
    let mut connection = match database.pool().acquire().await {
        // Dropped or closed, not given back: a question may have been given up in the middle.
        Ok(connection) => connection.detach(),
        Err(error) => return Err(database.note_absence(error).into()),
    };
    let outcome = prepare_on(&mut connection, dialect).await;
    let closing = tokio::time::timeout(QUESTION_TIMEOUT, sqlx::Connection::close(connection)).await;
    if let Ok(Err(error)) = closing {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection was not closed well"
        );
    }
    match outcome {
        Err(Error::Unreachable(error)) => Err(Error::Unreachable(database.note_absence(error))),
        other => other,
    }
}

async fn prepare_on(connection: &mut AnyConnection, dialect: Dialect) -> Result<Room, Error> {
    match dialect.migration_lock() {
        None => migrate(connection, dialect).await?,
        Some((lock, unlock)) => {
            let locked = in_time(QUESTION_TIMEOUT, sqlx::query(lock).fetch_one(&mut *connection)).await?;
            if locked.try_get::<Option<i64>, _>(0)? != Some(1) {
                return Err(Error::Unreachable(sqlx::Error::PoolTimedOut));
            }
            let outcome = migrate(connection, dialect).await;
            // Should that fail, the lock ends with the connection.
            let _ = in_time(QUESTION_TIMEOUT, sqlx::query(unlock).execute(&mut *connection)).await;
            outcome?;
        }
    }
    if dialect != Dialect::Mysql {
        return Ok(Room::UNLIMITED);
    }
    check_collations(connection, dialect).await?;
    check_engines(connection, dialect).await?;
    room(connection).await
}

/// Signed, since the driver reads no unsigned numbers here.
async fn room(connection: &mut AnyConnection) -> Result<Room, Error> {
    let question = sqlx::query("SELECT CAST(@@max_allowed_packet AS SIGNED)").fetch_one(connection);
    let row = in_time(QUESTION_TIMEOUT, question).await?;
    let bytes: i64 = row.try_get(0)?;
    Ok(Room::of_packet(usize::try_from(bytes).unwrap_or(usize::MAX)))
}

async fn migrate(connection: &mut AnyConnection, dialect: Dialect) -> Result<(), Error> {
    let migrating = dialect.migrator().run_direct(None, &mut *connection, false);
    let outcome = match tokio::time::timeout(MIGRATION_TIMEOUT, migrating).await {
        Ok(outcome) => outcome.map_err(Error::from),
        Err(_) => Err(Error::Unreachable(sqlx::Error::PoolTimedOut)),
    };
    match outcome {
        Err(Error::NewerSchema { .. }) => accept_newer(connection, dialect).await,
        other => other,
    }
}

/// A newer release has migrated: nothing is left to do here, if it says that this one may go on.
async fn accept_newer(connection: &mut AnyConnection, dialect: Dialect) -> Result<(), Error> {
    let known = dialect.migrator().iter().map(|migration| migration.version).max();
    let newest = sqlx::query("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(&mut *connection);
    let version: Option<i64> = in_time(QUESTION_TIMEOUT, newest).await?.try_get(0)?;
    let stated = sqlx::query("SELECT minimum_reader FROM schema_compatibility").fetch_one(&mut *connection);
    let minimum_reader = match in_time(QUESTION_TIMEOUT, stated).await {
        Ok(row) => row.try_get::<i64, _>(0)?,
        Err(error) if is_outage(&error) => return Err(error.into()),
        Err(_) => i64::MAX,
    };
    let (version, known) = (version.unwrap_or(i64::MAX), known.unwrap_or(0));
    if minimum_reader > known {
        return Err(Error::NewerSchema { version, known });
    }
    tracing::warn!(
        version,
        known,
        "the tables have the schema of a newer release, which lets this one go on"
    );
    Ok(())
}

/// Names are compared byte by byte, and hold every character: an old dump or a foreign hand may have changed that.
async fn check_collations(connection: &mut AnyConnection, dialect: Dialect) -> Result<(), Error> {
    let query = "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR), CAST(collation_name AS CHAR) \
                 FROM information_schema.columns WHERE table_schema = DATABASE() \
                 AND collation_name IS NOT NULL AND collation_name <> 'utf8mb4_bin' \
                 ORDER BY table_name, column_name";
    let rows = in_time(QUESTION_TIMEOUT, sqlx::query(query).fetch_all(connection)).await?;
    let ours = dialect.tables();
    for row in &rows {
        let (table, column, collation): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if ours.contains(&table.as_str()) {
            return Err(Error::Setting(format!(
                "the column {table}.{column} has the collation {collation}, expected utf8mb4_bin; run: \
                 ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
            )));
        }
    }
    Ok(())
}

/// Other engines have no transactions.
async fn check_engines(connection: &mut AnyConnection, dialect: Dialect) -> Result<(), Error> {
    let query = "SELECT CAST(table_name AS CHAR), CAST(engine AS CHAR) FROM information_schema.tables \
                 WHERE table_schema = DATABASE() AND engine <> 'InnoDB' ORDER BY table_name";
    let rows = in_time(QUESTION_TIMEOUT, sqlx::query(query).fetch_all(connection)).await?;
    let ours = dialect.tables();
    for row in &rows {
        let (table, engine): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if ours.contains(&table.as_str()) {
            return Err(Error::Setting(format!(
                "the table {table} has the engine {engine}, expected InnoDB; run: ALTER TABLE {table} ENGINE = InnoDB"
            )));
        }
    }
    Ok(())
}

async fn in_time<T>(
    limit: Duration,
    question: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    tokio::time::timeout(limit, question)
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
