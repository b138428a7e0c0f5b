//! Answers for a host's series as the data center would.

use aops_api::rule::DataKind;
use aops_api::series::{
    FailedFetch, FetchedSeries, LabelMatcher, MatchOperator, NeverHad, SeriesFetchAnswer, SeriesSelector,
};
use aops_api::{HostId, TimeRange};
use regex::Regex;

use super::recording::{RecordedSeries, Samples};

/// Selectors made ready to be answered for many hosts.
pub(crate) struct Store<'plan> {
    selectors: Vec<(&'plan SeriesSelector, Result<Vec<Matcher<'plan>>, String>)>,
    interval_ms: i64,
    as_of_ms: i64,
}

struct Matcher<'plan> {
    label: &'plan str,
    test: Test<'plan>,
    wanted: bool,
}

enum Test<'plan> {
    Equal(&'plan str),
    Pattern(Regex),
}

impl<'plan> Store<'plan> {
    /// A store whose series all have a sample every `interval_ms`, read at `as_of_ms`.
    pub(crate) fn new(selectors: &'plan [SeriesSelector], interval_ms: i64, as_of_ms: i64) -> Self {
        let ready = |selector: &'plan SeriesSelector| {
            let matchers = selector.matchers.iter().map(Matcher::new).collect();
            (selector, matchers)
        };
        Self {
            selectors: selectors.iter().map(ready).collect(),
            interval_ms,
            as_of_ms,
        }
    }

    /// What the host has for each selector: exactly the samples in its range. A series that is listed is one that the
    /// host has had, with samples or without.
    pub(crate) fn fetch(&self, host_id: &HostId, recorded: &[RecordedSeries]) -> SeriesFetchAnswer {
        let mut answer = SeriesFetchAnswer {
            as_of_ms: self.as_of_ms,
            ..SeriesFetchAnswer::default()
        };
        for (index, (selector, matchers)) in self.selectors.iter().enumerate() {
            let matchers = match matchers {
                Ok(matchers) => matchers,
                Err(reason) => {
                    answer.failed.push(FailedFetch {
                        selector: index,
                        host_id: host_id.clone(),
                        reason: reason.clone(),
                    });
                    continue;
                }
            };
            let mut has_had = false;
            for series in recorded.iter().filter(|series| fits(selector, matchers, series)) {
                has_had = true;
                let (times_ms, values, texts) = inside(series, selector.range);
                if times_ms.is_empty() {
                    continue;
                }
                answer.series.push(FetchedSeries {
                    selector: index,
                    host_id: host_id.clone(),
                    labels: series.labels.clone(),
                    interval_ms: self.interval_ms,
                    times_ms,
                    values,
                    texts,
                });
            }
            if selector.want_never_had && !has_had {
                answer.never_had.push(NeverHad {
                    selector: index,
                    host_id: host_id.clone(),
                });
            }
        }
        answer
    }
}

impl<'plan> Matcher<'plan> {
    fn new(matcher: &'plan LabelMatcher) -> Result<Self, String> {
        let (is_pattern, wanted) = match matcher.operator {
            MatchOperator::Equal => (false, true),
            MatchOperator::NotEqual => (false, false),
            MatchOperator::Regex => (true, true),
            MatchOperator::NotRegex => (true, false),
        };
        let test = if is_pattern {
            let anchored = format!("^(?s:{})$", matcher.value);
            let pattern = Regex::new(&anchored)
                .map_err(|error| format!("the pattern of label {:?}: {error}", matcher.name))?;
            Test::Pattern(pattern)
        } else {
            Test::Equal(&matcher.value)
        };
        Ok(Self {
            label: &matcher.name,
            test,
            wanted,
        })
    }

    /// A label that is not there is empty.
    fn holds(&self, series: &RecordedSeries) -> bool {
        let value = series.labels.get(self.label).map_or("", String::as_str);
        let passes = match &self.test {
            Test::Equal(wanted) => value == *wanted,
            Test::Pattern(pattern) => pattern.is_match(value),
        };
        passes == self.wanted
    }
}

