//! Caches of the processors: of all of them together, each cache once, however many share it.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Roots, attribute, quantity};

/// Sums by level and type.
#[derive(Debug, Default)]
pub(super) struct Caches(BTreeMap<(u64, Kind), u64>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Of data, or of both.
    Data,
    Instruction,
}

impl Caches {
    pub(super) fn read(roots: &Roots) -> Self {
        let mut distinct = BTreeMap::new();
        for (name, processor) in attribute::entries(&roots.sys.join("devices/system/cpu")) {
            let is_processor = name
                .strip_prefix("cpu")
                .is_some_and(|number| number.parse::<u32>().is_ok());
            if !is_processor {
                continue;
            }
            for (index, folder) in attribute::entries(&processor.join("cache")) {
                if !index.starts_with("index") {
                    continue;
                }
                let Some((level, kind, bytes)) = cache(&folder) else {
                    continue;
                };
                let sharers = attribute::text(&folder.join("shared_cpu_list"));
                // A kernel that does not say who shares it: each processor has its own.
                let whose = if sharers.is_empty() { name.clone() } else { sharers };
                distinct.insert((level, kind, whose), bytes);
            }
        }
        let mut sums = BTreeMap::new();
        for ((level, kind, _), bytes) in distinct {
            let sum: &mut u64 = sums.entry((level, kind)).or_default();
            *sum = sum.saturating_add(bytes);
        }
        Self(sums)
    }

    /// Such as `6 MiB`; empty where there is none.
    pub(super) fn size(&self, level: u64, kind: Kind) -> String {
        quantity::cache(self.0.get(&(level, kind)).copied().unwrap_or(0))
    }
}

fn cache(folder: &Path) -> Option<(u64, Kind, u64)> {
    let kind = match attribute::text(&folder.join("type")).as_str() {
        "Instruction" => Kind::Instruction,
        "Data" | "Unified" => Kind::Data,
        _ => return None,
    };
    let level = attribute::number(&folder.join("level"))?;
    let size = attribute::text(&folder.join("size"));
    let (number, unit) = match size.strip_suffix(['K', 'M', 'G']) {
        Some(number) => (number, &size[number.len()..]),
        None => (size.as_str(), ""),
    };
    let shift = match unit {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => 0,
    };
    let bytes = number.parse::<u64>().ok()?.checked_mul(1 << shift)?;
    Some((level, kind, bytes))
}
