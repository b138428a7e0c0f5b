//! Network interfaces with a device behind them.

use std::path::Path;

use aops_api::facts::NetworkCardFacts;

use super::device::{self, Names};
use super::{Roots, attribute};

pub(super) fn find(roots: &Roots) -> Vec<NetworkCardFacts> {
    let names = Names::read(roots);
    let kernel = attribute::text(&roots.proc.join("sys/kernel/osrelease"));
    attribute::entries(&roots.sys.join("class/net"))
        .into_iter()
        .filter(|(_, folder)| folder.join("device").exists())
        .map(|(name, folder)| card(name, &folder, &names, &kernel))
        .collect()
}

fn card(name: String, folder: &Path, names: &Names, kernel: &str) -> NetworkCardFacts {
    let device = folder.join("device");
    let made = device::made(&device, names);
    let driver = driver(&device);
    // A driver that is part of the kernel has its version, as `ethtool -i` says too.
    let driver_version = match driver.as_str() {
        "" => String::new(),
        _ => attribute::first_known([
            attribute::text(&device.join("driver/module/version")),
            kernel.to_owned(),
        ]),
    };
    NetworkCardFacts {
        name,
        vendor: made.vendor,
        model: made.model,
        driver,
        driver_version,
        address: attribute::text(&folder.join("address")),
    }
}

/// The driver is a link to its folder.
fn driver(device: &Path) -> String {
    let folder = device.join("driver").canonicalize().unwrap_or_default();
    let name = folder.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
