//! What the machine is: operating system, processors, memory, disks, network cards, board; on `GET /facts`.
//!
//! Facts change seldom, so what was found is served for ten minutes. What cannot be read is left empty: a container has
//! little of it, and the firmware's tables are root's.
//!
//! | module | what it finds |
//! |---|---|
//! | `arm` | names of Arm processors, which the kernel does not know |
//! | `attribute` | texts of sysfs, and those that manufacturers forgot to fill in |
//! | `board` | the board |
//! | `cache` | caches of the processors |
//! | `cpu` | processors |
//! | `device` | who made a device |
//! | `disk` | disks |
//! | `memory` | memory and its modules |
//! | `network_card` | network interfaces |
//! | `os` | operating system and firmware |
//! | `quantity` | numbers with units |
//! | `smbios` | the firmware's tables |

mod arm;
mod attribute;
mod board;
mod cache;
mod cpu;
mod device;
mod disk;
mod memory;
mod network_card;
mod os;
mod quantity;
mod smbios;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use aops_api::facts::HostFacts;
use aops_service::Clock;

use smbios::Tables;

use crate::AgentConfig;

/// How long what was found is served.
const KEPT_MS: i64 = 10 * 60 * 1_000;

/// Where things are on a machine.
#[derive(Clone, Debug)]
struct Roots {
    proc: PathBuf,
    sys: PathBuf,
    etc: PathBuf,
    share: PathBuf,
}

/// The facts of the machine, found anew when they are older than ten minutes.
pub(crate) struct Facts {
    roots: Roots,
    clock: Clock,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    found_ms: i64,
    facts: HostFacts,
}

impl Facts {
    pub(crate) fn new(config: &AgentConfig) -> Self {
        Self {
            roots: Roots {
                proc: config.proc_root.clone(),
                sys: config.sys_root.clone(),
                etc: config.etc_root.clone(),
                share: config.share_root.clone(),
            },
            clock: config.clock.clone(),
            kept: Mutex::new(None),
        }
    }

    /// Reads files. Who comes while another is reading waits for what they find.
    pub(crate) fn current(&self) -> HostFacts {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = self.clock.now_ms();
        if let Some(kept) = kept.as_ref()
            && (kept.found_ms..kept.found_ms + KEPT_MS).contains(&now_ms)
        {
            return kept.facts.clone();
        }
        let facts = find(&self.roots);
        *kept = Some(Kept {
            found_ms: now_ms,
            facts: facts.clone(),
        });
        facts
    }
}

fn find(roots: &Roots) -> HostFacts {
    let tables = Tables::read(&roots.sys);
    HostFacts {
        os: os::find(roots, &tables),
        cpu: cpu::find(roots, &tables),
        memory: memory::find(roots, &tables),
        disks: disk::find(roots),
        network_cards: network_card::find(roots),
        board: board::find(roots, &tables),
    }
}
