//! What can go wrong below the routes; `routes/mod.rs` maps each to a code.

use std::path::PathBuf;

use crate::documents::DocumentsError;
use crate::logs::LogsError;
use crate::series::SeriesError;
use crate::store::{is_outage, is_too_large};

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
    /// The tables were written by a newer release, which has changed what this one relies on.
    #[error(
        "the tables have schema version {version}, this release knows {known}: they were written by a newer one, which \
         changed what this one relies on; start that one, or restore a backup"
    )]
    NewerSchema {
        /// Of the newest migration.
        version: i64,
        /// Of the newest migration that this release has.
        known: i64,
    },
    /// The tables could not be brought to this release's schema.
    #[error("the tables cannot be migrated")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The database of the tables does not answer.
    #[error("the database of the tables cannot be reached")]
    Unreachable(#[source] sqlx::Error),
    /// A transaction lost against others again and again, until its time was over.
    #[error("the tables are busy: a transaction lost against others until its time was over")]
    Busy(#[source] sqlx::Error),
    /// What is to be saved is larger than the server of the tables takes at once.
    #[error(
        "{what}: takes {bytes} bytes, and the database takes {limit} at once; make it smaller, or raise \
         max_allowed_packet of the server and start the platform again"
    )]
    TooLarge {
        /// What it is, for people.
        what: String,
        /// How large it is.
        bytes: usize,
        /// What there is room for.
        limit: usize,
    },
    /// The same, found by the server: its setting was lowered after the start.
    #[error(
        "a statement is larger than the database takes; raise max_allowed_packet of the server and start the platform again"
    )]
    StatementTooLarge(#[source] sqlx::Error),
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
    /// Too many logins have failed.
    #[error("too many failed logins; try again in {seconds} s")]
    Throttled {
        /// From now on.
        seconds: u64,
    },
    /// The caller may not do this.
    #[error("{0}")]
    Denied(String),
    /// What the caller gave as key is not what their credentials are sealed with, or has not been given.
    #[error("{0}")]
    Key(String),
    /// Sealed credentials do not open, though the key fits: a defect, or a foreign hand.
    #[error("stored credentials")]
    Vault(#[source] aops_vault::VaultError),
    /// What was to be deleted is in use.
    #[error("{0}")]
    InUse(String),
    /// What was to be changed has been changed by somebody else, or cannot be changed so.
    #[error("{0}")]
    Conflict(String),
    /// What was to be added is there, and is different.
    #[error("{0} exists already and is different")]
    Exists(String),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if is_too_large(&error) {
            return Error::StatementTooLarge(error);
        }
        match is_outage(&error) {
            true => Error::Unreachable(error),
            false => Error::Statement(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::VersionMissing(version) => Error::NewerSchema { version, known: 0 },
            sqlx::migrate::MigrateError::Execute(source) => source.into(),
            other => Error::Migration(other),
        }
    }
}

impl Error {
    /// Whether a store is away, which says nothing of what was asked.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy(_))
    }

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
