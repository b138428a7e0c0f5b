//! Asks every collector and says how that went.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use prometheus::proto::MetricFamily;

use crate::collectors::Collector;
use crate::error::CollectError;
use crate::family::{gauge, label};

/// All collectors.
pub(crate) struct Gatherer {
    watched: Vec<Watched>,
}

/// A collector, and whether it failed the last time.
struct Watched {
    collector: Box<dyn Collector>,
    failing: AtomicBool,
}

impl Gatherer {
    pub(crate) fn new(collectors: Vec<Box<dyn Collector>>) -> Self {
        let watched = collectors
            .into_iter()
            .map(|collector| Watched {
                collector,
                failing: AtomicBool::new(false),
            })
            .collect();
        Self { watched }
    }

    /// What all collectors read now, sorted by name.
    pub(crate) fn gather(&self) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        let mut durations = Vec::new();
        let mut successes = Vec::new();
        for watched in &self.watched {
            let name = watched.collector.name();
            let started = Instant::now();
            let collected = watched.collector.collect();
            let elapsed = started.elapsed().as_secs_f64();
            watched.report(collected.as_ref().err());
            durations.push((vec![label("collector", name)], elapsed));
            successes.push((vec![label("collector", name)], f64::from(collected.is_ok())));
            families.extend(collected.unwrap_or_default());
        }
        families.push(gauge(
            "node_scrape_collector_duration_seconds",
            "node_exporter: Duration of a collector scrape.",
            durations,
        ));
        families.push(gauge(
            "node_scrape_collector_success",
            "node_exporter: Whether a collector succeeded.",
            successes,
        ));
        // The encoder refuses a family without metrics, and with it the whole page.
        families.retain(|family| !family.get_metric().is_empty());
        families.sort_by(|left, right| left.name().cmp(right.name()));
        families
    }
}

impl Watched {
    /// Logs when it begins or ceases to fail: scrapes come every few seconds.
    fn report(&self, error: Option<&CollectError>) {
        let name = self.collector.name();
        let failed_before = self.failing.swap(error.is_some(), Ordering::Relaxed);
        match error {
            Some(error) if !failed_before => {
                tracing::warn!(
                    collector = name,
                    error = aops_service::log::chain(error),
                    "a collector fails"
                );
            }
            None if failed_before => tracing::info!(collector = name, "a collector works again"),
            _ => {}
        }
    }
}
