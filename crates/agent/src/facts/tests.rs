//! Machines of several kinds, made of files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use super::smbios::structure;
use super::*;

/// A machine below a temporary folder.
struct Machine(tempfile::TempDir);

impl Machine {
    /// From a text: `=== path` and the file's lines, or `--> path target` for a link.
    fn of(text: &str) -> Self {
        let machine = Self(tempfile::tempdir().expect("a folder"));
        let mut file = None;
        for line in text.lines() {
            if let Some(path) = line.strip_prefix("=== ") {
                machine.write(path, b"");
                file = Some(path);
            } else if let Some(link) = line.strip_prefix("--> ") {
                let (path, target) = link.split_once(' ').expect("a path and a target");
                let path = machine.path().join(path);
                fs::create_dir_all(path.parent().expect("a folder")).expect("made");
                symlink(target, path).expect("linked");
            } else if let Some(path) = file {
                let path = machine.path().join(path);
                let before = fs::read_to_string(&path).expect("readable");
                fs::write(path, format!("{before}{line}\n")).expect("written");
            }
        }
        machine
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    }

    fn write_tables(&self, structures: &[Vec<u8>]) {
        self.write("sys/firmware/dmi/tables/DMI", &structures.concat());
    }

    fn config(&self, clock: Clock) -> AgentConfig {
        AgentConfig {
            proc_root: self.path().join("proc"),
            sys_root: self.path().join("sys"),
            etc_root: self.path().join("etc"),
            share_root: self.path().join("share"),
            clock,
        }
    }

    fn facts(&self) -> serde_json::Value {
        let facts = Facts::new(&self.config(Clock::manual(0))).current();
        serde_json::to_value(facts).expect("JSON")
    }
}

fn server() -> Machine {
    Machine::of(include_str!("../../tests/data/machines/server.txt"))
}

/// A module of 32 GB, DDR4, that could do 3200 MT/s and does 2933.
fn module(manufacturer: &str) -> Vec<u8> {
    let fields: &[(usize, &[u8])] = &[
        (0x0c, &[0xff, 0x7f]),
        (0x10, &[1]),
        (0x12, &[0x1a]),
        (0x15, &[0x80, 0x0c]),
        (0x17, &[2]),
        (0x1c, &[0, 0x80, 0, 0]),
        (0x20, &[0x75, 0x0b]),
    ];
    structure(17, fields, &["A1", manufacturer])
}

fn empty_slot() -> Vec<u8> {
    structure(
        17,
        &[(0x0c, &[0, 0]), (0x17, &[1]), (0x20, &[0, 0])],
        &["NO DIMM"],
    )
}

#[test]
fn a_server_with_two_modules() {
    let machine = server();
    machine.write_tables(&[
        structure(0, &[(4, &[1]), (5, &[2])], &["Dell Inc.", "2.8.2"]),
        module("Samsung"),
        empty_slot(),
        module("Hynix Semiconductor"),
        structure(127, &[(2, &[0, 0])], &[]),
    ]);
    let expected = json!({
        "os": {
            "name": "openEuler 20.03 (LTS-SP3)",
            "kernel_version": "4.19.90-2112.8.0.0131.oe1.x86_64",
            "bios_verison": "2.8.2",
        },
        "cpu": {
            "architecture": "x86_64",
            "core_count": 4,
            "model_name": "Intel(R) Xeon(R) Gold 6226R CPU @ 2.90GHz",
            "verdor_id": "GenuineIntel",
            "frequency": "3900 MHz",
            // Two cores of two threads each.
            "l1d_cache": "64 KiB",
            "l1i_cache": "64 KiB",
            "l2_cache": "2 MiB",
            "l3_cache": "22 MiB",
        },
        "memory": {
            "size": "64 GB",
            "total": 2,
            "info": [
                {"size": "32 GB", "type": "DDR4", "speed": "2933 MT/s", "manufacturer": "Samsung"},
                {"size": "32 GB", "type": "DDR4", "speed": "2933 MT/s", "manufacturer": "Hynix Semiconductor"},
            ],
        },
        "disks": [
            {
                "name": "nvme0n1",
                "vendor": "Samsung Electronics Co Ltd",
                "model": "SAMSUNG MZWLJ1T9HBJR-00007",
                "size": "1.92 TB",
            },
            {"name": "sda", "vendor": "DELL", "model": "PERC H730P Mini", "size": "1.2 TB"},
            {"name": "sdb", "vendor": "Intel", "model": "SSDSC2KB480G8R", "size": "480 GB"},
        ],
        "network_cards": [
            {
                "name": "eno1",
                "vendor": "Intel Corporation",
                "model": "Ethernet Controller X710 for 10GbE SFP+",
                "driver": "i40e",
                "driver_version": "2.8.20-k",
                "address": "e4:43:4b:00:00:01",
            },
            {
                "name": "usb0",
                "vendor": "Realtek",
                "model": "USB 10/100/1000 LAN",
                "driver": "r8152",
                "driver_version": "4.19.90-2112.8.0.0131.oe1.x86_64",
                "address": "00:e0:4c:00:00:02",
            },
        ],
        "board": {"vendor": "Dell Inc.", "model": "0X3K7F"},
    });
    assert_eq!(machine.facts(), expected);
}

