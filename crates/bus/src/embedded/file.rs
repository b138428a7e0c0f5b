//! The file of an embedded bus: locked for one process, opened, brought to the schema of this program.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::EmbeddedOptions;
use crate::error::BusError;

/// The schema that this program writes.
const SCHEMA_VERSION: i64 = 1;
const SCHEMA: &str = include_str!("schema.sql");
/// The size of a page where nothing else was asked for.
const PAGE_BYTES: u64 = 4_096;
/// Only a backup tool can hold the database while we have the lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// An open file and the lock that keeps it ours; the lock goes last.
#[derive(Debug)]
pub(super) struct BusFile {
    pub(super) connection: SqliteConnection,
    lock: File,
}

impl BusFile {
    pub(super) async fn open(path: &Path, options: &EmbeddedOptions) -> Result<Self, BusError> {
        let lock = lock_beside(path)?;
        let wrap = |source: sqlx::Error| BusError::Open {
            path: path.to_owned(),
            source: Arc::new(source),
        };
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            .pragma(
                "max_page_count",
                (options.maximum_bytes / PAGE_BYTES).max(16).to_string(),
            )
            .connect()
            .await
            .map_err(wrap)?;
        let found = schema_version(&mut connection).await.map_err(wrap)?;
        match found {
            SchemaFound::Version(SCHEMA_VERSION) => {}
            SchemaFound::Empty => create_schema(&mut connection).await.map_err(wrap)?,
            SchemaFound::Version(version) if version > SCHEMA_VERSION => {
                let path = path.to_owned();
                return Err(BusError::NewerSchema {
                    path,
                    found: version,
                    known: SCHEMA_VERSION,
                });
            }
            SchemaFound::Version(_) | SchemaFound::Foreign => {
                return Err(BusError::NotABus {
                    path: path.to_owned(),
                });
            }
        }
        Ok(Self { connection, lock })
    }

    /// Opens a write transaction, to be closed by [`BusFile::end`].
    ///
    /// Not sqlx's own: SQLite takes a transaction back by itself when the disk is full or fails, and sqlx then counts
    /// one that is no longer open and refuses every later one.
    pub(super) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        sqlx::raw_sql("BEGIN IMMEDIATE")
            .execute(&mut self.connection)
            .await
            .map(drop)
    }

    /// Keeps what a transaction did, or takes it back if it failed.
    pub(super) async fn end<T>(&mut self, outcome: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        let error = match outcome {
            Ok(value) => match sqlx::raw_sql("COMMIT").execute(&mut self.connection).await {
                Ok(_) => return Ok(value),
                Err(error) => error,
            },
            Err(error) => error,
        };
        // Fails when SQLite has done it already.
        let _ = sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await;
        Err(error)
    }

    /// Whether what is committed from now on survives a loss of power. A crash of the process it survives anyway.
    pub(super) async fn set_durable(&mut self, durable: bool) -> Result<(), sqlx::Error> {
        let statement = if durable {
            "PRAGMA synchronous = FULL"
        } else {
            "PRAGMA synchronous = NORMAL"
        };
        sqlx::raw_sql(statement)
            .execute(&mut self.connection)
            .await
            .map(drop)
    }

    pub(super) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "closing the message bus file");
        }
        drop(self.lock);
    }
}

enum SchemaFound {
    Empty,
    Version(i64),
    Foreign,
}

async fn schema_version(connection: &mut SqliteConnection) -> Result<SchemaFound, sqlx::Error> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await?;
    if version != 0 {
        return Ok(SchemaFound::Version(version));
    }
    let objects: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master")
        .fetch_one(connection)
        .await?;
    Ok(if objects == 0 {
        SchemaFound::Empty
    } else {
        SchemaFound::Foreign
    })
}

async fn create_schema(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
    // In the same transaction: a file with tables and no version cannot come to be.
    sqlx::raw_sql("PRAGMA user_version = 1")
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

fn lock_beside(path: &Path) -> Result<File, BusError> {
    let lock_path = PathBuf::from(format!("{}.lock", path.display()));
    let refuse = |source| BusError::Lock {
        path: lock_path.clone(),
        source: Arc::new(source),
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(refuse)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(BusError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(refuse(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(path: &Path) -> Result<BusFile, BusError> {
        BusFile::open(path, &EmbeddedOptions::new(|| 0)).await
    }

    #[tokio::test]
    async fn one_process_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bus.db");
        let first = open(&path).await.expect("free");
        let refusal = open(&path).await.expect_err("in use");
        assert!(matches!(refusal, BusError::InUse { .. }), "{refusal}");
        assert!(
            refusal
                .to_string()
                .contains("bus.db is in use by another process"),
            "{refusal}"
        );
        first.close().await;
        open(&path).await.expect("free again").close().await;
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bus.db");
        let mut file = open(&path).await.expect("free");
        sqlx::raw_sql("PRAGMA user_version = 2")
            .execute(&mut file.connection)
            .await
            .expect("written");
        file.close().await;
        let refusal = open(&path).await.expect_err("newer");
        assert!(
            matches!(
                refusal,
                BusError::NewerSchema {
                    found: 2,
                    known: 1,
                    ..
                }
            ),
            "{refusal}"
        );
    }

    #[tokio::test]
    async fn another_database_and_another_file_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("other.db");
        let mut connection = SqliteConnectOptions::new()
            .filename(&database)
            .create_if_missing(true)
            .connect()
            .await
            .expect("opened");
        sqlx::raw_sql("CREATE TABLE theirs (a)")
            .execute(&mut connection)
            .await
            .expect("created");
        connection.close().await.expect("closed");
        assert!(matches!(open(&database).await, Err(BusError::NotABus { .. })));

        let text = folder.path().join("text");
        std::fs::write(&text, "not a database, only some text of no use").expect("written");
        assert!(matches!(open(&text).await, Err(BusError::Open { .. })));
        let nowhere = folder.path().join("missing/bus.db");
        assert!(matches!(open(&nowhere).await, Err(BusError::Lock { .. })));
    }
}
