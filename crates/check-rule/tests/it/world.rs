//! Series of one host, and a store that answers for them.

use aops_api::finding::JudgedWindow;
use aops_api::rule::DataKind;
use aops_api::series::{
    FailedFetch, FetchedSeries, LabelMatcher, MatchOperator, NeverHad, SeriesFetchAnswer, SeriesSelector,
    Unheard,
};
use aops_api::{HostId, Labels, TimeRange};
use aops_check_rule::{FetchPlan, Rule, SeriesSet};
use std::sync::Arc;

pub(crate) fn host() -> HostId {
    HostId::from("host")
}

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) series: Vec<WorldSeries>,
    /// Metrics that cannot be read.
    pub(crate) broken: Vec<String>,
    /// Log streams, and when their shipper was not heard.
    pub(crate) unheard: Vec<(String, TimeRange)>,
}

#[derive(Clone, Debug)]
pub(crate) struct WorldSeries {
    pub(crate) name: String,
    pub(crate) kind: DataKind,
    pub(crate) labels: Labels,
    pub(crate) interval_ms: i64,
    /// In order of time.
    pub(crate) samples: Vec<(i64, Sample)>,
}

/// What a store keeps of a sample.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sample {
    Number(f64),
    Text(String),
}

impl From<f64> for Sample {
    fn from(number: f64) -> Self {
        Sample::Number(number)
    }
}

impl From<&str> for Sample {
    fn from(text: &str) -> Self {
        Sample::Text(text.to_owned())
    }
}

impl Sample {
    /// The text that is delivered of it.
    pub(crate) fn text(&self) -> String {
        match self {
            Sample::Text(text) => text.clone(),
            Sample::Number(number) if number.is_infinite() && *number > 0.0 => "+Inf".to_owned(),
            Sample::Number(number) if number.is_infinite() => "-Inf".to_owned(),
            Sample::Number(number) => number.to_string(),
        }
    }
}

impl WorldSeries {
    /// Whether its samples are delivered as texts.
    pub(crate) fn is_text(&self) -> bool {
        let mut samples = self.samples.iter();
        self.kind == DataKind::Log || samples.any(|(_, sample)| matches!(sample, Sample::Text(_)))
    }

    /// What is delivered of the samples in a range; `None` when there is none.
    fn fetched(&self, selector: usize, range: TimeRange) -> Option<FetchedSeries> {
        let inside = self
            .samples
            .iter()
            .filter(|(time_ms, _)| range.contains(*time_ms));
        let mut fetched = FetchedSeries {
            selector,
            host_id: host(),
            labels: self.labels.clone(),
            interval_ms: self.interval_ms,
            times_ms: Vec::new(),
            values: Vec::new(),
            texts: Vec::new(),
        };
        let is_text = self.is_text();
        for (time_ms, sample) in inside {
            fetched.times_ms.push(*time_ms);
            match sample {
                Sample::Number(number) if !is_text => fetched.values.push(*number),
                other => fetched.texts.push(other.text()),
            }
        }
        (!fetched.times_ms.is_empty()).then_some(fetched)
    }
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn compile(rule: &str) -> Arc<Rule> {
    let item = serde_json::from_str(rule).expect(rule);
    match Rule::compile(&item) {
        Ok(rule) => Arc::new(rule),
        Err(error) => panic!("{rule} is refused: {error:?}"),
    }
}

impl World {
    /// What the store answers: exactly the samples in the ranges asked for.
    pub(crate) fn fetch(&self, selectors: &[SeriesSelector]) -> SeriesFetchAnswer {
        let mut answer = SeriesFetchAnswer {
            as_of_ms: 42,
            ..SeriesFetchAnswer::default()
        };
        for (index, selector) in selectors.iter().enumerate() {
            if self.broken.contains(&selector.name) {
                answer.failed.push(FailedFetch {
                    selector: index,
                    host_id: host(),
                    reason: "the store is away".to_owned(),
                });
                continue;
            }
            let mut has_sample_ever = false;
            for series in self.series.iter().filter(|series| matches(selector, series)) {
                has_sample_ever |= !series.samples.is_empty();
                answer.series.extend(series.fetched(index, selector.range));
            }
            if selector.want_never_had && !has_sample_ever {
                answer.never_had.push(NeverHad {
                    selector: index,
                    host_id: host(),
                });
            }
            let silences = self.unheard.iter().filter(|(name, range)| {
                selector.kind == DataKind::Log && *name == selector.name && range.overlaps(selector.range)
            });
            answer.unheard.extend(silences.map(|(_, range)| Unheard {
                selector: index,
                host_id: host(),
                range: range.intersect(selector.range),
            }));
        }
        answer
    }

    /// Plans, fetches and judges one window.
    pub(crate) fn judge(
        &self,
        rule: &Arc<Rule>,
        window: TimeRange,
        assumed_interval_ms: i64,
    ) -> JudgedWindow {
        let plan = FetchPlan::new(vec![Arc::clone(rule)], window, assumed_interval_ms);
        let answer = self.fetch(plan.selectors());
        plan.suffices(&answer).expect("the longest interval was assumed");
        plan.judge(0, &host(), &SeriesSet::new(&answer), window)
    }
}

fn matches(selector: &SeriesSelector, series: &WorldSeries) -> bool {
    let holds = |matcher: &LabelMatcher| {
        let value = series.labels.get(&matcher.name).map_or("", String::as_str);
        let fits = || {
            let anchored = format!("^(?:{})$", matcher.value);
            regex::Regex::new(&anchored)
                .expect("a checked pattern")
                .is_match(value)
        };
        match matcher.operator {
            MatchOperator::Equal => value == matcher.value,
            MatchOperator::NotEqual => value != matcher.value,
            MatchOperator::Regex => fits(),
            MatchOperator::NotRegex => !fits(),
        }
    };
    let is_meant = series.name == selector.name && series.kind == selector.kind;
    is_meant && selector.matchers.iter().all(holds)
}
