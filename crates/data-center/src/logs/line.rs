//! Lines: their time, and how they become samples. Pure.

/// The language takes texts of 64 KiB. A longer one is cut a little above that: enough for the language to refuse it,
/// without carrying the rest around.
const CUT_ABOVE_BYTES: usize = 64 * 1024 + 1;

/// One line of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) time_ms: i64,
    pub(super) text: String,
}

/// The time of a line: the host's, unless that is later than the receipt by more than the limit, which no delay explains.
/// A line that is older than its receipt may have waited; its time is believed.
pub(super) fn time_of_line(time_ms: Option<i64>, received_ms: Option<i64>, limit_ms: i64) -> Option<i64> {
    match (time_ms, received_ms) {
        (Some(time_ms), Some(received_ms)) if time_ms.saturating_sub(received_ms) > limit_ms => {
            Some(received_ms)
        }
        (Some(time_ms), _) => Some(time_ms),
        (None, received_ms) => received_ms,
    }
}

/// Times in order, none twice: lines of equal time are joined by a blank, in the order they came in.
pub(super) fn samples(mut lines: Vec<Line>) -> (Vec<i64>, Vec<String>) {
    lines.sort_by_key(|line| line.time_ms);
    let mut times_ms = Vec::with_capacity(lines.len());
    let mut texts: Vec<String> = Vec::with_capacity(lines.len());
    for line in lines {
        match texts.last_mut() {
            Some(text) if times_ms.last() == Some(&line.time_ms) => {
                text.push(' ');
                text.push_str(&line.text);
                cut(text);
            }
            _ => {
                let mut text = line.text;
                cut(&mut text);
                times_ms.push(line.time_ms);
                texts.push(text);
            }
        }
    }
    (times_ms, texts)
}

fn cut(text: &mut String) {
    if text.len() > CUT_ABOVE_BYTES {
        let end = (CUT_ABOVE_BYTES..=text.len()).find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(text.len()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(time_ms: i64, text: &str) -> Line {
        Line {
            time_ms,
            text: text.to_owned(),
        }
    }

    #[test]
    fn lines_of_equal_time_are_one_sample() {
        let lines = vec![
            line(2, "c"),
            line(1, "a"),
            line(2, "d"),
            line(1, "b"),
            line(3, ""),
        ];
        let expected = (vec![1, 2, 3], ["a b", "c d", ""].map(str::to_owned).to_vec());
        assert_eq!(samples(lines), expected);
    }

    proptest! {
        #[test]
        fn no_line_is_lost(numbers in proptest::collection::vec(0..9_i64, 0..40)) {
            let lines = numbers.iter().enumerate().map(|(place, time)| line(*time, &place.to_string())).collect();
            let (times_ms, texts) = samples(lines);
            prop_assert!(times_ms.is_sorted_by(|one, next| one < next));
            let words: usize = texts.iter().map(|text| text.split(' ').count()).sum();
            prop_assert_eq!(words, numbers.len());
        }
    }

    #[test]
    fn a_text_that_is_too_long_stays_too_long() {
        let longest = 64 * 1024;
        let (_, texts) = samples(vec![line(1, &"ä".repeat(longest)), line(2, &"x".repeat(longest))]);
        assert!(texts[0].len() > longest && texts[0].len() < longest + 8);
        assert_eq!(texts[1].len(), longest, "what is allowed stays whole");
        let (_, texts) = samples(vec![line(1, &"x".repeat(longest)), line(1, "y")]);
        assert_eq!(texts[0].len(), longest + 1);
    }

    #[test]
    fn a_clock_ahead_is_corrected_and_a_delay_is_not() {
        assert_eq!(time_of_line(Some(100), Some(90), 10), Some(100));
        assert_eq!(time_of_line(Some(101), Some(90), 10), Some(90));
        assert_eq!(time_of_line(Some(1), Some(9_000), 10), Some(1));
        assert_eq!(time_of_line(None, Some(90), 10), Some(90));
        assert_eq!(time_of_line(Some(5), None, 10), Some(5));
        assert_eq!(time_of_line(None, None, 10), None);
    }
}
