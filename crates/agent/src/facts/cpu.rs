//! Processors.

use std::fs;

use aops_api::facts::CpuFacts;

use super::cache::{Caches, Kind};
use super::smbios::{Tables, kind};
use super::{Roots, arm, attribute};

/// In the processor's structure.
const MANUFACTURER: usize = 0x07;
const VERSION: usize = 0x10;
const CURRENT_MEGAHERTZ: usize = 0x16;

pub(super) fn find(roots: &Roots, tables: &Tables) -> CpuFacts {
    let listing = Listing::read(roots);
    let caches = Caches::read(roots);
    let socket = tables.of(kind::PROCESSOR).next();
    let socket_text = |offset| socket.map(|socket| socket.text(offset)).unwrap_or_default();
    CpuFacts {
        architecture: architecture(roots),
        core_count: listing.processors,
        model_name: attribute::first_known([
            listing.first("model name"),
            listing.arm_model(),
            socket_text(VERSION),
            // What some kernels for other architectures call it.
            listing.first("cpu model"),
            listing.first("cpu"),
        ]),
        verdor_id: attribute::first_known([
            listing.first("vendor_id"),
            listing.arm_implementer(),
            socket_text(MANUFACTURER),
        ]),
        frequency: megahertz(roots, &listing, tables)
            .map_or_else(String::new, |number| format!("{number} MHz")),
        l1d_cache: caches.size(1, Kind::Data),
        l1i_cache: caches.size(1, Kind::Instruction),
        l2_cache: caches.size(2, Kind::Data),
        l3_cache: caches.size(3, Kind::Data),
    }
}

/// The file came with Linux 6.1; before, what the agent was built for is what it runs on.
fn architecture(roots: &Roots) -> String {
    attribute::first_known([
        attribute::text(&roots.proc.join("sys/kernel/arch")),
        std::env::consts::ARCH.to_owned(),
    ])
}

/// The highest that the kernel may set; else what the firmware says; else what the kernel measured.
fn megahertz(roots: &Roots, listing: &Listing, tables: &Tables) -> Option<u64> {
    let settable = attribute::entries(&roots.sys.join("devices/system/cpu"))
        .into_iter()
        .filter_map(|(_, processor)| attribute::number(&processor.join("cpufreq/cpuinfo_max_freq")))
        .max()
        .map(|kilohertz| kilohertz / 1_000);
    let of_firmware = || {
        let speeds = tables
            .of(kind::PROCESSOR)
            .filter_map(|socket| socket.word(CURRENT_MEGAHERTZ));
        speeds.map(u64::from).max()
    };
    let measured = || {
        let speeds = listing
            .values("cpu mhz")
            .filter_map(|speed| speed.split('.').next()?.parse().ok());
        speeds.max()
    };
    [settable, of_firmware(), measured()]
        .into_iter()
        .flatten()
        .find(|megahertz| *megahertz > 0)
}

/// `/proc/cpuinfo`, which is another on each architecture.
struct Listing {
    /// Keys in lower case.
    lines: Vec<(String, String)>,
    processors: u32,
}

impl Listing {
    fn read(roots: &Roots) -> Self {
        let text = fs::read_to_string(roots.proc.join("cpuinfo")).unwrap_or_default();
        let lines: Vec<(String, String)> = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(key, value)| {
                (
                    key.trim().to_ascii_lowercase(),
                    attribute::meaning(value).to_owned(),
                )
            })
            .collect();
        let processors = lines
            .iter()
            .filter(|(key, value)| key == "processor" && value.parse::<u32>().is_ok())
            .count();
        Self {
            lines,
            processors: u32::try_from(processors).unwrap_or(u32::MAX),
        }
    }

    fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .filter(move |(found, _)| found == key)
            .map(|(_, value)| value.as_str())
    }

    fn first(&self, key: &str) -> String {
        self.values(key).next().unwrap_or_default().to_owned()
    }

    fn numbers(&self, key: &str) -> impl Iterator<Item = u32> {
        self.values(key)
            .filter_map(|value| u32::from_str_radix(value.strip_prefix("0x")?, 16).ok())
    }

    fn arm_implementer(&self) -> String {
        let number = self.numbers("cpu implementer").next();
        number.and_then(arm::implementer).unwrap_or_default().to_owned()
    }

    /// Each kind of core once, in order: a machine may have large and small ones.
    fn arm_model(&self) -> String {
        let mut names = Vec::new();
        let parts = self.numbers("cpu implementer").zip(self.numbers("cpu part"));
        for (implementer, part) in parts {
            let name = arm::part(implementer, part);
            if let Some(name) = name
                && !names.contains(&name)
            {
                names.push(name);
            }
        }
        names.join(" + ")
    }
}
