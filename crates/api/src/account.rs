//! Accounts and sessions: `/manage/account/*` and `/data/account/*`.

use serde::{Deserialize, Serialize};

/// POST /manage/account/login
#[derive(Clone, Serialize, Deserialize)]
pub struct LoginRequest {
    /// User name.
    pub username: String,
    /// Password in clear.
    pub password: String,
}

/// Answer of a login.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginAnswer {
    /// The token for every other route.
    pub access_token: String,
}

/// POST /manage/account/change
#[derive(Clone, Serialize, Deserialize)]
pub struct ChangePasswordRequest {
    /// New password in clear.
    pub password: String,
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees and manages all.
    Admin,
    /// Sees the machines they have an access to, and what they own.
    User,
}
