//! What can go wrong with a bus.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the bus did not do what it was asked. Cloneable, because requests that were written together fail together.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BusError {
    /// Another process has the file open.
    #[error("the message bus file {path} is in use by another process; stop it first")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The lock file beside the file cannot be made or locked.
    #[error("cannot lock the message bus with {path}")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
    /// The file cannot be opened or prepared.
    #[error("cannot open the message bus file {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The file was written by a newer program.
    #[error(
        "the message bus file {path} has schema version {found}, newer than {known}: use a newer program"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// The file holds something else.
    #[error("{path} is a database, but not a message bus")]
    NotABus {
        /// The file.
        path: PathBuf,
    },
    /// The store failed; what was asked is undone.
    #[error("the message bus cannot write or read its store")]
    Store(#[source] Arc<sqlx::Error>),
    /// A setting makes no sense.
    #[error("the message bus cannot use `{key}`: {reason}")]
    Config {
        /// The key in the configuration.
        key: &'static str,
        /// What was found, and what was expected.
        reason: String,
    },
    /// Kafka has no such names.
    #[error("{topic:?} cannot be a topic: expected 1 to 249 letters, digits, dots, dashes and underscores")]
    TopicName {
        /// The name.
        topic: String,
    },
    /// Kafka did not answer in time. Whether a message that was to be published is there is not known.
    #[error("Kafka at {brokers} gave no answer ({doing}): {cause}")]
    Unavailable {
        /// The brokers of the configuration.
        brokers: String,
        /// What was being done.
        doing: &'static str,
        /// What is known of the reason.
        cause: String,
    },
    /// Kafka refused.
    #[error("Kafka at {brokers} refused ({doing}): {cause}")]
    Refused {
        /// The brokers of the configuration.
        brokers: String,
        /// What was being done.
        doing: &'static str,
        /// What Kafka says.
        cause: String,
    },
    /// Nothing of what was to be published with it has been sent.
    #[error("message {id} has {bytes} bytes, and the bus takes {maximum} (maximum_message_bytes)")]
    TooLarge {
        /// Of the message.
        id: String,
        /// Of its payload.
        bytes: usize,
        /// What is allowed.
        maximum: usize,
    },
    /// The machine gives no thread.
    #[error("cannot start a thread for the message bus")]
    Thread(#[source] Arc<io::Error>),
    /// The bus has reached its size limit; consume first.
    #[error("the message bus is full")]
    Full,
    /// The bus has been closed.
    #[error("the message bus is closed")]
    Closed,
}
