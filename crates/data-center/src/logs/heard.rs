//! When a shipper was heard. Pure.

use aops_api::TimeRange;

/// How many heartbeats may be missing before a shipper is silent.
const MISSING_HEARTBEATS: i64 = 3;

/// For how long a heartbeat speaks.
pub(super) fn patience_ms(heartbeat_interval_ms: i64) -> i64 {
    heartbeat_interval_ms.saturating_mul(MISSING_HEARTBEATS)
}

/// The parts of a range where no heartbeat spoke: one at `t` speaks in `[t, t + patience)`.
pub(super) fn unheard(heartbeats_ms: &[i64], range: TimeRange, patience_ms: i64) -> Vec<TimeRange> {
    let mut heard: Vec<TimeRange> = heartbeats_ms
        .iter()
        .map(|time_ms| TimeRange::new(*time_ms, time_ms.saturating_add(patience_ms)))
        .collect();
    heard.sort_unstable();
    range.without(&heard)
}

/// Whether a heartbeat says that its shipper ships a stream.
pub(super) fn names_stream(heartbeat: &str, stream: &str) -> bool {
    heartbeat.split_whitespace().any(|named| named == stream)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_moment_is_heard_if_a_heartbeat_came_shortly_before(
            heartbeats in proptest::collection::vec(-20..60_i64, 0..8), start in 0..40_i64, length in 0..40_i64,
            patience in 1..12_i64,
        ) {
            let range = TimeRange::new(start, start + length);
            let silent = unheard(&heartbeats, range, patience);
            for moment in -20..90 {
                let spoken = heartbeats.iter().any(|time| (moment - patience + 1..=moment).contains(time));
                let expected = range.contains(moment) && !spoken;
                prop_assert_eq!(silent.iter().any(|range| range.contains(moment)), expected, "at {}", moment);
            }
        }
    }

    #[test]
    fn streams_are_named_whole() {
        assert!(names_stream("messages dmesg\n", "dmesg"));
        assert!(!names_stream("messages", "mess"));
        assert!(!names_stream("", ""));
    }
}
