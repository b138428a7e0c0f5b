//! `node_time_seconds`: what the machine takes for the time.

use aops_service::Clock;
use prometheus::proto::MetricFamily;

use super::Collector;
use crate::error::CollectError;
use crate::family::plain_gauge;

/// Reads the clock.
pub(crate) struct TimeCollector {
    clock: Clock,
}

impl TimeCollector {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock }
    }
}

impl Collector for TimeCollector {
    fn name(&self) -> &'static str {
        "time"
    }

    fn collect(&self) -> Result<Vec<MetricFamily>, CollectError> {
        Ok(vec![plain_gauge(
            "node_time_seconds",
            "System time in seconds since epoch (1970).",
            self.clock.now_ms() as f64 / 1000.0,
        )])
    }
}
