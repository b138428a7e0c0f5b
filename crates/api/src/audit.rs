//! The operation log: `/manage/audit/get`. Who changed what, from where, and what came of it. Extension.

use serde::{Deserialize, Serialize};

use crate::page::Direction;
use crate::read::{Integer, present};

/// POST /manage/audit/get. Admins only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AuditGetRequest {
    /// Two times in seconds since the epoch, both inclusive; empty = all.
    #[serde(default)]
    pub time_range: Vec<Integer>,
    /// Who; empty = all.
    #[serde(default)]
    pub account_list: Vec<String>,
    /// What was done, such as `host.add`; empty = all.
    #[serde(default)]
    pub action_list: Vec<String>,
    /// Of the time; default: newest first.
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

/// An entry of the operation log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Grows with time.
    pub audit_id: i64,
    /// In seconds since the epoch.
    pub time: i64,
    /// Who; of a refused login, the name that was given.
    pub username: String,
    /// Address of the client; empty: the platform itself.
    pub address: String,
    /// What, such as `host.add`.
    pub action: String,
    /// To what: names, ids, and what was changed; never a secret.
    pub detail: serde_json::Value,
    /// The code of the answer; null: under way, or the platform died over it.
    pub outcome: Option<u16>,
    /// What the answer said beside the code.
    pub message: String,
    /// In the platform's logs, too.
    pub request_id: String,
}

/// Answer of /manage/audit/get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AuditGetAnswer {
    /// Rows of all pages.
    pub total_count: u64,
    /// Pages.
    pub total_page: u64,
    /// Rows of this page.
    pub audit_infos: Vec<AuditEntry>,
}
