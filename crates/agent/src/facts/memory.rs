//! Memory and its modules.

use std::fs;

use aops_api::facts::{MemoryFacts, MemoryModuleFacts};

use super::smbios::{Structure, Tables, kind};
use super::{Roots, quantity};

/// Offsets in the structure of a memory device (DSP0134, 7.18).
mod offset {
    pub(super) const SIZE: usize = 0x0c;
    pub(super) const KIND: usize = 0x12;
    pub(super) const SPEED: usize = 0x15;
    pub(super) const MANUFACTURER: usize = 0x17;
    pub(super) const EXTENDED_SIZE: usize = 0x1c;
    pub(super) const CONFIGURED_SPEED: usize = 0x20;
    pub(super) const EXTENDED_SPEED: usize = 0x54;
    pub(super) const EXTENDED_CONFIGURED_SPEED: usize = 0x58;
}

/// Modules as the firmware lists them; without its tables, what the kernel has.
pub(super) fn find(roots: &Roots, tables: &Tables) -> MemoryFacts {
    let modules: Vec<Module> = tables.of(kind::MEMORY_MODULE).filter_map(module).collect();
    let bytes = modules
        .iter()
        .fold(0_u64, |sum, module| sum.saturating_add(module.bytes));
    let bytes = if bytes > 0 { bytes } else { kernel_bytes(roots) };
    MemoryFacts {
        size: quantity::memory(bytes),
        total: u32::try_from(modules.len()).unwrap_or(u32::MAX),
        info: modules.into_iter().map(|module| module.facts).collect(),
    }
}

struct Module {
    /// 0 where the firmware does not know.
    bytes: u64,
    facts: MemoryModuleFacts,
}

/// `None` for a place without a module.
fn module(device: Structure<'_>) -> Option<Module> {
    let bytes = match device.word(offset::SIZE)? {
        0 => return None,
        0xffff => 0,
        0x7fff => u64::from(device.double_word(offset::EXTENDED_SIZE)? & 0x7fff_ffff) << 20,
        kilobytes @ 0x8000.. => u64::from(kilobytes & 0x7fff) << 10,
        megabytes => u64::from(megabytes) << 20,
    };
    let facts = MemoryModuleFacts {
        size: quantity::memory(bytes),
        kind: kind_name(device.byte(offset::KIND).unwrap_or_default()).to_owned(),
        speed: speed(device),
        manufacturer: device.text(offset::MANUFACTURER),
    };
    Some(Module { bytes, facts })
}

/// The speed it runs at; from old firmware, the one it was made for.
fn speed(device: Structure<'_>) -> String {
    let read = |short, long| match device.word(short)? {
        0 => None,
        0xffff => device.double_word(long).map(|speed| speed & 0x7fff_ffff),
        speed => Some(u32::from(speed)),
    };
    read(offset::CONFIGURED_SPEED, offset::EXTENDED_CONFIGURED_SPEED)
        .or_else(|| read(offset::SPEED, offset::EXTENDED_SPEED))
        .filter(|speed| *speed > 0)
        .map_or_else(String::new, |speed| format!("{speed} MT/s"))
}

fn kind_name(number: u8) -> &'static str {
    match number {
        0x03 => "DRAM",
        0x07 => "RAM",
        0x0f => "SDRAM",
        0x11 => "RDRAM",
        0x12 => "DDR",
        0x13 => "DDR2",
        0x14 => "DDR2 FB-DIMM",
        0x18 => "DDR3",
        0x19 => "FBD2",
        0x1a => "DDR4",
        0x1b => "LPDDR",
        0x1c => "LPDDR2",
        0x1d => "LPDDR3",
        0x1e => "LPDDR4",
        0x1f => "Logical non-volatile device",
        0x20 => "HBM",
        0x21 => "HBM2",
        0x22 => "DDR5",
        0x23 => "LPDDR5",
        0x24 => "HBM3",
        _ => "",
    }
}

/// What the kernel has of it, which is less than there is.
fn kernel_bytes(roots: &Roots) -> u64 {
    let text = fs::read_to_string(roots.proc.join("meminfo")).unwrap_or_default();
    let kilobytes = text.lines().find_map(|line| {
        line.strip_prefix("MemTotal:")?
            .trim()
            .strip_suffix("kB")?
            .trim()
            .parse()
            .ok()
    });
    kilobytes.unwrap_or(0_u64).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::super::smbios::structure;
    use super::*;

    fn read(fields: &[(usize, &[u8])]) -> Option<(u64, String, String)> {
        let tables = Tables::from_bytes(structure(kind::MEMORY_MODULE, fields, &["Samsung"]));
        let device = tables.of(kind::MEMORY_MODULE).next().expect("a device");
        module(device).map(|module| (module.bytes, module.facts.kind, module.facts.speed))
    }

    #[test]
    fn sizes_and_speeds_of_any_age() {
        let nothing = String::new;
        assert_eq!(read(&[(offset::SIZE, &[0, 0])]), None);
        assert_eq!(read(&[(4, &[0])]), None, "older than the field");
        assert_eq!(
            read(&[(offset::SIZE, &[0xff, 0xff])]),
            Some((0, nothing(), nothing()))
        );
        assert_eq!(
            read(&[(offset::SIZE, &[0x40, 0x80])]),
            Some((64 << 10, nothing(), nothing()))
        );
        let old = [
            (offset::SIZE, &[0, 0x08][..]),
            (offset::KIND, &[0x18]),
            (offset::SPEED, &[0x35, 0x05]),
        ];
        assert_eq!(
            read(&old),
            Some((2 << 30, "DDR3".to_owned(), "1333 MT/s".to_owned()))
        );
        let new = [
            (offset::SIZE, &[0xff, 0x7f][..]),
            (offset::KIND, &[0x22]),
            (offset::SPEED, &[0xc0, 0x12]),
            (offset::EXTENDED_SIZE, &[0, 0, 1, 0]),
            (offset::CONFIGURED_SPEED, &[0xff, 0xff]),
            (offset::EXTENDED_CONFIGURED_SPEED, &[0x40, 0x1f, 0, 0]),
        ];
        assert_eq!(
            read(&new),
            Some((64 << 30, "DDR5".to_owned(), "8000 MT/s".to_owned()))
        );
    }
}
