//! `node_cpu_seconds_total` and `node_cpu_guest_seconds_total` from `stat`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use prometheus::proto::MetricFamily;

use super::{Collector, read, unexpected};
use crate::error::CollectError;
use crate::family::{counter, label};

/// The columns of a `cpu` line in `stat`, in order. The last two are also contained in `user` and `nice`.
const MODES: [&str; 8] = [
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
];
const GUEST_MODES: [&str; 2] = ["user", "nice"];
const COLUMNS: usize = MODES.len() + GUEST_MODES.len();
const IDLE: usize = 3;

/// Idle time that falls by more than this is a processor that was taken out and put back: it counts from 0 again.
/// A smaller fall of any column is the kernel's rounding. node_exporter has the same limit.
const RESET_SECONDS: u64 = 3;

/// Ticks in each column.
type Ticks = [u64; COLUMNS];

/// Reads the time that each processor spent in each mode.
pub(crate) struct CpuCollector {
    path: PathBuf,
    ticks_per_second: u64,
    /// What was said last of each processor, by its number.
    last: Mutex<BTreeMap<u32, Ticks>>,
}

impl CpuCollector {
    pub(crate) fn new(proc_root: &Path) -> Self {
        Self {
            path: proc_root.join("stat"),
            ticks_per_second: procfs::ticks_per_second(),
            last: Mutex::new(BTreeMap::new()),
        }
    }

    /// `cpu12 1 2 3 …`: the processor's number and its columns. `None` for another line, the sum of all included.
    fn read_line(&self, line: &str) -> Result<Option<(u32, Ticks)>, CollectError> {
        let mut words = line.split_ascii_whitespace();
        let Some(number) = words.next().and_then(|word| word.strip_prefix("cpu")) else {
            return Ok(None);
        };
        if number.is_empty() {
            return Ok(None);
        }
        let number = number.parse().map_err(|_| unexpected(&self.path, line))?;
        // Old kernels have fewer columns: those count 0.
        let mut ticks = [0; COLUMNS];
        for (column, word) in ticks.iter_mut().zip(words) {
            *column = word.parse().map_err(|_| unexpected(&self.path, line))?;
        }
        Ok(Some((number, ticks)))
    }

    fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 / self.ticks_per_second as f64
    }
}

impl Collector for CpuCollector {
    fn name(&self) -> &'static str {
        "cpu"
    }

    fn collect(&self) -> Result<Vec<MetricFamily>, CollectError> {
        let text = read(&self.path)?;
        let mut current = BTreeMap::new();
        for line in text.lines() {
            if let Some((number, ticks)) = self.read_line(line)? {
                current.insert(number, ticks);
            }
        }
        if current.is_empty() {
            return Err(unexpected(&self.path, "no line begins with cpu0"));
        }
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            for (number, ticks) in &mut current {
                if let Some(before) = last.get(number) {
                    *ticks = never_falling(*before, *ticks, RESET_SECONDS * self.ticks_per_second);
                }
            }
            last.clone_from(&current);
        }

        let mut seconds = Vec::new();
        let mut guest_seconds = Vec::new();
        for (number, ticks) in &current {
            let number = number.to_string();
            let labels = |mode: &str| vec![label("cpu", &number), label("mode", mode)];
            let (host, guest) = ticks.split_at(MODES.len());
            for (mode, ticks) in MODES.iter().zip(host) {
                seconds.push((labels(mode), self.seconds(*ticks)));
            }
            for (mode, ticks) in GUEST_MODES.iter().zip(guest) {
                guest_seconds.push((labels(mode), self.seconds(*ticks)));
            }
        }
        Ok(vec![
            counter(
                "node_cpu_seconds_total",
                "Seconds the CPUs spent in each mode.",
                seconds,
            ),
            counter(
                "node_cpu_guest_seconds_total",
                "Seconds the CPUs spent in guests (VMs) for each mode.",
                guest_seconds,
            ),
        ])
    }
}

/// The kernel's idle and iowait can fall a little; a reader would take that for a restart of the counter and see a
/// burst that never was. So a column stays where it was until it passes that, unless the processor was reset.
fn never_falling(before: Ticks, now: Ticks, reset_ticks: u64) -> Ticks {
    if before[IDLE].saturating_sub(now[IDLE]) >= reset_ticks {
        return now;
    }
    let mut kept = now;
    for (column, before) in kept.iter_mut().zip(before) {
        *column = before.max(*column);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_fall_is_held_and_a_reset_is_not() {
        let before = [100, 0, 50, 9_000, 700, 0, 0, 0, 0, 0];
        let mut now = before;
        now[IDLE] = 8_999;
        now[4] = 690;
        now[0] = 101;
        let mut held = before;
        held[0] = 101;
        assert_eq!(never_falling(before, now, 300), held);

        let reset = [1, 0, 1, 8_700, 3, 0, 0, 0, 0, 0];
        assert_eq!(never_falling(before, reset, 300), reset);
    }

    #[test]
    fn lines_of_stat() {
        let collector = CpuCollector::new(Path::new("/proc"));
        let read = |line| collector.read_line(line);
        assert_eq!(read("cpu  1 2 3 4").expect("sum"), None);
        assert_eq!(read("intr 5 6").expect("other"), None);
        let old_kernel = [1, 2, 3, 4, 0, 0, 0, 0, 0, 0];
        assert_eq!(read("cpu7 1 2 3 4").expect("cpu"), Some((7, old_kernel)));
        let new_kernel = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        assert_eq!(
            read("cpu0 1 2 3 4 5 6 7 8 9 10 11").expect("cpu"),
            Some((0, new_kernel))
        );
        assert!(read("cpu0 1 x").is_err());
        assert!(read("cpux 1 2").is_err());
    }
}
