//! `node_uname_info`: names and versions of the system, from `sys/kernel`.

use std::path::{Path, PathBuf};

use prometheus::proto::MetricFamily;

use super::{Collector, read};
use crate::error::CollectError;
use crate::family::{gauge, label};

/// Labels and the files that hold their values, sorted by label.
const FILES: [(&str, &str); 5] = [
    ("domainname", "domainname"),
    ("nodename", "hostname"),
    ("release", "osrelease"),
    ("sysname", "ostype"),
    ("version", "version"),
];

/// Reads what `uname -a` would say.
pub(crate) struct UnameCollector {
    folder: PathBuf,
}

impl UnameCollector {
    pub(crate) fn new(proc_root: &Path) -> Self {
        Self {
            folder: proc_root.join("sys/kernel"),
        }
    }

    /// The file `arch` came with Linux 6.1; before, what the agent was built for is what it runs on.
    fn machine(&self) -> String {
        match read(&self.folder.join("arch")) {
            Ok(machine) => machine.trim_end().to_owned(),
            Err(_) => std::env::consts::ARCH.to_owned(),
        }
    }
}

impl Collector for UnameCollector {
    fn name(&self) -> &'static str {
        "uname"
    }

    fn collect(&self) -> Result<Vec<MetricFamily>, CollectError> {
        let mut labels = vec![label("machine", &self.machine())];
        for (name, file) in FILES {
            let value = read(&self.folder.join(file))?;
            labels.push(label(name, value.trim_end()));
        }
        labels.sort_by(|left, right| left.name().cmp(right.name()));
        Ok(vec![gauge(
            "node_uname_info",
            "Labeled system information as provided by the uname system call.",
            vec![(labels, 1.0)],
        )])
    }
}
