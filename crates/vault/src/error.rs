//! What can go wrong.

/// Why something was not sealed or not opened. No message has a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The `key` is another one than that which the vault was sealed with.
    #[error("the key is not the one that this vault was sealed with")]
    WrongKey,
    /// The access token is another one than that which the session's key was sealed with.
    #[error("the token is not the one that this session's key was sealed with")]
    WrongSession,
    /// Nothing but white space; Ansible takes no such password.
    #[error("the key is empty or only white space; at least one other character is needed")]
    EmptyKey,
    /// Sealed by another data key, for another owner or host, or changed since.
    #[error("the credentials were not sealed by this vault for this host, or were changed since")]
    NotAuthentic,
    /// Not a text that this crate writes.
    #[error("{what}: {reason}")]
    Unreadable {
        /// What was to be read.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Parameters of argon2id out of bounds.
    #[error(
        "argon2id with {memory_kib} KiB, {passes} passes and {lanes} lanes; 8 KiB for each lane to 1 GiB, 1 to 64 passes and 1 to 64 lanes are allowed"
    )]
    Cost {
        /// Memory.
        memory_kib: u32,
        /// Passes over it.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// Two hosts of one inventory have one name.
    #[error("two hosts are called \"{0}\"; export them apart, or rename one")]
    DuplicateHost(String),
}
