//! Messages on the bus. Their schemas stand in `proto/`; readers ignore fields they do not know.

use serde::{Deserialize, Serialize};

use crate::id::{EvaluationKey, HostId, Shard, TaskId};
use crate::time::TimeRange;

/// Topic of [`CheckExecuteReq`]; key = shard.
pub const CHECK_EXECUTE_REQ: &str = "CHECK_EXECUTE_REQ";
/// Topic of [`DiagnoseExecuteReq`]; key = host.
pub const DIAGNOSE_EXECUTE_REQ: &str = "DIAGNOSE_EXECUTE_REQ";
/// Consumer group of the check executors; the check scheduler watches its lag.
pub const CHECK_EXECUTOR_GROUP: &str = "check-executor";
/// Consumer group of the diagnosis executors.
pub const DIAG_EXECUTOR_GROUP: &str = "diag-executor";
/// Version written into messages.
pub const VERSION: u32 = 1;

/// Judge a window on some hosts of one shard. The design's two-field form (`host_list`, `time_range`) is readable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckExecuteReq {
    /// Of the message format.
    #[serde(default = "version")]
    pub version: u32,
    /// Deterministic: the same window has the same id.
    #[serde(default)]
    pub id: String,
    /// The shard of the hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// The hosts.
    pub host_list: Vec<HostId>,
    /// `[s, e)` in milliseconds.
    pub time_range: TimeRange,
    /// Why it is judged.
    #[serde(default)]
    pub kind: CheckKind,
    /// Rules of at least this revision.
    #[serde(default)]
    pub rules_revision: u64,
    /// Only these keys; absent = all that are in effect on the hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<EvaluationKey>>,
}

/// Why a window is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    /// Its time has come.
    #[default]
    Forward,
    /// A hole in the coverage.
    Backward,
    /// There was no data.
    Retry,
}

/// Diagnose hosts with trees over a range. One host and one tree is what we send; lists are accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiagnoseExecuteReq {
    /// Of the message format.
    #[serde(default = "version")]
    pub version: u32,
    /// Deterministic: the same job has the same id.
    #[serde(default)]
    pub id: String,
    /// The owner of the task.
    pub username: String,
    /// The task; it pins versions of trees and rules.
    pub task_id: TaskId,
    /// The hosts.
    pub host_list: Vec<HostId>,
    /// `[s, e)` in milliseconds.
    pub time_range: TimeRange,
    /// Names of trees.
    pub fault_tree: Vec<String>,
    /// Length of a slice in milliseconds; absent = one slice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<i64>,
}

fn version() -> u32 {
    VERSION
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_field_form_of_the_design_is_readable() {
        let message: CheckExecuteReq =
            serde_json::from_str(r#"{"host_list":["h1"],"time_range":[11,22],"from_the_future":1}"#)
                .expect("readable");
        assert_eq!(message.kind, CheckKind::Forward);
        assert_eq!(message.time_range, TimeRange::new(11, 22));
        assert_eq!(message.keys, None);
    }
}
