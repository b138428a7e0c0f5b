//! Results as users see them: `/check/result/*` and `/data/check/result/*`.

use serde::{Deserialize, Serialize};

use crate::Labels;
use crate::finding::{Evidence, FindingValue};
use crate::id::{HostId, ResultId};
use crate::page::Direction;
use crate::read::{Integer, present};
use crate::rule::{DataItem, Severity};

/// POST /check/result/get
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ResultGetRequest {
    /// Two seconds `[s, e]`, or empty = all: results that overlap.
    pub time_range: Vec<Integer>,
    /// Names of rules; empty = all.
    pub check_items: Vec<String>,
    /// Hosts; empty = all.
    pub host_list: Vec<HostId>,
    /// Only this verdict; absent or empty = every verdict.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub value: Option<String>,
    /// `start`, `end`, `check_item` or empty.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub sort: Option<ResultSort>,
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

/// Sort names of [`ResultGetRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResultSort {
    /// By start.
    #[serde(rename = "start")]
    Start,
    /// By end.
    #[serde(rename = "end")]
    End,
    /// By name of the rule.
    #[serde(rename = "check_item")]
    CheckItem,
    /// By start as well, so that pages are stable.
    #[serde(rename = "")]
    Unsorted,
}

/// Answer of /check/result/get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ResultGetAnswer {
    /// Rows of all pages.
    pub total_count: u64,
    /// Pages.
    pub total_page: u64,
    /// Rows of this page.
    pub check_result: Vec<ResultRow>,
}

/// One interval of one verdict, joined with the caller's rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultRow {
    /// Id of the interval. Extension.
    pub result_id: ResultId,
    /// The machine.
    pub host_id: HostId,
    /// Name of the caller's rule.
    pub check_item: String,
    /// Its condition.
    pub condition: String,
    /// Its description.
    pub description: String,
    /// Its plugin.
    pub plugin: String,
    /// Its severity. Extension.
    pub severity: Option<Severity>,
    /// Its data items.
    pub data_list: Vec<ResultDataItem>,
    /// The starred labels. Extension.
    pub labels: Labels,
    /// The verdict.
    pub value: FindingValue,
    /// Seconds, rounded down.
    pub start: i64,
    /// Seconds, rounded up, exclusive.
    pub end: i64,
    /// The samples that decided. Extension.
    pub evidence: Evidence,
    /// Why, for `No data` and `Internal error`. Extension.
    pub reason: String,
}

/// A data item as the documented results show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultDataItem {
    /// The item.
    #[serde(flatten)]
    pub item: DataItem,
    /// `$0`, `$1`, …
    #[serde(rename = "macro")]
    pub macro_name: String,
    /// Name and JSON text of the label pairs, sorted by value.
    pub data_name_str: String,
}

/// POST /check/result/count
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ResultCountRequest {
    /// Hosts; empty = all.
    pub host_list: Vec<HostId>,
    /// `count` or empty.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub sort: Option<CountSort>,
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

/// Sort names of [`ResultCountRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CountSort {
    /// By count.
    #[serde(rename = "count")]
    Count,
    /// By host.
    #[serde(rename = "")]
    Unsorted,
}

/// Answer of /check/result/count.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ResultCountAnswer {
    /// Hosts with an anomaly.
    pub total_count: u64,
    /// Pages.
    pub total_page: u64,
    /// Rows of this page.
    pub results: Vec<HostCount>,
}

/// How many anomalies a host has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostCount {
    /// The machine.
    pub host_id: HostId,
    /// Its anomalies.
    pub count: u64,
}
