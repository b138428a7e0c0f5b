//! How moments are read and shown: local time, always with its offset.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt};

/// The form of the design.
const COMPACT_FORM: &str = "%Y%m%d-%H:%M:%S";
const SHOWN_FORM: &str = "%Y-%m-%d %H:%M:%S%:z";

/// The moment of the call, and where the person is.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    pub(crate) now: Timestamp,
    pub(crate) zone: TimeZone,
}

/// Reads `YYYYMMDD-HH:MM:SS` in local time, seconds since 1970, or RFC 3339. The answer is in seconds, rounded down.
pub(crate) fn parse(text: &str, zone: &TimeZone) -> Result<i64, String> {
    let refuse = || {
        format!(
            "'{text}' is not a time; write YYYYMMDD-HH:MM:SS (local time), seconds since 1970, or RFC 3339 such as \
             2026-11-21T10:11:12Z"
        )
    };
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds: i64 = text.parse().map_err(|_| refuse())?;
        return Timestamp::from_second(seconds)
            .map(Timestamp::as_second)
            .map_err(|_| refuse());
    }
    if let Ok(local) = DateTime::strptime(COMPACT_FORM, text) {
        // Twice a year a local time may not exist, or exist twice: only the person knows which one is meant.
        return zone
            .to_ambiguous_timestamp(local)
            .unambiguous()
            .map(Timestamp::as_second)
            .map_err(|_| {
                format!("'{text}' exists twice or not at all, because clocks change; write it with its offset, as RFC 3339")
            });
    }
    let parser = fmt::temporal::DateTimeParser::new();
    let moment = parser.parse_timestamp(text).map_err(|_| refuse())?;
    Ok(moment.as_second() - i64::from(moment.subsec_nanosecond() < 0))
}

/// `2026-11-21 10:11:12+01:00`
pub(crate) fn show(seconds: i64, zone: &TimeZone) -> String {
    match Timestamp::from_second(seconds) {
        Ok(moment) => moment.to_zoned(zone.clone()).strftime(SHOWN_FORM).to_string(),
        // Beyond the year 9999, where nothing we ask for lies; still no reason to fail.
        Err(_) => format!("{seconds} s"),
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
