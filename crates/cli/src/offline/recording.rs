//! Series of some hosts, from a file: `{"10.0.0.1": [{"name", "type", "label", "values": [[seconds, value], …]}]}`.

use std::collections::BTreeMap;
use std::ops::Range;

use aops_api::rule::DataKind;
use aops_api::{Labels, TimeRange};
use serde::Deserialize;
use serde_path_to_error::Segment;

use super::diagnostic::Diagnostic;
use super::json::without_position;
use super::source::Source;
use super::written::{WrittenHosts, WrittenSample, WrittenSeries};

/// Largest file, in bytes: some ten million samples.
pub(crate) const MOST_BYTES: usize = 256 * 1024 * 1024;

/// What was recorded of some hosts.
#[derive(Debug)]
pub(crate) struct Recording {
    /// Series by host, in the order of the file.
    pub(crate) hosts: BTreeMap<String, Vec<RecordedSeries>>,
    /// What had to be put right.
    pub(crate) notes: Vec<String>,
}

/// A series or a log stream. In order of time, no time twice.
#[derive(Debug, PartialEq)]
pub(crate) struct RecordedSeries {
    pub(crate) name: String,
    pub(crate) kind: DataKind,
    pub(crate) labels: Labels,
    pub(crate) times_ms: Vec<i64>,
    pub(crate) samples: Samples,
}

/// As many as there are times.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Samples {
    /// Of a series of numbers.
    Numbers(Vec<f64>),
    /// Of a log stream, or of a series of which a sample is no number.
    Texts(Vec<String>),
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// What is wrong first, with host, series and sample, both counted from 0 as in the file.
    pub(crate) fn read(source: &Source) -> Result<Self, Diagnostic> {
        let mut deserializer = serde_json::Deserializer::from_str(&source.text);
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
        let hosts = WrittenHosts::deserialize(tracked)
            .map_err(|error| refusal(source, &place(&track.path()), &error))?;
        deserializer.end().map_err(|error| refusal(source, "", &error))?;
        let mut tidying = Tidying::default();
        let mut recording = BTreeMap::new();
        for (host, written) in hosts.0 {
            let series = written
                .0
                .into_iter()
                .enumerate()
                .map(|(index, series)| tidying.series(&host, index, series))
                .collect();
            recording.insert(host, series);
        }
        Ok(Self {
            hosts: recording,
            notes: tidying.notes(),
        })
    }

    /// From the first sample to one sample period after the last; `None` without samples.
    pub(crate) fn window(&self, sample_period_ms: i64) -> Option<TimeRange> {
        let every = || self.hosts.values().flatten();
        let first = every().filter_map(|series| series.times_ms.first()).min()?;
        let last = every().filter_map(|series| series.times_ms.last()).max()?;
        Some(TimeRange::new(*first, *last + sample_period_ms))
    }
}

fn refusal(source: &Source, place: &str, error: &serde_json::Error) -> Diagnostic {
    let offset = source.offset(error.line(), error.column());
    let reason = without_position(error);
    if !error.is_data() {
        return Diagnostic::error(format!("{place}not JSON: {reason}"), offset..offset);
    }
    Diagnostic::error(
        format!("{place}{reason}"),
        token_that_ends_at(&source.text, offset),
    )
}

/// The bytes of the number, word or text whose last byte is `last`: where a reader stands that has read it.
fn token_that_ends_at(text: &str, last: usize) -> Range<usize> {
    let Some(found) = text[last..].chars().next() else {
        return last..last;
    };
    let before = &text[..last];
    let is_of_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.');
    let start = match found {
        '"' => before.rfind('"').unwrap_or(last),
        letter if is_of_word(letter) => before.trim_end_matches(is_of_word).len(),
        _ => last,
    };
    start..last + found.len_utf8()
}

