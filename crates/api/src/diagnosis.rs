//! Diagnoses: tasks, jobs, reports: `/diag/*` and `/data/diag/*`.
//!
//! A *task* is what a user asked for. It is split into *jobs*, one per host and tree, each one message. A job yields
//! one *report* per *slice* of the range.

use serde::{Deserialize, Serialize};

use crate::Labels;
use crate::finding::{Evidence, FindingValue};
use crate::id::{HostId, ReportId, TaskId};
use crate::page::Direction;
use crate::read::{Integer, present};
use crate::rule::KeyedRule;
use crate::time::TimeRange;
use crate::tree::{TreeContent, TreeDocument};

/// POST /diag/execute
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiagExecuteRequest {
    /// Hosts, by id.
    pub host_list: Vec<HostId>,
    /// Two seconds `[s, e)`.
    pub time_range: Vec<Integer>,
    /// Names of trees.
    pub tree_list: Vec<String>,
    /// Length of a slice in seconds.
    pub interval: Integer,
}

/// Answer of /diag/execute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiagExecuteAnswer {
    /// The task; absent when none was made.
    pub task_id: Option<TaskId>,
    /// How many reports it will have.
    pub expected_report_num: u64,
}

/// POST /diag/task/get
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TaskGetRequest {
    /// Tasks; absent = all.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub task_list: Option<Vec<TaskId>>,
    /// Two seconds: tasks made in `[s, e]`.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub time_range: Option<Vec<Integer>>,
    /// `time`, `expected_report_num`, `cur_report_num` or empty.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub sort: Option<TaskSort>,
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

/// Sort names of [`TaskGetRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskSort {
    /// By the moment it was made.
    #[serde(rename = "time")]
    Time,
    /// By how many reports it will have.
    #[serde(rename = "expected_report_num")]
    Expected,
    /// By how many it has.
    #[serde(rename = "cur_report_num")]
    Current,
    /// By time as well.
    #[serde(rename = "")]
    Unsorted,
}

/// Answer of /diag/task/get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TaskGetAnswer {
    /// Rows of all pages.
    pub total_count: u64,
    /// Pages.
    pub total_page: u64,
    /// Rows of this page.
    pub task_infos: Vec<TaskInfo>,
}

/// A row of [`TaskGetAnswer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskInfo {
    /// The task.
    pub task_id: TaskId,
    /// Its hosts: those that were known.
    pub host_list: Vec<HostId>,
    /// Its trees: those that were known.
    pub tree_list: Vec<String>,
    /// Two seconds `[s, e)`.
    pub time_range: [i64; 2],
    /// Seconds: when it was made.
    pub time: i64,
    /// How many reports it will have.
    pub expected_report_num: u64,
    /// How many jobs' reports are finished. Extension.
    pub cur_report_num: u64,
}

/// POST /diag/progress/get and POST /data/diag/process/query
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProgressRequest {
    /// Tasks.
    pub task_list: Vec<TaskId>,
}

/// Answer of /diag/progress/get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProgressAnswer {
    /// One row per task asked for, in that order.
    pub result: Vec<TaskProgress>,
}

/// How far a task is; finished when `progress` has reached `expected_report_num`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskProgress {
    /// The task.
    pub task_id: TaskId,
    /// Finished reports, deleted ones included; 0 for an unknown task.
    pub progress: u64,
}

/// POST /diag/report/get_list
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReportListRequest {
    /// Two seconds: reports that overlap.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub time_range: Option<Vec<Integer>>,
    /// Hosts.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub host_list: Option<Vec<HostId>>,
    /// Trees.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub tree_list: Option<Vec<String>>,
    /// A task; beside it the other filters do not count.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub task_id: Option<TaskId>,
    /// `start`, `end`, `time`, `tree_name` or empty.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub sort: Option<ReportSort>,
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

/// Sort names of [`ReportListRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportSort {
    /// By start.
    #[serde(rename = "start")]
    Start,
    /// By end.
    #[serde(rename = "end")]
    End,
    /// By start, as web clients call it.
    #[serde(rename = "time")]
    Time,
    /// By tree.
    #[serde(rename = "tree_name")]
    TreeName,
    /// By start as well.
    #[serde(rename = "")]
    Unsorted,
}

