//! What the executor says of itself on `/metrics`.

use std::sync::LazyLock;

use prometheus::{Histogram, IntCounter, IntCounterVec};

/// Messages by what became of them: `acknowledged`, `retried`, `dead`.
pub(crate) static MESSAGES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    prometheus::register_int_counter_vec!(
        "aops_diagnose_messages_total",
        "Messages that ask for hosts to be diagnosed, by outcome.",
        &["outcome"]
    )
    .expect("registered once")
});

/// Reports saved.
pub(crate) static REPORTS: LazyLock<IntCounter> = LazyLock::new(|| {
    prometheus::register_int_counter!("aops_diagnose_reports_total", "Reports that were saved.")
        .expect("registered once")
});

/// Time from taking a message to having its reports saved.
pub(crate) static SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    prometheus::register_histogram!(
        "aops_diagnose_message_duration_seconds",
        "Time from taking a message to its outcome.",
        vec![
            0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0
        ]
    )
    .expect("registered once")
});
