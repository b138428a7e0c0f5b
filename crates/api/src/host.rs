//! Machines and what users have of them: `/manage/host/*` and `/data/host/*`.

use serde::{Deserialize, Serialize};

use crate::facts::{CpuFacts, HostFacts, MemoryFacts, OsFacts};
use crate::id::{HostId, Shard};
use crate::page::Direction;
use crate::read::{Boolean, Integer, present};

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
    pub management: Option<Boolean>,
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
    /// Grows with each change of the row; see [`HostModifyRequest`]. Extension.
    #[serde(default)]
    pub revision: i64,
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

/// POST /manage/host/add
#[derive(Clone, Serialize, Deserialize)]
pub struct HostAddRequest {
    /// The machines.
    pub host_list: Vec<NewHost>,
    /// Seals their credentials; the same for all machines of a user.
    pub key: String,
}

/// A machine to be added.
#[derive(Clone, Serialize, Deserialize)]
pub struct NewHost {
    /// Display name.
    pub host_name: String,
    /// A group of the caller.
    pub host_group_name: String,
    /// IPv4 or IPv6.
    pub public_ip: String,
    /// Port of its SSH server.
    pub ssh_port: Integer,
    /// Whether it is a managing node.
    pub management: Boolean,
    /// Who logs in on it.
    pub username: String,
    /// With this password, in clear.
    pub password: String,
    /// Password of `sudo` or `su`, in clear.
    pub sudo_password: String,
}

/// A machine that was, or was not, added: what was sent but for its secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedHost {
    /// The machine; null when it was not added.
    pub host_id: Option<HostId>,
    /// Display name.
    pub host_name: String,
    /// Group.
    pub host_group_name: String,
    /// Address.
    pub public_ip: String,
    /// Port of its SSH server.
    pub ssh_port: u16,
    /// Whether it is a managing node.
    pub management: bool,
    /// Why it was not added; null when it was. Extension.
    pub reason: Option<String>,
}

/// Answer of /manage/host/add.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAddAnswer {
    /// Ids of the added ones, in the order of the request.
    pub host_list: Vec<HostId>,
    /// The added ones.
    pub succeed_list: Vec<AddedHost>,
    /// The others.
    pub fail_list: Vec<AddedHost>,
    /// Of a request that is refused whole, the machine that is wrong, its secrets masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong_info: Option<serde_json::Value>,
}

/// DELETE /manage/host/delete
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HostDeleteRequest {
    /// The machines.
    pub host_list: Vec<HostId>,
}

/// Answer of /manage/host/count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCountAnswer {
    /// Machines that the caller sees.
    pub host_count: u64,
}

/// POST /manage/host/info/query
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HostInfoRequest {
    /// The machines; empty = all that the caller sees.
    pub host_list: Vec<HostId>,
    /// Whether only the rows of /manage/host/get are wanted.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub basic: Option<Boolean>,
}

/// A row of [`HostInfoAnswer`]: the row of /manage/host/get, and the facts in both places where clients look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostDetail {
    /// Of /manage/host/get.
    #[serde(flatten)]
    pub host: HostInfo,
    /// What the agent found; absent when only the basics were asked for.
    #[serde(flatten)]
    pub facts: Option<HostDetailFacts>,
}

/// The facts of a [`HostDetail`]. What is not known is empty, not absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostDetailFacts {
    /// All of them.
    pub infos: HostFacts,
    /// Again, for the web client.
    pub os: OsFacts,
    /// Again, for the web client.
    pub cpu: CpuFacts,
    /// Again, for the web client.
    pub memory: MemoryFacts,
    /// When they were found, in seconds since the epoch; null: never.
    pub collected: Option<i64>,
}

/// Answer of /manage/host/info/query.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HostInfoAnswer {
    /// One row for each machine that was asked for and is seen by the caller.
    pub host_infos: Vec<HostDetail>,
}

/// POST /manage/host/modify: what is absent stays. Extension (design 3.7.2, row 3).
#[derive(Clone, Serialize, Deserialize)]
pub struct HostModifyRequest {
    /// The machine.
    pub host_id: HostId,
    /// New display name.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub host_name: Option<String>,
    /// Another group of the caller.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub host_group_name: Option<String>,
    /// New address, for everybody who watches the machine: admins, and who is the only one.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub public_ip: Option<String>,
    /// New port of its SSH server, as with the address.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub ssh_port: Option<Integer>,
    /// Whether it is a managing node.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub management: Option<Boolean>,
    /// New credentials: all three together, with `key`.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub username: Option<String>,
    /// See `username`.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub password: Option<String>,
    /// See `username`.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub sudo_password: Option<String>,
    /// Seals the credentials.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub key: Option<String>,
    /// `revision` of the row that the change is based on; refused with 1107 when somebody changed it meanwhile. Absent: whatever it is.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub revision: Option<Integer>,
}

/// POST /manage/host/inventory/export: an Ansible inventory with the credentials sealed by `key` as `ansible-vault` does.
/// Extension.
#[derive(Clone, Serialize, Deserialize)]
pub struct InventoryRequest {
    /// The machines; empty = all that the caller has credentials of.
    pub host_list: Vec<HostId>,
    /// What the credentials were sealed with, and the password of the vault in the answer.
    pub key: String,
}

/// Answer of /manage/host/inventory/export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryAnswer {
    /// To be written to one folder, below which nobody else may read.
    pub files: Vec<InventoryFile>,
}

/// A file of an inventory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryFile {
    /// Relative, such as `hosts.yml`.
    pub path: String,
    /// Text.
    pub content: String,
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
