//! Accounts, sessions and grants: `/manage/account/*` and `/data/account/*`.

use serde::{Deserialize, Serialize};

use crate::id::HostId;
use crate::page::Direction;
use crate::read::{Boolean, Integer, present};

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
    /// Whether every route but change and logout answers 1204 until the password is changed. Extension.
    #[serde(default)]
    pub must_change: bool,
    /// When the token ends at the latest, in seconds since the epoch. Extension.
    #[serde(default)]
    pub expires: i64,
}

/// POST /manage/account/change
#[derive(Clone, Serialize, Deserialize)]
pub struct ChangePasswordRequest {
    /// New password in clear.
    pub password: String,
}

/// POST /manage/account/certificate: opens the caller's vault for the session.
#[derive(Clone, Serialize, Deserialize)]
pub struct CertificateRequest {
    /// What the caller's host credentials were sealed with.
    pub key: String,
}

/// POST /manage/account/add. Extension; admins only.
#[derive(Clone, Serialize, Deserialize)]
pub struct AccountAddRequest {
    /// User name.
    pub username: String,
    /// First password in clear.
    pub password: String,
    /// Default: user.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub role: Option<Role>,
    /// Whether the first password must be changed before anything else; default: it must.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub must_change: Option<Boolean>,
}

/// DELETE /manage/account/delete. Extension; admins only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AccountDeleteRequest {
    /// User names.
    pub account_list: Vec<String>,
}

/// POST /manage/account/get. Extension; who is no admin gets their own account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AccountGetRequest {
    /// User names; empty = all.
    pub account_list: Vec<String>,
    /// Default: by name.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub sort: Option<AccountSort>,
    /// Of the sort.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub direction: Option<Direction>,
    /// From 1.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub page: Option<Integer>,
    /// Rows on a page.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub per_page: Option<Integer>,
}

/// Sort names of [`AccountGetRequest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountSort {
    /// By name.
    #[default]
    #[serde(rename = "username")]
    Username,
    /// By role, then name.
    #[serde(rename = "role")]
    Role,
    /// By the time of the last login.
    #[serde(rename = "last_login")]
    LastLogin,
    /// By name, too.
    #[serde(rename = "")]
    Unsorted,
}

/// A row of [`AccountGetAnswer`]. Times are seconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountInfo {
    /// User name.
    pub username: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created: i64,
    /// When it last logged in; null before the first time.
    pub last_login: Option<i64>,
    /// Whether its password must be changed before anything else.
    pub must_change: bool,
    /// Machines it has an access to.
    pub host_count: u64,
}

/// Answer of /manage/account/get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AccountGetAnswer {
    /// Rows of all pages.
    pub total_count: u64,
    /// Pages.
    pub total_page: u64,
    /// Rows of this page.
    pub account_infos: Vec<AccountInfo>,
}

/// POST /manage/account/role. Extension; admins only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountRoleRequest {
    /// User name.
    pub username: String,
    /// What it may do from now on.
    pub role: Role,
}

/// POST /manage/account/reset: a new password for somebody who has forgotten theirs; it must be changed at the next login,
/// and every session of the account ends. Extension; admins only.
#[derive(Clone, Serialize, Deserialize)]
pub struct AccountResetRequest {
    /// User name.
    pub username: String,
    /// New password in clear.
    pub password: String,
}

/// POST /manage/account/grant/add and DELETE /manage/account/grant/delete: accesses to machines, given or taken away.
/// Extension; admins only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GrantRequest {
    /// Whose accesses.
    pub username: String,
    /// To which machines.
    pub host_list: Vec<HostId>,
    /// The group of new accesses, made if need be; default: `default`. A delete has none.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub host_group_name: Option<String>,
}

/// POST /manage/account/grant/get: who has an access to what. Extension; who is no admin gets their own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GrantGetRequest {
    /// User names; empty = all.
    pub account_list: Vec<String>,
    /// Machines; empty = all.
    pub host_list: Vec<HostId>,
    /// From 1.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub page: Option<Integer>,
    /// Rows on a page.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub per_page: Option<Integer>,
}

/// A row of [`GrantGetAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantInfo {
    /// Who.
    pub username: String,
    /// The machine.
    pub host_id: HostId,
    /// As they call it.
    pub host_name: String,
    /// Their group of it.
    pub host_group_name: String,
}

/// Answer of /manage/account/grant/get: by user name, then machine.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GrantGetAnswer {
    /// Rows of all pages.
    pub total_count: u64,
    /// Pages.
    pub total_page: u64,
    /// Rows of this page.
    pub grant_infos: Vec<GrantInfo>,
}

/// Answer of what is done to a list of names or ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListOutcome {
    /// Done.
    pub succeed_list: Vec<String>,
    /// Not done.
    pub fail_list: Vec<String>,
    /// Why, in the order of `fail_list`. Extension.
    pub fail_reasons: Vec<ListReason>,
}

/// Why something of a list was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListReason {
    /// The name or id.
    pub name: String,
    /// Why.
    pub reason: String,
}

impl ListOutcome {
    /// One more that was not done.
    pub fn fail(&mut self, name: impl Into<String>, reason: impl Into<String>) {
        let name = name.into();
        self.fail_list.push(name.clone());
        self.fail_reasons.push(ListReason {
            name,
            reason: reason.into(),
        });
    }
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees and manages all.
    Admin,
    /// Sees the machines they have an access to, and what they own.
    User,
}
