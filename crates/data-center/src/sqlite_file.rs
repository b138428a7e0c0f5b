//! A SQLite file of an embedded engine: one connection that writes, a few that read, and a schema version of its own.
//!
//! The data folder as a whole is locked by the process, so that no file here is open twice.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

/// Readers never wait for the writer in WAL mode; only a backup tool can make the writer wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Reads that go on at the same time.
const READERS: u32 = 4;

/// Why a file of an embedded engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The folder of the file cannot be made.
    #[error("the folder of {} cannot be created", path.display())]
    Folder {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file cannot be opened, or is not a SQLite file.
    #[error("{} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A newer release wrote the file.
    #[error(
        "{} has schema version {found}, this release knows {known}: a newer one wrote it; start that one, or \
         restore a backup", path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// The file holds tables of something else.
    #[error("{} is a database of something else", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

/// What an engine keeps in its file.
pub(crate) struct Schema {
    /// Raised with every change of `statements`.
    pub(crate) version: i64,
    /// Makes the tables.
    pub(crate) statements: &'static str,
    /// What brings a file of version 1 to 2, of 2 to 3 and so on: one less than the version.
    pub(crate) upgrades: &'static [&'static str],
}

/// An open file. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct SqliteFile {
    /// One connection: SQLite has one writer at a time, so waiting is better done here than in its busy loop.
    pub(crate) writer: SqlitePool,
    pub(crate) reader: SqlitePool,
}

impl SqliteFile {
    /// Opens the file, or makes it. Each commit is on the disk when it is acknowledged.
    pub(crate) async fn open(path: &Path, schema: &Schema) -> Result<Self, FileError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|source| FileError::Folder {
                path: path.to_owned(),
                source,
            })?;
        }
        let refuse = |source| FileError::Open {
            path: path.to_owned(),
            source,
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .map_err(refuse)?;
        prepare_schema(&writer, path, schema).await?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_lazy_with(options.read_only(true).create_if_missing(false));
        Ok(Self { writer, reader })
    }

    /// Reads the first page: an error says why nothing can be read.
    pub(crate) async fn ping(&self) -> Result<(), sqlx::Error> {
        sqlx::query("PRAGMA user_version").execute(&self.reader).await?;
        Ok(())
    }

    /// Waits for what is under way and closes the file.
    pub(crate) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

async fn prepare_schema(writer: &SqlitePool, path: &Path, schema: &Schema) -> Result<(), FileError> {
    let refuse = |source| FileError::Open {
        path: path.to_owned(),
        source,
    };
    let found: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(writer)
        .await
        .map_err(refuse)?;
    if found == schema.version {
        return Ok(());
    }
    if found > schema.version {
        return Err(FileError::NewerSchema {
            path: path.to_owned(),
            found,
            known: schema.version,
        });
    }
    let upgrades = usize::try_from(found - 1).ok();
    if let Some(upgrades) = upgrades.and_then(|done| schema.upgrades.get(done..)) {
        let statements = upgrades.concat();
        return change_schema(writer, &statements, schema.version)
            .await
            .map_err(refuse);
    }
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master")
        .fetch_one(writer)
        .await
        .map_err(refuse)?;
    if found != 0 || tables != 0 {
        return Err(FileError::Foreign {
            path: path.to_owned(),
        });
    }
    change_schema(writer, schema.statements, schema.version)
        .await
        .map_err(refuse)
}

async fn change_schema(writer: &SqlitePool, statements: &str, version: i64) -> Result<(), sqlx::Error> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned()))
        .execute(&mut *transaction)
        .await?;
    // In the same transaction: a file with tables and no version cannot come to be. A pragma takes no parameters.
    let set_version = format!("PRAGMA user_version = {version}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(set_version))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: Schema = Schema {
        version: 2,
        statements: "CREATE TABLE ours (number INTEGER)",
        upgrades: &["ALTER TABLE ours RENAME COLUMN digit TO number"],
    };

    async fn open(path: &Path) -> Result<SqliteFile, FileError> {
        SqliteFile::open(path, &SCHEMA).await
    }

    #[tokio::test]
    async fn a_file_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deeper/ours.db");
        let file = open(&path).await.expect("made");
        sqlx::query("INSERT INTO ours VALUES (7)")
            .execute(&file.writer)
            .await
            .expect("written");
        file.close().await;
        let file = open(&path).await.expect("found");
        let number: i64 = sqlx::query_scalar("SELECT number FROM ours")
            .fetch_one(&file.reader)
            .await
            .expect("read");
        assert_eq!(number, 7);
        let refusal = sqlx::query("INSERT INTO ours VALUES (8)")
            .execute(&file.reader)
            .await;
        assert!(refusal.is_err(), "readers do not write");
    }

    #[tokio::test]
    async fn an_older_file_is_upgraded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("older.db");
        let older = Schema {
            version: 1,
            statements: "CREATE TABLE ours (digit INTEGER); INSERT INTO ours VALUES (7)",
            upgrades: &[],
        };
        SqliteFile::open(&path, &older).await.expect("made").close().await;
        for _ in 0..2 {
            let file = open(&path).await.expect("upgraded once");
            let number: i64 = sqlx::query_scalar("SELECT number FROM ours")
                .fetch_one(&file.reader)
                .await
                .expect("read");
            assert_eq!(number, 7);
            file.close().await;
        }
    }

    #[tokio::test]
    async fn a_newer_file_a_foreign_one_and_no_database_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("newer.db");
        let file = open(&path).await.expect("made");
        sqlx::raw_sql("PRAGMA user_version = 3")
            .execute(&file.writer)
            .await
            .expect("set");
        file.close().await;
        let refusal = open(&path).await.expect_err("newer");
        assert!(
            matches!(
                refusal,
                FileError::NewerSchema {
                    found: 3,
                    known: 2,
                    ..
                }
            ),
            "{refusal}"
        );

        let path = folder.path().join("foreign.db");
        let theirs = Schema {
            version: 0,
            statements: "",
            upgrades: &[],
        };
        let file = SqliteFile::open(&path, &theirs).await.expect("made");
        sqlx::raw_sql("CREATE TABLE theirs (a)")
            .execute(&file.writer)
            .await
            .expect("made");
        file.close().await;
        assert!(matches!(open(&path).await, Err(FileError::Foreign { .. })));

        let path = folder.path().join("text.db");
        std::fs::write(
            &path,
            "not a database but a text that is long enough to be looked at",
        )
        .expect("written");
        assert!(matches!(open(&path).await, Err(FileError::Open { .. })));
    }
}