/// Answer of /diag/report/get_list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReportListAnswer {
    /// Rows of all pages.
    pub total_count: u64,
    /// Pages.
    pub total_page: u64,
    /// Rows of this page.
    pub result: Vec<ReportHead>,
}

/// What identifies a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportHead {
    /// The report.
    pub report_id: ReportId,
    /// Of this task.
    pub task_id: TaskId,
    /// About this host.
    pub host_id: HostId,
    /// By this tree.
    pub tree_name: String,
    /// Seconds.
    pub start: i64,
    /// Seconds, exclusive.
    pub end: i64,
}

/// POST /diag/report/get, DELETE /diag/report/delete
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReportIdsRequest {
    /// The reports.
    pub report_list: Vec<ReportId>,
}

/// Answer of /diag/report/get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReportGetAnswer {
    /// Those that exist and may be seen, in the order asked for.
    pub result: Vec<Report>,
}

/// A report: one host, one tree, one slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The report.
    pub report_id: ReportId,
    /// Of this task.
    pub task_id: TaskId,
    /// About this host.
    pub host_id: HostId,
    /// By this tree.
    pub tree_name: String,
    /// Seconds.
    pub start: i64,
    /// Seconds, exclusive.
    pub end: i64,
    /// The tree with `value` and `msg` filled in; `{}` when the tree could not be evaluated.
    pub report: TreeContent,
    /// What it means, and why. Extension.
    pub explanation: Explanation,
}

/// What a diagnosed tree means, and why. Same inputs, same bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The outcome.
    pub outcome: Outcome,
    /// Why the tree could not be evaluated; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Names of branches from the root down to the last one that a true branch made true; empty without a cause.
    /// The leaves that prove it are in `leaves`.
    pub cause_path: Vec<String>,
    /// `description` of the last branch on the path that has one.
    pub description: String,
    /// `advice` of the last branch on the path that has one.
    pub advice: String,
    /// Every leaf, in tree order.
    pub leaves: Vec<LeafExplanation>,
    /// Paths of branches that are false, in tree order.
    pub ruled_out: Vec<Vec<String>>,
    /// Paths of nodes that would be unknown if missing leaves were unknown instead of false.
    pub unsupported: Vec<Vec<String>>,
}

/// The outcome of a diagnosis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The root is true.
    CauseFound,
    /// The root is false: these were ruled out.
    #[default]
    CauseNotFound,
    /// The tree could not be evaluated.
    Failed,
}

/// Why a leaf has its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeafExplanation {
    /// Names from the root to the leaf.
    pub path: Vec<String>,
    /// The rule it reads.
    pub check_item: String,
    /// Its condition; empty when the rule does not exist.
    pub condition: String,
    /// Whether the leaf contributes true.
    pub value: bool,
    /// Whether it made the root what it is: for as long as all such leaves keep their values, so does the root.
    #[serde(default)]
    pub contributes: bool,
    /// Index in [`Explanation::leaves`] of the first leaf that reads the same. What that one says of `condition`,
    /// `findings` and `uncovered` holds here too and is not said again: they are empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<usize>,
    /// What was found, worst first; empty = normal.
    pub findings: Vec<LeafFinding>,
    /// How many findings more there are than `findings` holds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub findings_left_out: u64,
    /// Where the verdict came from.
    pub source: LeafSource,
    /// Where nothing was stored and the rule was evaluated for this report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncovered: Vec<TimeRange>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Explanation {
    /// The leaf that says what a leaf reads: itself, or the one that it is the same as.
    pub fn read_by<'explanation>(
        &'explanation self,
        leaf: &'explanation LeafExplanation,
    ) -> &'explanation LeafExplanation {
        leaf.same_as
            .and_then(|index| self.leaves.get(index))
            .unwrap_or(leaf)
    }
}

