//! `node_boot_time_seconds` from `stat`.

use std::path::{Path, PathBuf};

use procfs::prelude::*;
use procfs::{KernelStats, LocalSystemInfo};
use prometheus::proto::MetricFamily;

use super::Collector;
use crate::error::CollectError;
use crate::family::plain_gauge;

/// Reads what the kernel counts since boot.
pub(crate) struct StatCollector {
    path: PathBuf,
}

impl StatCollector {
    pub(crate) fn new(proc_root: &Path) -> Self {
        Self {
            path: proc_root.join("stat"),
        }
    }
}

impl Collector for StatCollector {
    fn name(&self) -> &'static str {
        "stat"
    }

    fn collect(&self) -> Result<Vec<MetricFamily>, CollectError> {
        let stats = KernelStats::from_file(&self.path, &LocalSystemInfo)?;
        Ok(vec![plain_gauge(
            "node_boot_time_seconds",
            "Node boot time, in unixtime.",
            stats.btime as f64,
        )])
    }
}
