//! Structured logs: text for people on a terminal, JSON lines everywhere else, always on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// What the libraries below say of their own workings is no news.
const QUIET: &str = "actix_server=warn";

/// Starts logging. `AOPS_LOG` overrides the level, in the syntax of `tracing` (`info,aops_bus=debug`).
pub fn start(default_level: &str) {
    let filter = EnvFilter::try_from_env("AOPS_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{default_level},{QUIET}")));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .init();
    }
}

/// An error and its causes in one line, outermost first.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut current = error.source();
    while let Some(cause) = current {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        current = cause.source();
    }
    text
}