fn fits(selector: &SeriesSelector, matchers: &[Matcher<'_>], series: &RecordedSeries) -> bool {
    let is_log = |kind: DataKind| kind == DataKind::Log;
    series.name == selector.name
        && is_log(series.kind) == is_log(selector.kind)
        && matchers.iter().all(|matcher| matcher.holds(series))
}

/// Times, and values or texts.
fn inside(series: &RecordedSeries, range: TimeRange) -> (Vec<i64>, Vec<f64>, Vec<String>) {
    let start = series
        .times_ms
        .partition_point(|time_ms| *time_ms < range.start_ms);
    let end = series.times_ms.partition_point(|time_ms| *time_ms < range.end_ms);
    let inside = start..end.max(start);
    let times_ms = series.times_ms[inside.clone()].to_vec();
    match &series.samples {
        Samples::Numbers(numbers) => (times_ms, numbers[inside].to_vec(), Vec::new()),
        Samples::Texts(texts) => (times_ms, Vec::new(), texts[inside].to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use aops_api::Labels;

    use super::*;

    fn series(name: &str, kind: DataKind, cpu: &str, samples: Samples) -> RecordedSeries {
        let count = match &samples {
            Samples::Numbers(numbers) => numbers.len(),
            Samples::Texts(texts) => texts.len(),
        };
        RecordedSeries {
            name: name.to_owned(),
            kind,
            labels: Labels::from([("cpu".to_owned(), cpu.to_owned())]),
            times_ms: (1..).take(count).collect(),
            samples,
        }
    }

    fn selector(name: &str, kind: DataKind, matchers: &[(&str, MatchOperator, &str)]) -> SeriesSelector {
        SeriesSelector {
            name: name.to_owned(),
            kind,
            matchers: matchers
                .iter()
                .map(|(name, operator, value)| LabelMatcher {
                    name: (*name).to_owned(),
                    operator: *operator,
                    value: (*value).to_owned(),
                })
                .collect(),
            range: TimeRange::new(2, 4),
            want_never_had: true,
        }
    }

    /// The `cpu` of the series that a selector gets, and whether the host never had any.
    fn found(selector: SeriesSelector) -> (Vec<String>, bool) {
        let recorded = [
            series(
                "m",
                DataKind::Kpi,
                "0",
                Samples::Numbers(vec![1.0, 2.0, 3.0, 4.0]),
            ),
            series("m", DataKind::Kpi, "1", Samples::Numbers(vec![1.0, 2.0])),
            series("m", DataKind::Kpi, "early", Samples::Numbers(vec![1.0])),
            series("m", DataKind::Log, "log", Samples::Texts(vec!["a".to_owned(); 3])),
        ];
        let selectors = [selector];
        let answer = Store::new(&selectors, 15_000, 9).fetch(&HostId::from("h"), &recorded);
        let cpus = answer.series.iter().map(|series| series.labels["cpu"].clone());
        (cpus.collect(), !answer.never_had.is_empty())
    }

    #[test]
    fn every_matcher_is_applied() {
        use MatchOperator::{Equal, NotEqual, NotRegex, Regex};
        for (matchers, expected) in [
            (vec![], vec!["0", "1"]),
            (vec![("cpu", Equal, "1")], vec!["1"]),
            (vec![("cpu", NotEqual, "1")], vec!["0"]),
            (vec![("cpu", Regex, "[01]")], vec!["0", "1"]),
            (vec![("cpu", Regex, "earl")], vec![]),
            (vec![("cpu", NotRegex, "0|2")], vec!["1"]),
            (vec![("mode", Equal, "")], vec!["0", "1"]),
            (vec![("mode", NotEqual, "")], vec![]),
        ] {
            let (cpus, _) = found(selector("m", DataKind::Kpi, &matchers));
            assert_eq!(cpus, expected, "{matchers:?}");
        }
        assert_eq!(found(selector("m", DataKind::Log, &[])).0, ["log"]);
    }

    #[test]
    fn what_is_listed_was_had() {
        use MatchOperator::Equal;
        assert_eq!(found(selector("n", DataKind::Kpi, &[])), (vec![], true));
        let early = [("cpu", Equal, "early")];
        assert_eq!(found(selector("m", DataKind::Kpi, &early)), (vec![], false));
    }

    #[test]
    fn samples_are_those_of_the_range() {
        let recorded = [
            series(
                "m",
                DataKind::Kpi,
                "0",
                Samples::Numbers(vec![1.0, 2.0, 3.0, 4.0]),
            ),
            series(
                "m",
                DataKind::Log,
                "0",
                Samples::Texts(["a", "b", "c"].map(str::to_owned).to_vec()),
            ),
        ];
        let selectors = [
            selector("m", DataKind::Kpi, &[]),
            selector("m", DataKind::Log, &[]),
        ];
        let answer = Store::new(&selectors, 15_000, 9).fetch(&HostId::from("h"), &recorded);
        assert_eq!((answer.as_of_ms, answer.series[0].interval_ms), (9, 15_000));
        assert_eq!(answer.series[0].times_ms, [2, 3]);
        assert_eq!(answer.series[0].values, [2.0, 3.0]);
        assert_eq!(answer.series[1].texts, ["b", "c"]);
    }
}
