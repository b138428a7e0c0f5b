//! Whether the server is away: said once when it begins and once when it ends, and told to all who wait.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

/// What the last queries met.
#[derive(Debug)]
pub(super) struct Outage {
    state: Mutex<State>,
    /// How often it was found away.
    found_away: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    last_answer: Option<Instant>,
    away_since: Option<Instant>,
    reason: String,
}

impl Outage {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            found_away: watch::Sender::new(0),
        }
    }

    /// Changes whenever the server is found away.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.found_away.subscribe()
    }

    /// Why it was found away the last time.
    pub(super) fn reason(&self) -> String {
        self.state().reason.clone()
    }

    /// A query was answered.
    pub(super) fn answered(&self, url: &str) {
        let mut state = self.state();
        state.last_answer = Some(Instant::now());
        if let Some(since) = state.away_since.take() {
            let seconds = since.elapsed().as_secs();
            tracing::info!(url, seconds, "Prometheus answers again");
        }
    }

    /// A query that began at `started` was not answered. When none was since, it is not the query: the server is away.
    pub(super) fn not_answered(&self, url: &str, started: Instant, reason: &str) {
        let mut state = self.state();
        if state.last_answer.is_some_and(|answer| answer >= started) {
            return;
        }
        if state.away_since.is_none() {
            state.away_since = Some(started);
            tracing::error!(url, reason, "Prometheus is away; series cannot be read");
        }
        state.reason = reason.to_owned();
        drop(state);
        self.found_away.send_modify(|count| *count += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_slow_query_among_answered_ones_is_no_outage() {
        let outage = Outage::new();
        let watch = outage.watch();
        let started = Instant::now();
        outage.answered("url");
        outage.not_answered("url", started, "slow");
        assert!(!watch.has_changed().expect("open"));
        tokio::task::yield_now().await;
        outage.not_answered(
            "url",
            Instant::now() + std::time::Duration::from_millis(1),
            "refused",
        );
        assert!(watch.has_changed().expect("open"));
        assert_eq!(outage.reason(), "refused");
    }
}
