//! What a process says of itself on `/metrics`.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use prometheus::{Encoder, HistogramVec, IntCounterVec, TextEncoder};

/// Requests by listener, route and outcome.
pub(crate) static REQUESTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    prometheus::register_int_counter_vec!(
        "aops_http_requests_total",
        "HTTP requests that were answered.",
        &["listener", "route", "status"]
    )
    .expect("registered once")
});

/// Time to the answer, by listener and route.
pub(crate) static DURATIONS: LazyLock<HistogramVec> = LazyLock::new(|| {
    prometheus::register_histogram_vec!(
        "aops_http_request_duration_seconds",
        "Time from the request's head to the answer's.",
        &["listener", "route"],
        vec![
            0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0
        ]
    )
    .expect("registered once")
});

/// GET /metrics: everything in the default registry of the `prometheus` crate.
pub(crate) async fn serve() -> HttpResponse {
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    if let Err(error) = encoder.encode(&prometheus::gather(), &mut text) {
        tracing::error!(%error, "metrics cannot be written");
        return HttpResponse::InternalServerError().finish();
    }
    HttpResponse::Ok().content_type(encoder.format_type()).body(text)
}
