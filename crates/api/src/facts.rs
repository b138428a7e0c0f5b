//! What an agent finds out about its machine (design 3.7.3, rows 5 to 10), and the routes that keep it: `/data/host/info/*`.
//!
//! Texts are as the machine gives them, with units; what is not known is an empty text, 0, or an empty list. Some names are
//! misspelt in the documented interface, and stay so.

use serde::{Deserialize, Serialize};

use crate::id::HostId;

/// All facts of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    /// Operating system and firmware.
    pub os: OsFacts,
    /// Processors.
    pub cpu: CpuFacts,
    /// Memory.
    pub memory: MemoryFacts,
    /// Disks, by name.
    pub disks: Vec<DiskFacts>,
    /// Network interfaces with a device behind them, by name.
    pub network_cards: Vec<NetworkCardFacts>,
    /// The board.
    pub board: BoardFacts,
}

/// Operating system and firmware.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OsFacts {
    /// Such as `openEuler 20.09`.
    pub name: String,
    /// Such as `4.19.60`.
    pub kernel_version: String,
    /// Version of the firmware.
    pub bios_verison: String,
}

/// Processors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuFacts {
    /// Such as `aarch64`.
    pub architecture: String,
    /// Logical processors.
    pub core_count: u32,
    /// Such as `Kunpeng-920`.
    pub model_name: String,
    /// Manufacturer.
    pub verdor_id: String,
    /// Highest clock frequency, such as `2600 MHz`.
    pub frequency: String,
    /// Of all processors together, such as `6 MiB`.
    pub l1d_cache: String,
    /// As above.
    pub l1i_cache: String,
    /// As above.
    pub l2_cache: String,
    /// As above.
    pub l3_cache: String,
}

/// Memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryFacts {
    /// Such as `64 GB`.
    pub size: String,
    /// Modules.
    pub total: u32,
    /// Each module; empty where the firmware's tables cannot be read.
    pub info: Vec<MemoryModuleFacts>,
}

/// A memory module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryModuleFacts {
    /// Such as `32 GB`.
    pub size: String,
    /// Such as `DDR4`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Such as `2933 MT/s`.
    pub speed: String,
    /// Manufacturer.
    pub manufacturer: String,
}

/// A disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DiskFacts {
    /// Such as `sda`.
    pub name: String,
    /// Manufacturer.
    pub vendor: String,
    /// Model.
    pub model: String,
    /// Such as `480 GB`.
    pub size: String,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkCardFacts {
    /// Such as `eth0`.
    pub name: String,
    /// Manufacturer.
    pub vendor: String,
    /// Model.
    pub model: String,
    /// Such as `hns3`.
    pub driver: String,
    /// Version of the driver.
    pub driver_version: String,
    /// Such as `00:16:3e:00:00:01`.
    pub address: String,
}

/// The board.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BoardFacts {
    /// Manufacturer.
    pub vendor: String,
    /// Model.
    pub model: String,
}

/// The facts of a machine, as kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactsOfHost {
    /// The machine.
    pub host_id: HostId,
    /// What was found.
    pub infos: HostFacts,
}

/// POST /data/host/info/save. Services only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FactsSaveRequest {
    /// Take the place of what was kept of these machines.
    pub host_infos: Vec<FactsOfHost>,
}

/// DELETE /data/host/info/delete. Services only.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FactsDeleteRequest {
    /// The machines.
    pub host_list: Vec<HostId>,
}
