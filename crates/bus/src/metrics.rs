//! Lag on `/metrics`: `aops_bus_lag{topic,group}`, in the default registry of the `prometheus` crate.

use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::Duration;

use prometheus::IntGaugeVec;

use crate::{Bus, BusError};

/// How often it is measured.
const INTERVAL: Duration = Duration::from_secs(5);

static LAG: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    prometheus::register_int_gauge_vec!(
        "aops_bus_lag",
        "Messages of a topic that a consumer group has not acknowledged, those at work included.",
        &["topic", "group"]
    )
    .expect("registered once")
});

/// Measures the lag and shows it. While it cannot be measured it is not shown: an old figure would deceive.
pub async fn update_lag(bus: &Bus, topic: &str, group: &str) -> Result<u64, BusError> {
    let outcome = bus.lag(topic, group).await;
    match &outcome {
        Ok(lag) => {
            let shown = i64::try_from(*lag).unwrap_or(i64::MAX);
            LAG.with_label_values(&[topic, group]).set(shown);
        }
        // An error means that it was not shown.
        Err(_) => drop(LAG.remove_label_values(&[topic, group])),
    }
    outcome
}

/// Shows the lag for ever: a loop for a service that consumes.
pub async fn watch_lag(bus: &Bus, topic: &str, group: &str) -> Infallible {
    loop {
        if let Err(error) = update_lag(bus, topic, group).await {
            tracing::debug!(topic, group, %error, "the lag cannot be measured");
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
