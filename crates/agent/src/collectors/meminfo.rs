//! `node_memory_*` from `meminfo`: every field that the kernel has, known or not.

use std::path::{Path, PathBuf};

use prometheus::proto::MetricFamily;

use super::{Collector, read, unexpected};
use crate::error::CollectError;
use crate::family::plain_gauge;

/// Reads how memory is used.
pub(crate) struct MemoryCollector {
    path: PathBuf,
}

impl MemoryCollector {
    pub(crate) fn new(proc_root: &Path) -> Self {
        Self {
            path: proc_root.join("meminfo"),
        }
    }
}

impl Collector for MemoryCollector {
    fn name(&self) -> &'static str {
        "meminfo"
    }

    fn collect(&self) -> Result<Vec<MetricFamily>, CollectError> {
        // Not by procfs::Meminfo: it has the fields that it knows, and node_exporter has them all.
        let text = read(&self.path)?;
        let mut families = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (field, value) = read_line(line).ok_or_else(|| unexpected(&self.path, line))?;
            families.push(plain_gauge(
                &format!("node_memory_{field}"),
                &format!("Memory information field {field}."),
                value,
            ));
        }
        if families.is_empty() {
            return Err(unexpected(&self.path, &text));
        }
        Ok(families)
    }
}

/// `Active(anon): 12 kB` is 12288 of `Active_anon_bytes`; a line without a unit is a plain number under its own name.
fn read_line(line: &str) -> Option<(String, f64)> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (field, value, has_unit) = match words.as_slice() {
        [field, value] => (field, value, false),
        [field, value, "kB"] => (field, value, true),
        _ => return None,
    };
    let mut name: String = field
        .strip_suffix(':')?
        .trim_end_matches(')')
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '_'
            }
        })
        .collect();
    let mut value: f64 = value.parse().ok()?;
    if has_unit {
        name.push_str("_bytes");
        value *= 1024.0;
    }
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_meminfo() {
        for (line, name, value) in [
            ("MemTotal:       24684084 kB", "MemTotal_bytes", 25_276_502_016.0),
            ("Active(anon):       1552 kB", "Active_anon_bytes", 1_589_248.0),
            ("HugePages_Total:       3", "HugePages_Total", 3.0),
            ("Committed_AS:     602612 kB", "Committed_AS_bytes", 617_074_688.0),
        ] {
            assert_eq!(read_line(line), Some((name.to_owned(), value)), "{line}");
        }
        for line in [
            "MemTotal: 5 MB",
            "MemTotal 5 kB",
            "MemTotal:",
            "MemTotal: x kB",
            "a: 1 kB 2",
        ] {
            assert_eq!(read_line(line), None, "{line}");
        }
    }
}
