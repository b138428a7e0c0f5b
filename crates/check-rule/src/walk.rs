//! From sample to sample of `$0`: verdicts of one label set, with `for` applied.

use std::borrow::Cow;

use aops_api::TimeRange;

use crate::moment::{LabelSetSeries, Moment, Verdict};
use crate::rule::Rule;
use crate::timeline::{Pending, State, Timeline};
use crate::window::Windows;

/// Where the walk over one label set stands at the end of a window: what the next window needs of it.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// Samples before are judged.
    until_ms: i64,
    run: Run,
    pending: Option<Pending>,
}

/// Judges one label set in a window. Without a standing, samples before the window are judged as far as they matter
/// inside it.
pub(crate) fn walk<'work, 'set>(
    rule: &'work Rule,
    series: &LabelSetSeries<'work, 'set>,
    windows: &'work mut Windows,
    window: TimeRange,
    standing: Option<Standing>,
) -> (Timeline, Standing) {
    let standing = standing.unwrap_or_else(|| Standing {
        until_ms: begins_ms(rule, series, window),
        run: Run::default(),
        pending: None,
    });
    let judged = TimeRange::new(standing.until_ms, window.end_ms);
    let mut timeline = Timeline::new(window, standing.pending);
    let mut run = standing.run;
    let mut moment = Moment::new(rule, series, windows);
    for time_ms in main_times(series, judged).iter().copied() {
        moment.advance(time_ms);
        let Some(sample) = moment.main_sample() else {
            continue;
        };
        let verdict = moment.verdict();
        let is_true = matches!(verdict, Verdict::True { .. });
        let began_ms = run.take(time_ms, sample.gap_ms, is_true);
        let state = match verdict {
            Verdict::True { .. } if began_ms > time_ms.saturating_sub(rule.hold_ms) => State::Normal,
            Verdict::True { margin } => State::Abnormal { margin },
            Verdict::False => State::Normal,
            Verdict::NoData { item } => State::NoData {
                reason: missing(rule, item),
            },
            Verdict::Error { reason } => State::Error { reason },
        };
        timeline.push(time_ms, sample.speaks_ms, state);
    }
    let pending = timeline.finish();
    let standing = Standing {
        until_ms: window.end_ms,
        run,
        pending,
    };
    (timeline, standing)
}

impl Standing {
    /// Since when the samples seen last have been true without a break.
    pub(crate) fn true_since_ms(&self) -> Option<i64> {
        self.run.began_ms
    }
}

/// Where judging must begin so that all that matters inside the window is judged.
fn begins_ms(rule: &Rule, series: &LabelSetSeries<'_, '_>, window: TimeRange) -> i64 {
    let main = series.items[0].series.iter();
    let before = main.map(|candidate| {
        let line_ms = candidate.line_speaks_ms.unwrap_or(0);
        let gaps_ms = candidate.gaps_ms.iter().flatten().copied();
        let gap_ms = gaps_ms.fold(candidate.gap_ms, i64::max);
        rule.judged_before_ms(gap_ms, gap_ms.max(line_ms))
    });
    window.start_ms.saturating_sub(before.max().unwrap_or(0))
}

/// Why there is nothing to judge: the same text wherever time was cut.
pub(crate) fn missing(rule: &Rule, item: usize) -> String {
    let data = &rule.data[item];
    if data.is_log() {
        return format!("it is not known what {} (${item}) logged", data.name);
    }
    format!("no sample of {} (${item}) within max_gap", data.name)
}

/// The times in `judged` at which a series of `$0` has a sample.
pub(crate) fn main_times<'work>(series: &LabelSetSeries<'work, '_>, judged: TimeRange) -> Cow<'work, [i64]> {
    let inside = |times_ms: &'work [i64]| -> &'work [i64] {
        let start = times_ms.partition_point(|time_ms| *time_ms < judged.start_ms);
        let end = times_ms.partition_point(|time_ms| *time_ms < judged.end_ms);
        &times_ms[start..end.max(start)]
    };
    if let [only] = &*series.items[0].series {
        return inside(&only.times_ms).into();
    }
    let mut times_ms: Vec<i64> = series.items[0]
        .series
        .iter()
        .flat_map(|candidate| inside(&candidate.times_ms))
        .copied()
        .collect();
    times_ms.sort_unstable();
    times_ms.dedup();
    times_ms.into()
}

/// The unbroken run of true samples that ends at the sample seen last.
#[derive(Clone, Debug, Default)]
struct Run {
    began_ms: Option<i64>,
    /// A sample that comes later begins a new run.
    unbroken_until_ms: i64,
}

impl Run {
    /// Takes in a sample; answers when the run that it belongs to began. Of a sample that is not true the answer has no
    /// meaning.
    fn take(&mut self, time_ms: i64, gap_ms: i64, is_true: bool) -> i64 {
        let unbroken = self
            .began_ms
            .filter(|_| is_true && time_ms <= self.unbroken_until_ms);
        let began_ms = unbroken.unwrap_or(time_ms);
        self.began_ms = is_true.then_some(began_ms);
        self.unbroken_until_ms = time_ms.saturating_add(gap_ms);
        began_ms
    }
}
