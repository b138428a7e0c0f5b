//! What asking Prometheus says of itself on `/metrics`.

use std::sync::LazyLock;

use prometheus::{Histogram, IntCounter, IntCounterVec};

/// Queries by outcome.
pub(super) static QUERIES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    prometheus::register_int_counter_vec!(
        "aops_series_queries_total",
        "Queries to Prometheus, by outcome: answered, partial, too_much, refused, away.",
        &["outcome"]
    )
    .expect("registered once")
});

/// Time to the last byte of the answer, or to its failure.
pub(super) static DURATIONS: LazyLock<Histogram> = LazyLock::new(|| {
    prometheus::register_histogram!(
        "aops_series_query_duration_seconds",
        "Time from a query to Prometheus to the end of its answer.",
        vec![0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]
    )
    .expect("registered once")
});

/// Samples that were read.
pub(super) static SAMPLES: LazyLock<IntCounter> = LazyLock::new(|| {
    prometheus::register_int_counter!(
        "aops_series_samples_read_total",
        "Samples that Prometheus answered, those included that were not needed."
    )
    .expect("registered once")
});
