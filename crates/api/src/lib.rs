//! Wire types of A-Ops: what crosses HTTP and the message bus, and nothing else.
//!
//! Every service, the CLI and the tests speak in these types, so that a field has one name and one meaning.
//! The crate holds no behaviour beyond parsing and arithmetic on the types themselves, and depends on serde only.
//!
//! | module | surface |
//! |---|---|
//! | [`account`], [`host`], [`group`], [`facts`], [`audit`] | `/manage` and its `/data` twins |
//! | [`rule`], [`result`] | `/check` and its `/data` twins |
//! | [`tree`], [`diagnosis`] | `/diag` and its `/data` twins |
//! | [`finding`], [`series`], [`schedule`] | `/data` only: verdicts, samples, cursors |
//! | [`message`] | the topics CHECK_EXECUTE_REQ and DIAGNOSE_EXECUTE_REQ |
//!
//! **Unknown fields.** No type here refuses them: readers of messages and of `/data` must ignore what they do not
//! know, so that two versions work together during an upgrade. Public routes refuse them at the reader
//! (`aops_service::http::Checked`). That is also why no request type uses `#[serde(flatten)]`, which would hide them.
//!
//! **Units.** Fields named `*_ms` and every [`time::TimeRange`] are UTC milliseconds since the epoch. Documented public
//! routes speak in seconds; their fields are documented as such.

pub mod account;
pub mod audit;
pub mod code;
pub mod diagnosis;
pub mod facts;
pub mod finding;
pub mod group;
pub mod host;
pub mod id;
pub mod message;
pub mod page;
pub mod read;
pub mod result;
pub mod rule;
pub mod schedule;
pub mod series;
pub mod time;
pub mod tree;

pub use code::{Answer, Code, Empty};
pub use id::{EvaluationKey, HostId, ReportId, ResultId, Shard, TaskId};
pub use time::TimeRange;

/// The owner of starter rules and trees, visible to all and changed by admins only.
pub const SYSTEM_OWNER: &str = "system";

/// A set of label names and values; ordered, so that equal sets have equal text.
pub type Labels = std::collections::BTreeMap<String, String>;