/// `host 10.0.0.1, series 0, sample 5: `
fn place(path: &serde_path_to_error::Path) -> String {
    let segments: Vec<&Segment> = path.iter().collect();
    let mut parts = Vec::new();
    for (depth, segment) in segments.iter().enumerate() {
        let is_value = matches!(segments.get(2), Some(Segment::Map { key }) if key == "values");
        match segment {
            Segment::Map { key } if depth == 0 => parts.push(format!("host {key}")),
            Segment::Seq { index } if depth == 1 => parts.push(format!("series {index}")),
            Segment::Seq { index } if depth == 3 && is_value => parts.push(format!("sample {index}")),
            Segment::Map { .. } if depth == 2 && is_value && segments.len() > 3 => {}
            Segment::Map { key } => parts.push(key.clone()),
            _ => {}
        }
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!("{}: ", parts.join(", ")),
    }
}

/// Puts samples in order and remembers where it had to.
#[derive(Default)]
struct Tidying {
    unsorted: Tidied,
    replaced: Tidied,
    joined: Tidied,
}

/// How many series were put right, and which was the first.
#[derive(Default)]
struct Tidied {
    count: usize,
    first: String,
}

impl Tidied {
    fn take(&mut self, host: &str, index: usize) {
        if self.count == 0 {
            self.first = format!("host {host}, series {index}");
        }
        self.count += 1;
    }

    fn note(&self, what: &str) -> Option<String> {
        let others = match self.count {
            0 => return None,
            1 => String::new(),
            2 => " and 1 other".to_owned(),
            count => format!(" and {} others", count - 1),
        };
        Some(format!("{}{others}: {what}", self.first))
    }
}

impl Tidying {
    fn series(&mut self, host: &str, index: usize, written: WrittenSeries) -> RecordedSeries {
        let mut samples = written.values;
        if !samples.is_sorted_by_key(|sample| sample.time_ms) {
            self.unsorted.take(host, index);
            // Stable: samples of one time keep their order, and the last of them counts.
            samples.sort_by_key(|sample| sample.time_ms);
        }
        let before = samples.len();
        let (times_ms, samples) = match written.kind {
            DataKind::Kpi => values(last_of_each_time(samples)),
            DataKind::Log => lines(samples),
        };
        if times_ms.len() < before {
            match written.kind {
                DataKind::Kpi => self.replaced.take(host, index),
                DataKind::Log => self.joined.take(host, index),
            }
        }
        RecordedSeries {
            name: written.name,
            kind: written.kind,
            labels: written
                .label
                .into_iter()
                .map(|(name, value)| (name, value.0))
                .collect(),
            times_ms,
            samples,
        }
    }

    fn notes(&self) -> Vec<String> {
        let notes = [
            self.unsorted
                .note("the samples were not in order of time; they were sorted"),
            self.replaced
                .note("a time is there more than once; the last sample counts"),
            self.joined
                .note("a time is there more than once; its lines were joined by a blank"),
        ];
        notes.into_iter().flatten().collect()
    }
}

fn last_of_each_time(sorted: Vec<WrittenSample>) -> Vec<WrittenSample> {
    let mut kept: Vec<WrittenSample> = Vec::with_capacity(sorted.len());
    for sample in sorted {
        match kept.last_mut() {
            Some(last) if last.time_ms == sample.time_ms => *last = sample,
            _ => kept.push(sample),
        }
    }
    kept
}

/// Numbers, if every sample is one.
fn values(samples: Vec<WrittenSample>) -> (Vec<i64>, Samples) {
    let times_ms = samples.iter().map(|sample| sample.time_ms).collect();
    let numbers: Option<Vec<f64>> = samples.iter().map(|sample| sample.value.number()).collect();
    let samples = match numbers {
        Some(numbers) => Samples::Numbers(numbers),
        None => Samples::Texts(
            samples
                .into_iter()
                .map(|sample| sample.value.into_text())
                .collect(),
        ),
    };
    (times_ms, samples)
}

