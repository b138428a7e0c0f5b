//! Who made a device: by the numbers that it has on its bus, and the list of their names, `pci.ids`, where the machine has
//! one; or by what it says itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{Roots, attribute};

/// Where distributions keep the list, below the folder of shared data.
const LISTS: [&str; 2] = ["hwdata/pci.ids", "misc/pci.ids"];
/// A device is a few folders below the one that has its numbers: a port of a card, a queue of a virtual one.
const GENERATIONS: usize = 4;

/// Makers that are met everywhere, for machines without the list.
const WELL_KNOWN: &[(u32, &str)] = &[
    (0x1022, "Advanced Micro Devices, Inc. [AMD]"),
    (0x10de, "NVIDIA Corporation"),
    (0x10ec, "Realtek Semiconductor Co., Ltd."),
    (0x1344, "Micron Technology Inc"),
    (0x144d, "Samsung Electronics Co Ltd"),
    (0x14e4, "Broadcom Inc. and subsidiaries"),
    (0x15ad, "VMware"),
    (0x15b3, "Mellanox Technologies"),
    (0x15b7, "Sandisk Corp"),
    (0x177d, "Cavium, Inc."),
    (0x19e5, "Huawei Technologies Co., Ltd."),
    (0x1af4, "Red Hat, Inc."),
    (0x1c5c, "SK hynix"),
    (0x1d0f, "Amazon.com, Inc."),
    (0x1e0f, "KIOXIA Corporation"),
    (0x8086, "Intel Corporation"),
];

/// Maker and name of a device; what is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) vendor: String,
    pub(super) model: String,
}

/// Names of makers and devices, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Names {
    vendors: BTreeMap<u32, String>,
    devices: BTreeMap<(u32, u32), String>,
}

impl Names {
    pub(super) fn read(roots: &Roots) -> Self {
        let list = LISTS
            .iter()
            .find_map(|list| fs::read(roots.share.join(list)).ok())
            .unwrap_or_default();
        Self::parse(&String::from_utf8_lossy(&list))
    }

    /// A maker at the start of a line, its devices below it after a tab, parts of those after two. Classes follow, after a
    /// `C`.
    fn parse(list: &str) -> Self {
        let mut names = Self::default();
        let mut vendor = None;
        for line in list.lines() {
            if line.starts_with('#') || line.trim().is_empty() || line.starts_with("\t\t") {
                continue;
            }
            if let Some(line) = line.strip_prefix('\t') {
                if let (Some(vendor), Some((device, name))) = (vendor, numbered(line)) {
                    names.devices.insert((vendor, device), name.to_owned());
                }
                continue;
            }
            let found = numbered(line);
            vendor = found.map(|(number, _)| number);
            if let Some((number, name)) = found {
                names.vendors.insert(number, name.to_owned());
            }
        }
        names
    }

    fn vendor(&self, number: u32) -> String {
        let well_known = WELL_KNOWN
            .iter()
            .find(|(known, _)| *known == number)
            .map(|(_, name)| (*name).to_owned());
        self.vendors
            .get(&number)
            .cloned()
            .or(well_known)
            .unwrap_or_else(|| format!("{number:#06x}"))
    }

    fn device(&self, vendor: u32, number: u32) -> String {
        let name = self.devices.get(&(vendor, number));
        name.cloned().unwrap_or_else(|| format!("{number:#06x}"))
    }
}

/// `8086  Intel Corporation`.
fn numbered(line: &str) -> Option<(u32, &str)> {
    let (number, name) = line.split_once("  ")?;
    let is_number = number.len() == 4;
    let number = u32::from_str_radix(number, 16).ok()?;
    is_number.then(|| (number, name.trim()))
}

/// Who made the device that a link such as `class/net/eth0/device` leads to.
pub(super) fn made(link: &Path, names: &Names) -> Made {
    let Ok(folder) = link.canonicalize() else {
        return Made::default();
    };
    for folder in folder.ancestors().take(GENERATIONS) {
        let is_on_usb = folder.join("idVendor").exists();
        if is_on_usb {
            return Made {
                vendor: attribute::text(&folder.join("manufacturer")),
                model: attribute::text(&folder.join("product")),
            };
        }
        // What is on the bus PCI has a class; the numbers of a virtual device's own bus are others.
        let is_on_pci = folder.join("class").exists();
        let vendor = attribute::hexadecimal(&folder.join("vendor"));
        let device = attribute::hexadecimal(&folder.join("device"));
        if let (true, Some(vendor), Some(device)) = (is_on_pci, vendor, device) {
            return Made {
                vendor: names.vendor(vendor),
                model: names.device(vendor, device),
            };
        }
    }
    Made::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read() {
        let list = "# comment\n\n8086  Intel Corporation\n\t1572  Ethernet Controller X710 for 10GbE SFP+\n\t\t1028 0000  Dell\n\
                    19e5  Huawei Technologies Co., Ltd.\n\ta222  HNS GE/10GE/25GE RDMA Network Controller\nC 02  Network controller\n\
                    \t00  Ethernet controller\n";
        let names = Names::parse(list);
        assert_eq!(names.vendor(0x8086), "Intel Corporation");
        assert_eq!(
            names.device(0x8086, 0x1572),
            "Ethernet Controller X710 for 10GbE SFP+"
        );
        assert_eq!(
            names.device(0x19e5, 0xa222),
            "HNS GE/10GE/25GE RDMA Network Controller"
        );
        assert_eq!((names.vendors.len(), names.devices.len()), (2, 2));
        assert_eq!(names.vendor(0x1af4), "Red Hat, Inc.", "well known");
        assert_eq!(
            (names.vendor(0x1), names.device(0x8086, 0x2)),
            ("0x0001".to_owned(), "0x0002".to_owned())
        );
    }
}
