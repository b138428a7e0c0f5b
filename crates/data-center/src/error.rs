//! What can go wrong below the routes; `routes/mod.rs` maps each to a code.

use std::path::PathBuf;

use crate::documents::DocumentsError;
use crate::logs::LogsError;
use crate::series::SeriesError;

/// An error of the data center.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that cannot be meant.
    #[error("{0}")]
    Setting(String),
    /// A folder or file of ours cannot be made, read or written.
    #[error("{} cannot be {action}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What was tried: `created`, `read`, `written`.
        action: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process works in the data folder.
    #[error("the data folder {} is in use by another process", .0.display())]
    FolderInUse(PathBuf),
    /// The tables were written by a newer release.
    #[error(
        "the tables have schema version {version}, which this release does not know: they were written by a newer \
         one; start that one, or restore a backup"
    )]
    NewerSchema {
        /// Of the newest migration that is unknown here.
        version: i64,
    },
    /// The tables could not be brought to this release's schema.
    #[error("the tables cannot be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The database of the tables does not answer.
    #[error("the database of the tables cannot be reached")]
    Unreachable(#[source] sqlx::Error),
    /// The database refused a statement.
    #[error("the database of the tables refused a statement")]
    Statement(#[source] sqlx::Error),
    /// What is stored is not what was written: a defect, or a foreign hand.
    #[error("stored {what} is not readable")]
    Stored {
        /// What was read.
        what: &'static str,
        /// Why, when it was not JSON.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// The document store cannot be opened, read or written.
    #[error(transparent)]
    Documents(#[from] DocumentsError),
    /// The series store cannot be opened.
    #[error(transparent)]
    Series(#[from] SeriesError),
    /// The log store cannot be used as it is configured.
    #[error(transparent)]
    Logs(#[from] LogsError),
    /// The scraper's HTTP client cannot be made.
    #[error("the scraper cannot be made")]
    Scraper(#[source] reqwest::Error),
    /// A password could not be hashed.
    #[error("the password could not be hashed: {0}")]
    Hashing(String),
    /// Unknown user or wrong password; which of them is not said.
    #[error("unknown user or wrong password")]
    Login,
    /// The token is missing, unknown, expired or logged out.
    #[error("the token is missing, unknown, expired or logged out")]
    Session,
    /// The first password must be changed before anything else.
    #[error("the first password has not been changed")]
    FirstPassword,
    /// The new password is the old one.
    #[error("the new password is the old one")]
    SamePassword,
    /// A request that is wrong: field and reason.
    #[error("{0}")]
    Invalid(String),
    /// What was to be added is there, and is different.
    #[error("{0} exists already and is different")]
    Exists(String),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Error::Unreachable(error),
            _ => Error::Statement(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::VersionMissing(version) => Error::NewerSchema { version },
            sqlx::migrate::MigrateError::Execute(source) => source.into(),
            other => Error::Migration(other),
        }
    }
}

impl Error {
    /// Stored JSON that does not read.
    pub(crate) fn stored(what: &'static str) -> impl Fn(serde_json::Error) -> Error {
        move |source| Error::Stored {
            what,
            source: Some(source),
        }
    }

    /// Something stored that is not one of the texts it can be.
    pub(crate) fn unreadable(what: &'static str) -> Error {
        Error::Stored { what, source: None }
    }
}
