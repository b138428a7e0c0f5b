//! Disks.

use std::path::Path;

use aops_api::facts::DiskFacts;

use super::device::{self, Names};
use super::{Roots, attribute, quantity};

const SECTOR_BYTES: u64 = 512;
/// As SCSI numbers kinds of devices.
const OPTICAL: u64 = 5;

/// How model names begin, and whose they are: a disk on SATA does not name its maker.
const MAKERS: &[(&str, &str)] = &[
    ("Crucial", "Crucial"),
    ("CT", "Crucial"),
    ("HGST", "HGST"),
    ("HUAWEI", "Huawei"),
    ("HWE", "Huawei"),
    ("INTEL", "Intel"),
    ("KINGSTON", "Kingston"),
    ("KIOXIA", "KIOXIA"),
    ("Micron", "Micron"),
    ("MTFD", "Micron"),
    ("QEMU", "QEMU"),
    ("SAMSUNG", "Samsung"),
    ("Samsung", "Samsung"),
    ("SSDSC", "Intel"),
    ("ST", "Seagate"),
    ("TOSHIBA", "Toshiba"),
    ("WDC", "Western Digital"),
];

/// What has a device behind it and can hold something; neither drives for optical disks nor parts of another disk.
pub(super) fn find(roots: &Roots) -> Vec<DiskFacts> {
    let names = Names::read(roots);
    attribute::entries(&roots.sys.join("block"))
        .into_iter()
        .filter(|(name, folder)| is_disk(name, folder))
        .filter_map(|(name, folder)| disk(name, &folder, &names))
        .collect()
}

fn is_disk(name: &str, folder: &Path) -> bool {
    let device = folder.join("device");
    let is_path_of_another = attribute::number(&folder.join("hidden")) == Some(1);
    let is_optical = attribute::number(&device.join("type")) == Some(OPTICAL);
    let is_part_of_flash = name.starts_with("mmcblk") && (name.contains("boot") || name.ends_with("rpmb"));
    device.exists() && !is_path_of_another && !is_optical && !is_part_of_flash && !name.starts_with("fd")
}

/// `None` for a reader with nothing in it.
fn disk(name: String, folder: &Path, names: &Names) -> Option<DiskFacts> {
    let bytes = attribute::number(&folder.join("size"))?.saturating_mul(SECTOR_BYTES);
    if bytes == 0 {
        return None;
    }
    let device = folder.join("device");
    let model = attribute::text(&device.join("model"));
    let vendor = match attribute::text(&device.join("vendor")).as_str() {
        // The name of a bus, not of a maker.
        "ATA" => maker(&model),
        // The number of a virtual device.
        vendor if vendor.starts_with("0x") => String::new(),
        vendor => vendor.to_owned(),
    };
    let made = device::made(&device, names);
    // What holds a SCSI disk is its controller, which somebody else made.
    let is_its_own_controller = !device.join("scsi_device").exists() && !device.join("type").exists();
    let of_controller = |text: String| {
        if is_its_own_controller {
            text
        } else {
            String::new()
        }
    };
    Some(DiskFacts {
        name,
        vendor: attribute::first_known([vendor, of_controller(made.vendor)]),
        model: attribute::first_known([model, of_controller(made.model)]),
        size: quantity::disk(bytes),
    })
}

fn maker(model: &str) -> String {
    let found = MAKERS.iter().find(|(start, _)| model.starts_with(start));
    found.map(|(_, maker)| (*maker).to_owned()).unwrap_or_default()
}
