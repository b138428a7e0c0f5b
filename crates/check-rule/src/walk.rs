//! From sample to sample of `$0`: verdicts of one label set, with `for` applied.

use aops_api::TimeRange;

use crate::explanation::margin;
use crate::moment::{LabelSetSeries, Moment, Verdict};
use crate::rule::Rule;
use crate::timeline::{State, Timeline};

/// Judges one label set in a window. Samples before the window are judged as far as they matter inside it.
pub(crate) fn walk(rule: &Rule, series: &LabelSetSeries<'_>, window: TimeRange) -> Timeline {
    let mut timeline = Timeline::new(window);
    let largest_gap_ms = series[0].iter().map(|candidate| candidate.gap_ms).max();
    let Some(largest_gap_ms) = largest_gap_ms else {
        return timeline;
    };
    let judged_before_ms = rule.judged_before_ms(largest_gap_ms);
    let judged = TimeRange::new(window.start_ms.saturating_sub(judged_before_ms), window.end_ms);
    let mut moment = Moment::new(rule, series);
    let mut run = Run::default();
    for time_ms in main_times(series, judged).iter().copied() {
        moment.advance(time_ms);
        let Some(sample) = moment.main_sample() else {
            continue;
        };
        let verdict = moment.verdict();
        let began_ms = run.take(time_ms, sample.gap_ms, &verdict);
        let state = match verdict {
            Verdict::True if began_ms > time_ms.saturating_sub(rule.hold_ms) => State::Normal,
            Verdict::True => State::Abnormal {
                margin: margin(&rule.condition, &rule.condition.root, &mut moment),
            },
            Verdict::False => State::Normal,
            Verdict::NoData { item } => State::NoData {
                reason: missing(rule, item),
            },
            Verdict::Error { reason } => State::Error { reason },
        };
        timeline.push(time_ms, sample.gap_ms, state);
    }
    timeline.finish();
    timeline
}

/// Why there is nothing to judge: the same text wherever time was cut.
pub(crate) fn missing(rule: &Rule, item: usize) -> String {
    format!("no sample of {} (${item}) within max_gap", rule.data[item].name)
}

/// The times in `judged` at which a series of `$0` has a sample.
fn main_times<'set>(series: &LabelSetSeries<'set>, judged: TimeRange) -> std::borrow::Cow<'set, [i64]> {
    let inside = |times_ms: &'set [i64]| -> &'set [i64] {
        let start = times_ms.partition_point(|time_ms| *time_ms < judged.start_ms);
        let end = times_ms.partition_point(|time_ms| *time_ms < judged.end_ms);
        &times_ms[start..end.max(start)]
    };
    if let [only] = series[0].as_slice() {
        return inside(&only.times_ms).into();
    }
    let mut times_ms: Vec<i64> = series[0]
        .iter()
        .flat_map(|candidate| inside(&candidate.times_ms))
        .copied()
        .collect();
    times_ms.sort_unstable();
    times_ms.dedup();
    times_ms.into()
}

/// The unbroken run of true samples that ends at the sample seen last.
#[derive(Default)]
struct Run {
    began_ms: Option<i64>,
    /// The sample before speaks until then; one that comes later begins a new run.
    speaks_until_ms: i64,
}

impl Run {
    /// Takes in a sample; answers when the run that it belongs to began. Of a sample that is not true the answer has no
    /// meaning.
    fn take(&mut self, time_ms: i64, gap_ms: i64, verdict: &Verdict) -> i64 {
        let is_true = *verdict == Verdict::True;
        let unbroken = self
            .began_ms
            .filter(|_| is_true && time_ms <= self.speaks_until_ms);
        let began_ms = unbroken.unwrap_or(time_ms);
        self.began_ms = is_true.then_some(began_ms);
        self.speaks_until_ms = time_ms.saturating_add(gap_ms);
        began_ms
    }
}
