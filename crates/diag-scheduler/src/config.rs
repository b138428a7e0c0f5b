//! What can be set, and what is refused.

use std::time::Duration;

use crate::error::DiagSchedulerError;

/// Settings of the diagnosis scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most reports that one task may ask for.
    pub max_reports: u64,
    /// How often unpublished tasks are looked for that no request told of: left behind by a crash.
    pub look_interval: Duration,
    /// Pause after a failure; doubled each time.
    pub first_back_off: Duration,
    /// Longest pause.
    pub longest_back_off: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_reports: 100_000,
            look_interval: Duration::from_secs(30),
            first_back_off: Duration::from_secs(1),
            longest_back_off: Duration::from_secs(5),
        }
    }
}

impl Config {
    /// Refuses what makes no sense, by name.
    pub fn check(&self) -> Result<(), DiagSchedulerError> {
        let refuse = |field, reason| Err(DiagSchedulerError::Config { field, reason });
        if self.max_reports == 0 {
            return refuse("max_reports", "must be at least 1");
        }
        if self.look_interval.is_zero() {
            return refuse("look_interval", "must not be zero");
        }
        if self.first_back_off.is_zero() {
            return refuse("first_back_off", "must not be zero");
        }
        if self.longest_back_off < self.first_back_off {
            return refuse("longest_back_off", "must be at least first_back_off");
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
        let short = Config {
            longest_back_off: Duration::from_millis(1),
            ..Config::default()
        };
        assert_eq!(
            short.check().expect_err("refused").to_string(),
            "diag-scheduler: longest_back_off must be at least first_back_off"
        );
    }
}
