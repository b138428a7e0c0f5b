//! How moments are read and shown: local time, always with its offset.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, fmt};

/// The form of the design.
const COMPACT_FORM: &str = "%Y%m%d-%H:%M:%S";
const SHOWN_FORM: &str = "%Y-%m-%d %H:%M:%S%.f%:z";

/// The moment of the call, and where the person is.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    pub(crate) now: Timestamp,
    pub(crate) zone: TimeZone,
}

/// Reads `YYYYMMDD-HH:MM:SS` in local time, seconds since 1970, or RFC 3339. The answer is in seconds, rounded down.
pub(crate) fn parse(text: &str, zone: &TimeZone) -> Result<i64, String> {
    let moment = read(text, zone)?;
    Ok(moment.as_second() - i64::from(moment.subsec_nanosecond() < 0))
}

/// The same in milliseconds, rounded.
pub(crate) fn parse_ms(text: &str, zone: &TimeZone) -> Result<i64, String> {
    const NANOSECONDS: i128 = 1_000_000;
    let nanoseconds = read(text, zone)?.as_nanosecond();
    let milliseconds = (nanoseconds + NANOSECONDS / 2).div_euclid(NANOSECONDS);
    i64::try_from(milliseconds).map_err(|_| refusal(text))
}

fn refusal(text: &str) -> String {
    format!(
        "'{text}' is not a time; write YYYYMMDD-HH:MM:SS (local time), seconds since 1970, or RFC 3339 such as \
         2026-11-21T10:11:12Z"
    )
}

fn read(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let refuse = || refusal(text);
    let is_number = text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_number {
        let seconds: f64 = text.parse().map_err(|_| refuse())?;
        return Timestamp::from_duration(duration_of(seconds)).map_err(|_| refuse());
    }
    if let Ok(local) = DateTime::strptime(COMPACT_FORM, text) {
        // Twice a year a local time may not exist, or exist twice: only the person knows which one is meant.
        return zone.to_ambiguous_timestamp(local).unambiguous().map_err(|_| {
            format!(
                "'{text}' exists twice or not at all, because clocks change; write it with its offset, as RFC 3339"
            )
        });
    }
    let parser = fmt::temporal::DateTimeParser::new();
    parser.parse_timestamp(text).map_err(|_| refuse())
}

/// Saturates, at what is no moment any more.
fn duration_of(seconds: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::MAX)
}

/// `2026-11-21 10:11:12+01:00`
pub(crate) fn show(seconds: i64, zone: &TimeZone) -> String {
    show_ms(seconds.saturating_mul(1_000), zone)
}

/// The same, with a fraction where there is one: `2026-11-21 10:11:12.5+01:00`
pub(crate) fn show_ms(milliseconds: i64, zone: &TimeZone) -> String {
    match Timestamp::from_millisecond(milliseconds) {
        Ok(moment) => moment.to_zoned(zone.clone()).strftime(SHOWN_FORM).to_string(),
        // Beyond the year 9999, where nothing we ask for lies; still no reason to fail.
        Err(_) => format!("{} s", milliseconds / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("valid")
    }

    #[test]
    fn the_three_forms_are_one_moment() {
        let expected = 1_795_252_272;
        for text in [
            "20261121-10:11:12",
            "1795252272",
            "2026-11-21T10:11:12+01:00",
            "2026-11-21T09:11:12Z",
            "2026-11-21T09:11:12.9Z",
        ] {
            assert_eq!(parse(text, &berlin()), Ok(expected), "{text}");
        }
        assert_eq!(show(expected, &berlin()), "2026-11-21 10:11:12+01:00");
        assert_eq!(show(expected, &TimeZone::UTC), "2026-11-21 09:11:12+00:00");
    }

    #[test]
    fn milliseconds_are_kept_where_they_matter() {
        for (text, expected) in [
            ("1060", 1_060_000),
            ("1060.5", 1_060_500),
            ("1060.0006", 1_060_001),
            ("1970-01-01T00:17:40.25Z", 1_060_250),
            ("19700101-01:17:40", 1_060_000),
        ] {
            assert_eq!(parse_ms(text, &berlin()), Ok(expected), "{text}");
        }
        assert_eq!(parse("1060.9", &berlin()), Ok(1_060));
        assert_eq!(show_ms(1_060_250, &TimeZone::UTC), "1970-01-01 00:17:40.25+00:00");
        for text in ["1.2.3", ".5", "1e3"] {
            assert!(parse_ms(text, &berlin()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_that_exists_twice_or_never_is_refused() {
        for text in ["20261025-02:30:00", "20260329-02:30:00"] {
            let refusal = parse(text, &berlin()).expect_err(text);
            assert!(refusal.contains("exists twice or not at all"), "{refusal}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "20261121",
            "20261321-10:11:12",
            "2026-11-21T10:11:12",
            "-5",
            "99999999999999999999",
        ] {
            // Eight digits alone are seconds, and a valid moment of 1970.
            let expected = text == "20261121";
            assert_eq!(parse(text, &berlin()).is_ok(), expected, "{text}");
        }
    }
}
