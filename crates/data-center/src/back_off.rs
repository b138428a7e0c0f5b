//! How long to wait before trying again.

use std::time::Duration;

use aops_service::random;

/// Pauses that double, each shortened at random, so that what failed together does not come back together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BackOff {
    /// The first pause at its longest.
    pub(crate) first: Duration,
    /// No pause is longer.
    pub(crate) longest: Duration,
}

/// While an engine is away.
pub(crate) const OUTAGE: BackOff = BackOff {
    first: Duration::from_millis(200),
    longest: Duration::from_secs(5),
};

impl BackOff {
    /// The pause after so many failures in a row.
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        let digits = random::id();
        let number = u32::from_str_radix(&digits[..8], 16).unwrap_or(0);
        self.pause_at(failures, f64::from(number) / f64::from(u32::MAX))
    }

    /// Between half of the pause and all of it, by a number from 0 to 1.
    fn pause_at(&self, failures: u32, number: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let pause = self.first.saturating_mul(1 << doublings).min(self.longest);
        pause.mul_f64(0.5 + number / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let longest =
            [1, 2, 3, 5, 6, 1_000, u32::MAX].map(|failures| OUTAGE.pause_at(failures, 1.0).as_millis());
        assert_eq!(longest, [200, 400, 800, 3_200, 5_000, 5_000, 5_000]);
        assert_eq!(OUTAGE.pause_at(1, 0.0).as_millis(), 100);
        let pause = OUTAGE.pause(2).as_millis();
        assert!((200..=400).contains(&pause), "{pause}");
    }
}
