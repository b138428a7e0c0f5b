//! Series of one host, and a store that answers for them.

use aops_api::finding::JudgedWindow;
use aops_api::series::{
    FailedFetch, FetchedSeries, LabelMatcher, MatchOperator, NeverHad, SeriesFetchAnswer, SeriesSelector,
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
}

#[derive(Clone, Debug)]
pub(crate) struct WorldSeries {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) interval_ms: i64,
    /// In order of time.
    pub(crate) samples: Vec<(i64, f64)>,
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn compile(rule: &str) -> Arc<Rule> {
    let item = serde_json::from_str(rule).expect(rule);
    Arc::new(Rule::compile(&item).expect(rule))
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
                let inside = series
                    .samples
                    .iter()
                    .filter(|(time_ms, _)| selector.range.contains(*time_ms));
                let (times_ms, values): (Vec<i64>, Vec<f64>) = inside.copied().unzip();
                if !times_ms.is_empty() {
                    answer.series.push(FetchedSeries {
                        selector: index,
                        host_id: host(),
                        labels: series.labels.clone(),
                        interval_ms: series.interval_ms,
                        times_ms,
                        values,
                        texts: Vec::new(),
                    });
                }
            }
            if selector.want_never_had && !has_sample_ever {
                answer.never_had.push(NeverHad {
                    selector: index,
                    host_id: host(),
                });
            }
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
    series.name == selector.name && selector.matchers.iter().all(holds)
}