/// Lines; those of one time are one, joined by a blank.
fn lines(samples: Vec<WrittenSample>) -> (Vec<i64>, Samples) {
    let mut times_ms: Vec<i64> = Vec::with_capacity(samples.len());
    let mut texts: Vec<String> = Vec::with_capacity(samples.len());
    for sample in samples {
        let line = sample.value.into_text();
        match texts.last_mut() {
            Some(last) if times_ms.last() == Some(&sample.time_ms) => {
                last.push(' ');
                last.push_str(&line);
            }
            _ => {
                times_ms.push(sample.time_ms);
                texts.push(line);
            }
        }
    }
    (times_ms, Samples::Texts(texts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Recording {
        Recording::read(&Source::new("data.json", text)).unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    fn of_values(kind: &str, values: &str) -> Recording {
        read(&format!(
            r#"{{"h":[{{"name":"m","type":"{kind}","values":{values}}}]}}"#
        ))
    }

    #[track_caller]
    fn assert_samples(kind: &str, values: &str, times_ms: &[i64], samples: &Samples) {
        let recording = of_values(kind, values);
        let series = &recording.hosts["h"][0];
        assert_eq!(
            (series.times_ms.as_slice(), &series.samples),
            (times_ms, samples),
            "{values}"
        );
    }

    fn texts(texts: &[&str]) -> Samples {
        Samples::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn a_series_is_numbers_or_texts() {
        let times = [1_000, 2_500];
        for (values, samples) in [
            (r#"[[1,"5"],[2.5,"5.5"]]"#, Samples::Numbers(vec![5.0, 5.5])),
            (
                r#"[[1,1e3],[2.5,"1e3"]]"#,
                Samples::Numbers(vec![1_000.0, 1_000.0]),
            ),
            (
                r#"[[1,"+Inf"],[2.5,"-Inf"]]"#,
                Samples::Numbers(vec![f64::INFINITY, f64::NEG_INFINITY]),
            ),
            (r#"[[1,-7],[2.5,"x"]]"#, texts(&["-7", "x"])),
            (r#"[[1,"007"],[2.5,""]]"#, texts(&["007", ""])),
            (r#"[[1,"1_000"],[2.5,"infinity"]]"#, texts(&["1_000", "infinity"])),
        ] {
            assert_samples("kpi", values, &times, &samples);
        }
        assert_samples("log", r#"[[1,"5.0"],[2.5,5]]"#, &times, &texts(&["5.0", "5"]));
        let recording = of_values("kpi", r#"[[1,"NaN"]]"#);
        assert!(matches!(&recording.hosts["h"][0].samples, Samples::Numbers(numbers) if numbers[0].is_nan()));
    }

    #[test]
    fn samples_are_put_in_order_and_that_is_told_once() {
        let recording = read(
            r#"{"h":[
                {"name":"m","values":[[30,3],[10,1],[30,4]]},
                {"name":"n","values":[[30,3],[10,1]]},
                {"name":"l","type":"log","values":[[10,"a"],[10,"b"],[10,"c"]]}
            ]}"#,
        );
        let host = &recording.hosts["h"];
        assert_eq!(host[0].times_ms, [10_000, 30_000]);
        assert_eq!(host[0].samples, Samples::Numbers(vec![1.0, 4.0]));
        assert_eq!(host[2].samples, texts(&["a b c"]));
        assert_eq!(
            recording.notes,
            [
                "host h, series 0 and 1 other: the samples were not in order of time; they were sorted",
                "host h, series 0: a time is there more than once; the last sample counts",
                "host h, series 2: a time is there more than once; its lines were joined by a blank"
            ]
        );
        assert_eq!(of_values("kpi", "[[1,1],[2,2]]").notes, [""; 0]);
    }

    #[test]
    fn the_window_is_everything_to_a_period_after_the_last_sample() {
        let recording = read(
            r#"{"a":[{"name":"m","values":[[20,1]]},{"name":"n","values":[]}],"b":[{"name":"m","values":[[10,1],[50.5,1]]}]}"#,
        );
        assert_eq!(recording.window(15_000), Some(TimeRange::new(10_000, 65_500)));
        assert_eq!(read(r#"{"a":[]}"#).window(15_000), None);
    }

    #[test]
    fn labels_may_be_numbers() {
        let recording = read(r#"{"h":[{"name":"m","label":{"cpu":1,"up":true,"x":"y"},"values":[]}]}"#);
        let labels: Vec<&str> = recording.hosts["h"][0]
            .labels
            .values()
            .map(String::as_str)
            .collect();
        assert_eq!(labels, ["1", "true", "y"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_host_series_and_sample() {
        let sample = |sample: &str| format!(r#"{{"10.0.0.1":[{{"name":"m","values":[[1,2],{sample}]}}]}}"#);
        for (text, reason) in [
            (
                sample("[3]"),
                "host 10.0.0.1, series 0, sample 1: invalid length 1, expected a pair [seconds, value]",
            ),
            (
                sample("[3,4,5]"),
                "host 10.0.0.1, series 0, sample 1: invalid length 3, expected a pair [seconds, value]",
            ),
            (
                sample("[3,null]"),
                "host 10.0.0.1, series 0, sample 1: invalid type: null, expected a number or a text",
            ),
            (
                sample("[\"3\",4]"),
                "host 10.0.0.1, series 0, sample 1: invalid type: string \"3\", expected a time in seconds since 1970, as a number",
            ),
            (
                sample("[1700000000000,4]"),
                "host 10.0.0.1, series 0, sample 1: time 1700000000000 is not between 1970 and 9999; expected seconds, not milliseconds",
            ),
            (
                sample("[-1,4]"),
                "host 10.0.0.1, series 0, sample 1: time -1 is not between 1970 and 9999; expected seconds, not milliseconds",
            ),
            (
                r#"{"h":[{"name":"m","lable":{},"values":[]}]}"#.to_owned(),
                "host h, series 0, lable: unknown field `lable`, expected one of `name`, `type`, `label`, `values`",
            ),
            (
                r#"{"h":[{"name":"m"}]}"#.to_owned(),
                "host h, series 0: missing field `values`",
            ),
            (
                r#"{"h":[{"name":"m","values":5}]}"#.to_owned(),
                "host h, series 0, values: invalid type: integer `5`, expected a sequence",
            ),
            (
                r#"{"h":[{"name":"m","label":{"a":null},"values":[]}]}"#.to_owned(),
                "host h, series 0, label, a: invalid type: null, expected a text",
            ),
            (r#"{"h":[],"h":[]}"#.to_owned(), "host h is there twice"),
            (
                r#"{"h":[{"name":"m","values":[]},{"name":"m","type":"kpi","values":[]}]}"#.to_owned(),
                "host h: series 1 has the name, type and label of series 0; make them one",
            ),
            (
                "[]".to_owned(),
                "invalid type: sequence, expected an object of hosts: {\"10.0.0.1\": [series, …]}",
            ),
            ("{} x".to_owned(), "not JSON: trailing characters"),
            (
                "{\"h\":[{".to_owned(),
                "host h, series 0: not JSON: EOF while parsing an object",
            ),
        ] {
            let diagnostic = Recording::read(&Source::new("f", text.as_str())).expect_err(&text);
            assert_eq!(diagnostic.reason, reason, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_marked() {
        for (sample, mark) in [
            ("[3,null]", "null"),
            ("[3,[5]]", "["),
            ("[\"3 s\",4]", "\"3 s\""),
            ("[-1.5,4]", "-1.5"),
            ("\"x\"", "\"x\""),
            ("[3]", "]"),
        ] {
            let text = format!(r#"{{"h":[{{"name":"m","values":[{sample}]}}]}}"#);
            let diagnostic = Recording::read(&Source::new("f", text.as_str())).expect_err(&text);
            assert_eq!(&text[diagnostic.span], mark, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_samples_end_in_order_with_the_last_of_each_time(
            samples in prop::collection::vec((0..20_i64, -5..5_i64), 0..40)
        ) {
            let written: Vec<String> = samples.iter().map(|(time, value)| format!("[{time},{value}]")).collect();
            let recording = of_values("kpi", &format!("[{}]", written.join(",")));
            let expected: BTreeMap<i64, i64> = samples.iter().copied().collect();
            let (times_ms, values): (Vec<i64>, Vec<f64>) = expected
                .into_iter()
                .map(|(time, value)| (time * 1_000, value as f64))
                .unzip();
            let series = &recording.hosts["h"][0];
            prop_assert_eq!(&series.times_ms, &times_ms);
            prop_assert_eq!(&series.samples, &Samples::Numbers(values));
        }
    }
}
