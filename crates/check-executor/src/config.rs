//! What can be set, and what is refused.

use std::time::Duration;

use aops_api::message::CHECK_EXECUTOR_GROUP;

use crate::error::ExecutorError;

/// Settings of the check executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many messages are worked on at the same time.
    pub parallel: usize,
    /// Name of the consumer group; the scheduler watches its lag.
    pub group: String,
    /// How often series are scraped as a rule; series that are scraped more seldom cost a second fetch once.
    pub scrape_interval_ms: i64,
    /// The series of how many hosts are fetched in one request at most.
    pub fetch_limit: usize,
    /// How many judged windows are saved in one request at most.
    pub save_limit: usize,
    /// How much may be kept in memory between windows, in bytes; what does not fit is fetched again for each window.
    pub memory_limit_bytes: usize,
    /// Longest window that is judged; a message that asks for more is refused.
    pub longest_window_ms: i64,
    /// Pause before a message is tried again; doubled each time.
    pub first_back_off: Duration,
    /// Longest pause.
    pub longest_back_off: Duration,
    /// A message that fails at this attempt or later, though nothing is away, becomes a dead letter: the next of its
    /// shard waits behind it. One that meets an outage never does.
    pub refusal_limit: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            parallel: 2,
            group: CHECK_EXECUTOR_GROUP.to_owned(),
            scrape_interval_ms: 15_000,
            fetch_limit: 200,
            save_limit: 500,
            memory_limit_bytes: 1 << 30,
            longest_window_ms: 86_400_000,
            first_back_off: Duration::from_secs(1),
            longest_back_off: Duration::from_secs(60),
            // About a quarter of an hour of pauses: a restart or a full disk may be over by then.
            refusal_limit: 20,
        }
    }
}

impl Config {
    /// Refuses what makes no sense, by name.
    pub fn check(&self) -> Result<(), ExecutorError> {
        let refuse = |field, reason| Err(ExecutorError::Config { field, reason });
        if self.parallel == 0 {
            return refuse("parallel", "must be at least 1");
        }
        if self.scrape_interval_ms < 1 {
            return refuse("scrape_interval_ms", "must be at least 1");
        }
        if self.fetch_limit == 0 {
            return refuse("fetch_limit", "must be at least 1");
        }
        if self.save_limit == 0 {
            return refuse("save_limit", "must be at least 1");
        }
        if self.longest_window_ms < 1_000 {
            return refuse("longest_window_ms", "must be at least 1000");
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
}
