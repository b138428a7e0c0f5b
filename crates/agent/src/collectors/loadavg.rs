//! `node_load1`, `node_load5`, `node_load15` from `loadavg`.

use std::path::{Path, PathBuf};

use prometheus::proto::MetricFamily;

use super::{Collector, read, unexpected};
use crate::error::CollectError;
use crate::family::plain_gauge;

const METRICS: [(&str, &str); 3] = [
    ("node_load1", "1m load average."),
    ("node_load5", "5m load average."),
    ("node_load15", "15m load average."),
];

/// Reads the load averages.
pub(crate) struct LoadAverageCollector {
    path: PathBuf,
}

impl LoadAverageCollector {
    pub(crate) fn new(proc_root: &Path) -> Self {
        Self {
            path: proc_root.join("loadavg"),
        }
    }
}

impl Collector for LoadAverageCollector {
    fn name(&self) -> &'static str {
        "loadavg"
    }

    fn collect(&self) -> Result<Vec<MetricFamily>, CollectError> {
        // Not by procfs::LoadAverage: its 32 bits make 0.95999998 of 0.96.
        let text = read(&self.path)?;
        let mut words = text.split_ascii_whitespace();
        let mut families = Vec::with_capacity(METRICS.len());
        for (name, help) in METRICS {
            let load = words.next().and_then(|word| word.parse().ok());
            let load = load.ok_or_else(|| unexpected(&self.path, &text))?;
            families.push(plain_gauge(name, help, load));
        }
        Ok(families)
    }
}
