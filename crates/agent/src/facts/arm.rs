//! Names of Arm processors: `/proc/cpuinfo` has numbers only. The numbers are Arm's (register MIDR_EL1); names as in
//! `lscpu` of util-linux, but for Huawei's, which go by the name of the processor.

/// Who designed a processor, and names of its cores by part number.
struct Implementer {
    number: u32,
    name: &'static str,
    parts: &'static [(u32, &'static str)],
}

const IMPLEMENTERS: &[Implementer] = &[
    Implementer {
        number: 0x41,
        name: "ARM",
        parts: &[
            (0xd03, "Cortex-A53"),
            (0xd04, "Cortex-A35"),
            (0xd05, "Cortex-A55"),
            (0xd07, "Cortex-A57"),
            (0xd08, "Cortex-A72"),
            (0xd09, "Cortex-A73"),
            (0xd0a, "Cortex-A75"),
            (0xd0b, "Cortex-A76"),
            (0xd0c, "Neoverse-N1"),
            (0xd0d, "Cortex-A77"),
            (0xd40, "Neoverse-V1"),
            (0xd41, "Cortex-A78"),
            (0xd44, "Cortex-X1"),
            (0xd46, "Cortex-A510"),
            (0xd47, "Cortex-A710"),
            (0xd48, "Cortex-X2"),
            (0xd49, "Neoverse-N2"),
            (0xd4a, "Neoverse-E1"),
            (0xd4d, "Cortex-A715"),
            (0xd4e, "Cortex-X3"),
            (0xd4f, "Neoverse-V2"),
            (0xd80, "Cortex-A520"),
            (0xd81, "Cortex-A720"),
            (0xd82, "Cortex-X4"),
            (0xd83, "Neoverse-V3AE"),
            (0xd84, "Neoverse-V3"),
            (0xd8e, "Neoverse-N3"),
        ],
    },
    Implementer {
        number: 0x42,
        name: "Broadcom",
        parts: &[(0x100, "Brahma-B53"), (0x516, "ThunderX2")],
    },
    Implementer {
        number: 0x43,
        name: "Cavium",
        parts: &[
            (0x0a0, "ThunderX"),
            (0x0a1, "ThunderX-88XX"),
            (0x0a2, "ThunderX-81XX"),
            (0x0a3, "ThunderX-83XX"),
            (0x0af, "ThunderX2-99xx"),
            (0x0b8, "ThunderX3-T110"),
        ],
    },
    Implementer {
        number: 0x46,
        name: "Fujitsu",
        parts: &[(0x001, "A64FX"), (0x003, "MONAKA")],
    },
    Implementer {
        number: 0x48,
        name: "HiSilicon",
        parts: &[
            (0xd01, "Kunpeng-920"),
            (0xd02, "Kunpeng-920B"),
            (0xd40, "Cortex-A76"),
            (0xd41, "Cortex-A77"),
        ],
    },
    Implementer {
        number: 0x4e,
        name: "NVIDIA",
        parts: &[
            (0x000, "Denver"),
            (0x003, "Denver 2"),
            (0x004, "Carmel"),
            (0x010, "Olympus"),
        ],
    },
    Implementer {
        number: 0x50,
        name: "APM",
        parts: &[(0x000, "X-Gene")],
    },
    Implementer {
        number: 0x51,
        name: "Qualcomm",
        parts: &[(0x001, "Oryon"), (0xc00, "Falkor"), (0xc01, "Saphira")],
    },
    Implementer {
        number: 0x61,
        name: "Apple",
        parts: &[],
    },
    Implementer {
        number: 0x69,
        name: "Intel",
        parts: &[],
    },
    Implementer {
        number: 0x6d,
        name: "Microsoft",
        parts: &[(0xd49, "Azure-Cobalt-100")],
    },
    Implementer {
        number: 0x70,
        name: "Phytium",
        parts: &[
            (0x303, "FTC310"),
            (0x660, "FTC660"),
            (0x661, "FTC661"),
            (0x662, "FTC662"),
            (0x663, "FTC663"),
            (0x664, "FTC664"),
            (0x862, "FTC862"),
        ],
    },
    Implementer {
        number: 0xc0,
        name: "Ampere",
        parts: &[(0xac3, "Ampere-1"), (0xac4, "Ampere-1a"), (0xac5, "Ampere-1b")],
    },
];

/// Who designed it.
pub(super) fn implementer(number: u32) -> Option<&'static str> {
    find(number).map(|implementer| implementer.name)
}

/// What the core is called.
pub(super) fn part(implementer: u32, number: u32) -> Option<&'static str> {
    find(implementer)?
        .parts
        .iter()
        .find_map(|(part, name)| (*part == number).then_some(*name))
}

fn find(number: u32) -> Option<&'static Implementer> {
    IMPLEMENTERS
        .iter()
        .find(|implementer| implementer.number == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_there_once() {
        for (place, implementer) in IMPLEMENTERS.iter().enumerate() {
            let before = &IMPLEMENTERS[..place];
            assert!(before.iter().all(|other| other.number < implementer.number));
            assert!(implementer.parts.is_sorted_by(|left, right| left.0 < right.0));
        }
    }

    #[test]
    fn names() {
        assert_eq!(
            (implementer(0x48), part(0x48, 0xd01)),
            (Some("HiSilicon"), Some("Kunpeng-920"))
        );
        assert_eq!(part(0x41, 0xd0c), Some("Neoverse-N1"));
        assert_eq!((part(0x41, 0xfff), implementer(0xff)), (None, None));
    }
}
