//! Spans: which stretches have been judged, as of when.

use aops_api::TimeRange;
use aops_api::finding::JudgedWindow;

use super::LabelSetsHash;

/// A stretch that has been judged, or could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The stretch.
    pub range: TimeRange,
    /// When its series were read.
    pub as_of_ms: i64,
    /// The label sets that were judged; `None` when the series could not be read. Such a span covers nothing: it is
    /// kept so that of two failed readings, too, the later one wins whatever the order of arrival.
    pub judged: Option<LabelSetsHash>,
}

impl Span {
    /// Whether what this span says stays when `save` says something else.
    fn outlasts(&self, save: &JudgedWindow) -> bool {
        let later = self.as_of_ms > save.as_of_ms;
        match (self.judged.is_some(), save.covered) {
            (true, false) => true,
            (false, true) => false,
            _ => later,
        }
    }

    fn continues(&self, next: &Span) -> bool {
        self.range.end_ms == next.range.start_ms && self.judged == next.judged
    }
}

/// The parts of the window in which the save has the say. Sorted, not overlapping.
pub(super) fn effective(spans: &[Span], save: &JudgedWindow) -> Vec<TimeRange> {
    let outlasting: Vec<TimeRange> = spans
        .iter()
        .filter(|span| span.outlasts(save))
        .map(|span| span.range)
        .collect();
    save.window.without(&outlasting)
}

/// The spans after `parts` (sorted, not overlapping) have been judged anew.
pub(super) fn replace(
    spans: &[Span],
    parts: &[TimeRange],
    as_of_ms: i64,
    judged: Option<LabelSetsHash>,
) -> Vec<Span> {
    let old = spans.iter().flat_map(|span| {
        span.range.without(parts).into_iter().map(|range| Span {
            range,
            ..span.clone()
        })
    });
    let new = parts.iter().map(|range| Span {
        range: *range,
        as_of_ms,
        judged: judged.clone(),
    });
    let mut all: Vec<Span> = old.chain(new).collect();
    all.sort_by_key(|span| span.range);
    join(all, |left, right| left.as_of_ms == right.as_of_ms)
}

/// Joins neighbours with equal label sets that were both read before `before_ms`; the later reading stands for both.
///
/// Without it every window would leave a span for ever. After it a save with a reading between the two no longer
/// replaces the older part: the caller chooses `before_ms` so that no such save can be under way any more.
pub fn settle(spans: Vec<Span>, before_ms: i64) -> Vec<Span> {
    join(spans, |left, right| left.as_of_ms.max(right.as_of_ms) < before_ms)
}

fn join(sorted: Vec<Span>, may_join: impl Fn(&Span, &Span) -> bool) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::with_capacity(sorted.len());
    for span in sorted {
        match joined.last_mut() {
            Some(last) if last.continues(&span) && may_join(last, &span) => {
                last.range.end_ms = span.range.end_ms;
                last.as_of_ms = last.as_of_ms.max(span.as_of_ms);
            }
            _ => joined.push(span),
        }
    }
    joined
}
