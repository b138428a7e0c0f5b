//! What the agent reads, one file for each collector, under node_exporter's names.

mod cpu;
mod loadavg;
mod meminfo;
mod stat;
mod time;
mod uname;

use std::fs;
use std::path::Path;

use prometheus::proto::MetricFamily;

use crate::AgentConfig;
use crate::error::CollectError;

/// Reads one thing at the moment of the scrape.
pub(crate) trait Collector: Send + Sync {
    /// Its name in `node_scrape_collector_*`.
    fn name(&self) -> &'static str;

    /// What it read, or why it could not.
    fn collect(&self) -> Result<Vec<MetricFamily>, CollectError>;
}

/// Every collector.
pub(crate) fn all(config: &AgentConfig) -> Vec<Box<dyn Collector>> {
    let root = config.proc_root.as_path();
    vec![
        Box::new(cpu::CpuCollector::new(root)),
        Box::new(loadavg::LoadAverageCollector::new(root)),
        Box::new(meminfo::MemoryCollector::new(root)),
        Box::new(stat::StatCollector::new(root)),
        Box::new(time::TimeCollector::new(config.clock.clone())),
        Box::new(uname::UnameCollector::new(root)),
    ]
}

fn read(path: &Path) -> Result<String, CollectError> {
    fs::read_to_string(path).map_err(|source| CollectError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The error for a line, or its absence, that the collector cannot make sense of.
fn unexpected(path: &Path, found: &str) -> CollectError {
    CollectError::Format {
        path: path.to_owned(),
        found: found.to_owned(),
    }
}
