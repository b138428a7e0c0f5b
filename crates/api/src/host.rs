//! Machines and what users have of them: `/manage/host/*` and `/data/host/*`.

use serde::{Deserialize, Serialize};

use crate::id::{HostId, Shard};
use crate::page::Direction;
use crate::read::{Integer, present};

/// POST /manage/host/get
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HostGetRequest {
    /// Groups to list; empty = all.
    pub host_group_list: Vec<String>,
    /// Only managing (true) or only managed (false) nodes; absent = both.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub management: Option<bool>,
    /// `host_name`, `host_group_name` or empty.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub sort: Option<HostSort>,
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

/// Sort names of [`HostGetRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostSort {
    /// By display name.
    #[serde(rename = "host_name")]
    HostName,
    /// By group.
    #[serde(rename = "host_group_name")]
    HostGroupName,
    /// Not at all.
    #[serde(rename = "")]
    Unsorted,
}

/// A row of [`HostGetAnswer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostInfo {
    /// The machine.
    pub host_id: HostId,
    /// Display name, of this access.
    pub host_name: String,
    /// Group, of this access.
    pub host_group_name: String,
    /// Address.
    pub public_ip: String,
    /// Port of its SSH server.
    pub ssh_port: u16,
    /// Whether it is a managing node.
    pub management: bool,
    /// `online` while its metrics arrive, `offline` when they stopped, `unknown` before the first.
    pub status: String,
}

/// Answer of /manage/host/get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HostGetAnswer {
    /// Rows of all pages.
    pub total_count: u64,
    /// Pages.
    pub total_page: u64,
    /// Rows of this page.
    pub host_infos: Vec<HostInfo>,
}

/// POST /data/host/register: a machine that announces itself through its agent. Services only.
///
/// The same `agent_id` is the same machine, whatever its address or name is now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostRegisterRequest {
    /// UUID that the agent keeps.
    pub agent_id: String,
    /// Display name for the owner.
    pub host_name: String,
    /// Address by which the machine is known.
    pub address: String,
    /// Port of its SSH server.
    pub ssh_port: u16,
    /// `host:port` where the agent serves `/metrics`.
    pub metrics_address: String,
    /// Who gets an access.
    pub owner: String,
    /// The group of that access.
    pub host_group_name: String,
}

/// Answer of /data/host/register.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HostRegisterAnswer {
    /// The machine.
    pub host_id: HostId,
}

/// A machine as services see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The machine.
    pub host_id: HostId,
    /// Address by which it is known.
    pub address: String,
    /// Its shard.
    pub shard: Shard,
    /// When its first sample arrived; absent before.
    pub first_sample_ms: Option<i64>,
}

/// Answer of POST /data/host/machines: every machine. Services only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MachinesAnswer {
    /// Ordered by id.
    pub machines: Vec<Machine>,
}
