//! Passwords, tokens, and who is calling.

pub mod password;
pub mod token;

use aops_api::account::Role;

use crate::error::Error;

/// The first account, made when there is none.
pub const FIRST_ACCOUNT: &str = "admin";

/// Who is calling: an account with an open session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account; owner of what it makes.
    pub username: String,
    /// What it may do.
    pub role: Role,
    /// The session.
    pub session_id: String,
    /// Whether the first password must be changed before anything else.
    pub must_change: bool,
}

impl Caller {
    /// Whether the caller sees all machines.
    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    /// Refuses everybody else.
    pub fn require_admin(&self) -> Result<(), Error> {
        if self.is_admin() {
            return Ok(());
        }
        Err(Error::Denied("only an admin may do this".to_owned()))
    }
}

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// From the login on.
    pub lifetime_ms: i64,
    /// Without a call.
    pub idle_ms: i64,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            lifetime_ms: 12 * 3_600_000,
            idle_ms: 30 * 60_000,
        }
    }
}
