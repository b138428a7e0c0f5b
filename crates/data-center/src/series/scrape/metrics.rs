//! What the scraper says of itself on `/metrics`.

use std::sync::LazyLock;

use prometheus::{IntCounter, IntCounterVec};

/// Scrapes by outcome.
pub(super) static SCRAPES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    prometheus::register_int_counter_vec!(
        "aops_scrapes_total",
        "Scrapes, by outcome: up, down, or not_stored.",
        &["outcome"]
    )
    .expect("registered once")
});

/// Samples over the limit of a scrape.
pub(super) static DROPPED: LazyLock<IntCounter> = LazyLock::new(|| {
    prometheus::register_int_counter!(
        "aops_scrape_samples_dropped_total",
        "Samples that were dropped because a scrape had more than its limit."
    )
    .expect("registered once")
});
