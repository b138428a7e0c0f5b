//! Groups of machines: `/manage/host/group/*` and `/data/host/group/*`. A group is its owner's.

use serde::{Deserialize, Serialize};

use crate::page::Direction;
use crate::read::{Integer, present};

/// POST /manage/host/group/add
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupAddRequest {
    /// Name.
    pub host_group_name: String,
    /// May be empty.
    pub description: String,
}

/// Answer of /manage/host/group/add.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupAddAnswer {
    /// Its name: a group has no other id.
    pub host_group_id: String,
}

/// DELETE /manage/host/group/delete
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GroupDeleteRequest {
    /// Names. A group with machines in it stays.
    pub host_group_list: Vec<String>,
}

/// Answer of /manage/host/group/delete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupDeleteAnswer {
    /// Those that are gone.
    pub deleted: Vec<String>,
}

/// POST /manage/host/group/get
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GroupGetRequest {
    /// `host_group_name`, `host_count` or empty.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub sort: Option<GroupSort>,
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

/// Sort names of [`GroupGetRequest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupSort {
    /// By name.
    #[serde(rename = "host_group_name")]
    HostGroupName,
    /// By the number of machines.
    #[serde(rename = "host_count")]
    HostCount,
    /// In the order in which they were made.
    #[default]
    #[serde(rename = "")]
    Unsorted,
}

/// A row of [`GroupGetAnswer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupInfo {
    /// Name.
    pub host_group_name: String,
    /// Description.
    pub description: String,
    /// Machines in it.
    pub host_count: u64,
}

/// Answer of /manage/host/group/get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct GroupGetAnswer {
    /// Rows of all pages.
    pub total_count: u64,
    /// Pages.
    pub total_page: u64,
    /// Rows of this page.
    pub host_group_infos: Vec<GroupInfo>,
}

/// POST /manage/host/group/modify: what is absent stays. Extension (design 3.7.2, row 3).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupModifyRequest {
    /// The group.
    pub host_group_name: String,
    /// New name; machines and rules that name the group follow.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub new_name: Option<String>,
    /// New description.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<String>,
}
