//! Half-open ranges and durations.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A half-open range `[start, end)` of UTC milliseconds; on the wire `[start, end]` as a list of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeRange {
    /// First millisecond inside.
    pub start_ms: i64,
    /// First millisecond after.
    pub end_ms: i64,
}

impl TimeRange {
    /// A range; empty when `end_ms <= start_ms`.
    #[inline]
    pub const fn new(start_ms: i64, end_ms: i64) -> Self {
        Self { start_ms, end_ms }
    }

    /// Whether no millisecond lies inside.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.end_ms <= self.start_ms
    }

    /// Its length in milliseconds, 0 when empty.
    pub fn duration_ms(self) -> i64 {
        self.end_ms.saturating_sub(self.start_ms).max(0)
    }

    /// Whether the moment lies inside.
    pub const fn contains(self, time_ms: i64) -> bool {
        self.start_ms <= time_ms && time_ms < self.end_ms
    }

    /// Whether the two share a millisecond.
    pub fn overlaps(self, other: TimeRange) -> bool {
        !self.intersect(other).is_empty()
    }

    /// What both contain; empty when they share nothing.
    #[inline]
    pub fn intersect(self, other: TimeRange) -> TimeRange {
        TimeRange::new(self.start_ms.max(other.start_ms), self.end_ms.min(other.end_ms))
    }

    /// What is left of this range when `others` (sorted, not overlapping) are taken away.
    pub fn without(self, others: &[TimeRange]) -> Vec<TimeRange> {
        let mut left = Vec::new();
        let mut from = self.start_ms;
        for other in others.iter().filter(|other| other.overlaps(self)) {
            if from < other.start_ms {
                left.push(TimeRange::new(from, other.start_ms));
            }
            from = from.max(other.end_ms);
        }
        if from < self.end_ms {
            left.push(TimeRange::new(from, self.end_ms));
        }
        left
    }
}

impl Serialize for TimeRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.start_ms, self.end_ms).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TimeRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (start_ms, end_ms) = <(i64, i64)>::deserialize(deserializer)?;
        Ok(Self::new(start_ms, end_ms))
    }
}

/// A duration written as text with a unit: `500ms`, `30s`, `5m`, `2h`, `1d`, also with a fraction (`0.5m`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DurationText {
    /// The duration.
    pub milliseconds: i64,
}

impl DurationText {
    const UNITS: [(&'static str, i64); 5] = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
    ];

    /// Reads a text; the error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refuse = || format!("'{text}' is not a duration such as 30s, 5m or 2h");
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = &text[digits.len()..];
        let (_, scale) = Self::UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(refuse)?;
        let number: f64 = digits.parse().map_err(|_| refuse())?;
        let milliseconds = number * *scale as f64;
        if !milliseconds.is_finite() || !(0.0..=3.2e12).contains(&milliseconds) {
            return Err(refuse());
        }
        Ok(Self {
            milliseconds: milliseconds.round() as i64,
        })
    }
}

impl fmt::Display for DurationText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, scale) = Self::UNITS
            .iter()
            .rev()
            .find(|(_, scale)| self.milliseconds % scale == 0)
            .unwrap_or(&Self::UNITS[0]);
        write!(formatter, "{}{unit}", self.milliseconds / scale)
    }
}

impl Serialize for DurationText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_leaves_the_holes() {
        let range = TimeRange::new(0, 100);
        let taken = [
            TimeRange::new(-5, 10),
            TimeRange::new(20, 30),
            TimeRange::new(90, 200),
        ];
        assert_eq!(
            range.without(&taken),
            [TimeRange::new(10, 20), TimeRange::new(30, 90)]
        );
        assert_eq!(range.without(&[]), [range]);
        assert_eq!(range.without(&[TimeRange::new(0, 100)]), []);
    }

    #[test]
    fn durations_read_and_write() {
        for (text, milliseconds, back) in [
            ("30s", 30_000, "30s"),
            ("0.5m", 30_000, "30s"),
            ("1d", 86_400_000, "1d"),
            ("1500ms", 1_500, "1500ms"),
        ] {
            let duration = DurationText::parse(text).expect(text);
            assert_eq!(duration.milliseconds, milliseconds);
            assert_eq!(duration.to_string(), back);
        }
        for text in ["", "5", "m", "-5m", "5 m", "infs", "5w"] {
            assert!(DurationText::parse(text).is_err(), "{text}");
        }
    }
}
