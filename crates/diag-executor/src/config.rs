//! What can be set, and what is refused.

use std::time::Duration;

use aops_api::message::DIAG_EXECUTOR_GROUP;

use crate::error::DiagExecutorError;

/// Settings of the diagnosis executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many jobs are worked on at the same time.
    pub parallel: usize,
    /// Name of the consumer group.
    pub group: String,
    /// Scrape interval that is assumed before series have told theirs.
    pub scrape_interval_ms: i64,
    /// Longest stretch for which series are fetched at once.
    pub fetch_window_ms: i64,
    /// How many slices are diagnosed at once.
    pub slices_at_once: usize,
    /// How many bytes of reports are saved in one request, more or less.
    pub save_bytes: usize,
    /// Pause before a job is tried again; doubled each time.
    pub first_back_off: Duration,
    /// Longest pause.
    pub longest_back_off: Duration,
    /// A job that fails at this attempt or later, though nothing is away, is given up: its reports say that the
    /// diagnosis failed. One that meets an outage never is.
    pub refusal_limit: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            parallel: 2,
            group: DIAG_EXECUTOR_GROUP.to_owned(),
            scrape_interval_ms: 15_000,
            fetch_window_ms: 6 * 3_600_000,
            slices_at_once: 100,
            save_bytes: 8 * 1024 * 1024,
            first_back_off: Duration::from_secs(1),
            longest_back_off: Duration::from_secs(60),
            // About a quarter of an hour of pauses: a restart or a full disk may be over by then.
            refusal_limit: 20,
        }
    }
}

impl Config {
    /// Refuses what makes no sense, by name.
    pub fn check(&self) -> Result<(), DiagExecutorError> {
        let refuse = |field, reason| Err(DiagExecutorError::Config { field, reason });
        if self.parallel == 0 {
            return refuse("parallel", "must be at least 1");
        }
        if self.scrape_interval_ms < 1 {
            return refuse("scrape_interval_ms", "must be at least 1");
        }
        if self.fetch_window_ms < 1_000 {
            return refuse("fetch_window_ms", "must be at least 1000");
        }
        if self.slices_at_once == 0 {
            return refuse("slices_at_once", "must be at least 1");
        }
        if self.first_back_off.is_zero() {
            return refuse("first_back_off", "must not be zero");
        }
        if self.longest_back_off < self.first_back_off {
            return refuse("longest_back_off", "must be at least first_back_off");
        }
        Ok(())
    }

    /// The pause after an attempt, counted from 1.
    pub(crate) fn back_off(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        self.first_back_off
            .saturating_mul(1 << doublings)
            .min(self.longest_back_off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_the_longest() {
        let config = Config::default();
        config.check().expect("sensible");
        let seconds = [1, 2, 3, 6, 7, 8, u32::MAX].map(|attempt| config.back_off(attempt).as_secs());
        assert_eq!(seconds, [1, 2, 4, 32, 60, 60, 60]);
        let pauses: Duration = (1..config.refusal_limit)
            .map(|attempt| config.back_off(attempt))
            .sum();
        assert_eq!(pauses.as_secs(), 843, "about a quarter of an hour");
    }

    #[test]
    fn nonsense_is_named() {
        let config = Config {
            slices_at_once: 0,
            ..Config::default()
        };
        assert_eq!(
            config.check().expect_err("refused").to_string(),
            "diag-executor: slices_at_once must be at least 1"
        );
    }
}
