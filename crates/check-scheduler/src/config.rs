//! What can be set, and what is refused.

use aops_api::message::CHECK_EXECUTOR_GROUP;

use crate::error::SchedulerError;

/// Settings of the check scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Length of a window; windows begin and end at multiples of it.
    pub window_ms: i64,
    /// How long after its end a window is checked: by then its samples have arrived.
    pub evaluation_delay_ms: i64,
    /// Longest stretch that one message asks for when there is something to catch up.
    pub max_window_ms: i64,
    /// Further back than this is not caught up: it becomes a hole in the coverage.
    pub catch_up_limit_ms: i64,
    /// Pause between two looks while there is something to do or something is in the way.
    pub tick_ms: u64,
    /// Longest pause while the data center or the bus is away.
    pub longest_back_off_ms: u64,
    /// With more messages than this not yet executed, none is published.
    pub lag_limit: u64,
    /// The consumer group of the executors, whose lag is watched.
    pub executor_group: String,
}

impl Default for Config {
    /// For series that are scraped every 15 s.
    fn default() -> Self {
        Self {
            window_ms: 60_000,
            evaluation_delay_ms: 20_000,
            max_window_ms: 600_000,
            catch_up_limit_ms: 3_600_000,
            tick_ms: 1_000,
            longest_back_off_ms: 5_000,
            lag_limit: 1_000,
            executor_group: CHECK_EXECUTOR_GROUP.to_owned(),
        }
    }
}

impl Config {
    /// The defaults with the evaluation delay that fits a scrape interval: the interval and 5 s.
    pub fn for_scrape_interval(scrape_interval_ms: i64) -> Self {
        Self {
            evaluation_delay_ms: scrape_interval_ms.saturating_add(5_000),
            ..Self::default()
        }
    }

    /// Refuses what makes no sense, by name.
    pub fn check(&self) -> Result<(), SchedulerError> {
        let refuse = |field, reason| Err(SchedulerError::Config { field, reason });
        if self.window_ms < 1_000 {
            return refuse("window_ms", "must be at least 1000");
        }
        if self.evaluation_delay_ms < 0 {
            return refuse("evaluation_delay_ms", "must not be negative");
        }
        if self.max_window_ms < self.window_ms {
            return refuse("max_window_ms", "must be at least window_ms");
        }
        if self.catch_up_limit_ms < self.max_window_ms {
            return refuse("catch_up_limit_ms", "must be at least max_window_ms");
        }
        if self.tick_ms == 0 {
            return refuse("tick_ms", "must be at least 1");
        }
        if self.longest_back_off_ms < self.tick_ms {
            return refuse("longest_back_off_ms", "must be at least tick_ms");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_make_sense_and_nonsense_is_named() {
        Config::default().check().expect("sensible");
        assert_eq!(Config::for_scrape_interval(15_000), Config::default());
        let short = Config {
            max_window_ms: 59_999,
            ..Config::default()
        };
        let refusal = short.check().expect_err("refused").to_string();
        assert_eq!(
            refusal,
            "check-scheduler: max_window_ms must be at least window_ms"
        );
    }
}