#[test]
fn without_the_tables_modules_are_unknown() {
    let expected = json!({"size": "62.4 GB", "total": 0, "info": []});
    assert_eq!(server().facts()["memory"], expected);
}

#[test]
fn a_kunpeng_has_a_name() {
    let machine = Machine::of(include_str!("../../tests/data/machines/kunpeng.txt"));
    let facts = machine.facts();
    let expected = json!({
        "architecture": "aarch64",
        "core_count": 8,
        "model_name": "Kunpeng-920",
        "verdor_id": "HiSilicon",
        "frequency": "2600 MHz",
        "l1d_cache": "512 KiB",
        "l1i_cache": "512 KiB",
        "l2_cache": "4 MiB",
        "l3_cache": "64 MiB",
    });
    assert_eq!(facts["cpu"], expected);
    assert_eq!(facts["os"]["name"], "openEuler 20.09");
    assert_eq!(facts["os"]["bios_verison"], "1.75");
    assert_eq!(facts["memory"]["size"], "255 GB");
    assert_eq!(facts["board"], json!({"vendor": "Huawei", "model": "BC82AMDDA"}));
    // There is no list of names on it.
    let expected = json!([{
        "name": "enp125s0f0",
        "vendor": "Huawei Technologies Co., Ltd.",
        "model": "0xa222",
        "driver": "hns3",
        "driver_version": "4.19.140-2009.4.0.0048.oe1.aarch64",
        "address": "44:67:47:00:00:01",
    }]);
    assert_eq!(facts["network_cards"], expected);
    let expected = json!([{"name": "vda", "vendor": "Red Hat, Inc.", "model": "0x1001", "size": "10.7 GB"}]);
    assert_eq!(facts["disks"], expected);
}

#[test]
fn what_the_tables_say_fills_gaps() {
    let machine = Machine::of("=== proc/cpuinfo\nprocessor : 0\nCPU implementer : 0x48\nCPU part : 0xfff\n");
    machine.write_tables(&[
        structure(0, &[(4, &[1]), (5, &[2])], &["Huawei Corp.", "0.98"]),
        structure(2, &[(4, &[1]), (5, &[2])], &["Huawei", "BC82AMDD"]),
        structure(
            4,
            &[(7, &[1]), (0x10, &[2]), (0x14, &[0, 0x10]), (0x16, &[0x28, 0x0a])],
            &["HiSilicon", "Kunpeng 920-6426"],
        ),
    ]);
    let facts = machine.facts();
    assert_eq!(facts["os"]["bios_verison"], "0.98");
    assert_eq!(facts["board"], json!({"vendor": "Huawei", "model": "BC82AMDD"}));
    assert_eq!(facts["cpu"]["model_name"], "Kunpeng 920-6426");
    assert_eq!(facts["cpu"]["frequency"], "2600 MHz");
}

#[test]
fn a_machine_of_large_and_small_cores() {
    let core =
        |number, part| format!("processor\t: {number}\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\n");
    let cores = [core(0, "0xd05"), core(1, "0xd05"), core(2, "0xd41")].concat();
    let machine = Machine::of(&format!(
        "=== proc/cpuinfo\n{cores}\n=== proc/device-tree/model\nRock 5\0\n"
    ));
    let facts = machine.facts();
    assert_eq!(facts["cpu"]["model_name"], "Cortex-A55 + Cortex-A78");
    assert_eq!(facts["board"]["model"], "Rock 5");
}

#[test]
fn a_container_has_nothing() {
    let facts = Machine::of("").facts();
    let mut expected = serde_json::to_value(HostFacts::default()).expect("JSON");
    expected["cpu"]["architecture"] = json!(std::env::consts::ARCH);
    assert_eq!(facts, expected);
}

#[test]
fn what_was_found_is_served_for_ten_minutes() {
    let machine = Machine::of("=== proc/sys/kernel/osrelease\n1\n");
    let clock = Clock::manual(5_000_000);
    let facts = Facts::new(&machine.config(clock.clone()));
    let release = || facts.current().os.kernel_version;
    assert_eq!(release(), "1");
    machine.write("proc/sys/kernel/osrelease", b"2\n");
    clock.advance(KEPT_MS - 1);
    assert_eq!(release(), "1");
    clock.advance(1);
    assert_eq!(release(), "2");
    // A clock that was set back does not keep them for longer.
    machine.write("proc/sys/kernel/osrelease", b"3\n");
    clock.advance(-1);
    assert_eq!(release(), "3");
}

#[test]
fn this_machine_is_read() {
    let facts = Facts::new(&AgentConfig::default()).current();
    assert_eq!(facts.cpu.architecture, std::env::consts::ARCH);
    assert!(facts.cpu.core_count > 0);
    assert!(!facts.os.kernel_version.is_empty());
    assert!(!facts.memory.size.is_empty());
}
