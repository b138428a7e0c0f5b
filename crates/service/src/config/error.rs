//! Why a configuration was refused.

use std::path::PathBuf;

/// A configuration that cannot be used: where it was set and what is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("the configuration file {} cannot be read", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// The file is not TOML.
    #[error("{}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and what was expected there.
        reason: String,
    },
    /// A key that does not exist, a value that does not fit, or a key that is missing.
    #[error("{place}: {reason}")]
    Key {
        /// The file and key, the variable, or the flag.
        place: String,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// The keys do not fit together.
    #[error("the configuration cannot be used: {0}")]
    Whole(String),
}

impl ConfigError {
    pub(super) fn at(place: String, reason: impl AsRef<str>) -> Self {
        let reason = super::without_passwords(reason.as_ref());
        Self::Key { place, reason }
    }
}

/// A value that a program refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct Refusal {
    /// Path of the key, such as `check.window`.
    pub key: String,
    /// What was found and what was expected.
    pub reason: String,
}

impl Refusal {
    /// A refusal of a key.
    pub fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            reason: reason.into(),
        }
    }

    /// The same with the name of the section before the key.
    #[must_use]
    pub fn within(mut self, section: &str) -> Self {
        self.key = format!("{section}.{}", self.key);
        self
    }
}
