//! What the executor says of itself on `/metrics`.

use std::sync::LazyLock;

use prometheus::{Histogram, IntCounter, IntCounterVec, IntGauge};

/// Messages by what became of them: `acknowledged`, `retried`, `dead`.
pub(crate) static MESSAGES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    prometheus::register_int_counter_vec!(
        "aops_check_messages_total",
        "Messages that ask for a window to be checked, by outcome.",
        &["outcome"]
    )
    .expect("registered once")
});

/// Windows judged: one for each rule and host of a message.
pub(crate) static WINDOWS: LazyLock<IntCounter> = LazyLock::new(|| {
    prometheus::register_int_counter!(
        "aops_check_windows_judged_total",
        "Windows that were judged, one for each rule and host."
    )
    .expect("registered once")
});

/// Memory that is kept between windows.
pub(crate) static MEMORY: LazyLock<IntGauge> = LazyLock::new(|| {
    prometheus::register_int_gauge!(
        "aops_check_memory_bytes",
        "Recent samples and states that are kept between windows, in bytes."
    )
    .expect("registered once")
});

/// Shards whose memory did not fit.
pub(crate) static FORGOTTEN: LazyLock<IntCounter> = LazyLock::new(|| {
    prometheus::register_int_counter!(
        "aops_check_memory_forgotten_total",
        "Memories of shards that were not kept because the limit was reached; their history is fetched again."
    )
    .expect("registered once")
});

/// Time from taking a message to having its findings saved.
pub(crate) static SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    prometheus::register_histogram!(
        "aops_check_message_duration_seconds",
        "Time from taking a message to its outcome.",
        vec![0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0]
    )
    .expect("registered once")
});