/// A finding that a leaf rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeafFinding {
    /// The starred labels.
    pub labels: Labels,
    /// The verdict.
    pub value: FindingValue,
    /// `[start, end)`, clipped to the slice.
    pub range: TimeRange,
    /// The samples that decided.
    pub evidence: Evidence,
    /// Why, for `No data` and `Internal error`.
    pub reason: String,
}

/// Where the verdict of a leaf came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeafSource {
    /// Stored findings covered the slice.
    Findings,
    /// The rule was evaluated over the series for all of the slice.
    Evaluated,
    /// Some of the slice was covered, the rest evaluated.
    Both,
    /// Told by a file of results, where a check item without a result is normal.
    Given,
    /// There is no such rule, or it is disabled or out of scope: missing data.
    #[default]
    NoRule,
}

/// POST /data/diag/task/save: a task with all that decides its outcome. Owner = the caller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskSaveRequest {
    /// The task.
    pub task_id: TaskId,
    /// When it was made.
    pub created_ms: i64,
    /// Known hosts.
    pub host_list: Vec<HostId>,
    /// Known trees, as they were then.
    pub trees: Vec<TreeDocument>,
    /// Rules that the trees name, as they were then.
    pub rules: Vec<KeyedRule>,
    /// The range.
    pub range: TimeRange,
    /// Length of a slice.
    pub interval_ms: i64,
    /// hosts × trees × slices.
    pub expected_report_num: u64,
}

/// POST /data/diag/task/pinned. Services only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PinnedTaskRequest {
    /// The task.
    pub task_id: TaskId,
}

/// Answer of /data/diag/task/pinned; `task` is absent when there is none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PinnedTaskAnswer {
    /// The task as it was saved.
    pub task: Option<OwnedTask>,
}

/// A task and its owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnedTask {
    /// The owner.
    pub username: String,
    /// The task as it was saved.
    pub task: TaskSaveRequest,
}

/// Answer of POST /data/diag/task/unpublished: tasks whose messages have not all been published. Services only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UnpublishedTasksAnswer {
    /// Oldest first, at most 100.
    pub tasks: Vec<OwnedTask>,
}

/// POST /data/diag/task/published: all messages of a task have been published. Services only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskPublishedRequest {
    /// The task.
    pub task_id: TaskId,
}

/// POST /data/diag/report/save: saves reports and counts them as finished; again changes nothing. Services only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReportSaveRequest {
    /// Owner of the task.
    pub username: String,
    /// The reports.
    pub reports: Vec<Report>,
}

/// The slices of a range: `ceil(length / interval)` of them, the last one possibly shorter; none for an empty range.
pub fn slices(range: TimeRange, interval_ms: i64) -> impl Iterator<Item = TimeRange> {
    let count = slice_count(range, interval_ms);
    (0..count).map(move |index| {
        let start_ms = range.start_ms + i64::try_from(index).unwrap_or(i64::MAX) * interval_ms;
        TimeRange::new(start_ms, range.end_ms.min(start_ms.saturating_add(interval_ms)))
    })
}

/// How many [`slices`] there are. `interval_ms` must be positive.
pub fn slice_count(range: TimeRange, interval_ms: i64) -> u64 {
    range
        .duration_ms()
        .unsigned_abs()
        .div_ceil(interval_ms.max(1).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Specification H.4 row 42.
    #[test]
    fn slices_of_the_specification() {
        for (range, interval, count, last) in [
            ((10, 100), 7, 13, Some((94, 100))),
            ((11246, 12456), 60, 21, Some((12446, 12456))),
            ((0, 11), 10, 2, Some((10, 11))),
            ((5, 5), 1, 0, None),
            ((9, 5), 1, 0, None),
        ] {
            let range = TimeRange::new(range.0, range.1);
            assert_eq!(slice_count(range, interval), count);
            let all: Vec<_> = slices(range, interval).collect();
            assert_eq!(all.len() as u64, count);
            assert_eq!(
                all.last().copied(),
                last.map(|(start, end)| TimeRange::new(start, end))
            );
        }
    }
}
