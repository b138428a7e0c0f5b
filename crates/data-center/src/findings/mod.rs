//! Interval algebra of findings and coverage: what a save changes. Pure: no store, no clock.
//!
//! For one key on one host the store keeps *spans* (what has been judged, read when, with which label sets) and
//! *findings* (maximal stretches of one verdict of one label set). A save says anew what holds in a window, as of the
//! moment its series were read. [`plan`] takes what is stored around the window and says what changes.
//!
//! At every millisecond the same rule decides, so that neither the cut into windows, nor the order of arrival, nor a
//! repetition has a say: a save whose series could be read beats one whose could not; of the same kind the one that
//! was read later wins; of equal age the one that arrives last.

mod ids;
mod piece;
mod span;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use aops_api::finding::{Finding, JudgedWindow, Transition};
use aops_api::{EvaluationKey, HostId, ResultId, TimeRange};

pub use ids::{LabelSets, LabelSetsHash, result_id};
pub use span::{Span, settle};

/// A finding as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownFinding {
    /// Hash of key, host, labels, value and start.
    pub result_id: ResultId,
    /// The finding.
    pub finding: Finding,
    /// Whether the coverage goes on beyond its end, so that it will not grow by itself.
    pub closed: bool,
}

/// What is stored of one key on one host: at least all that overlaps or touches the window of a save.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// Sorted, not overlapping.
    pub spans: Vec<Span>,
    /// In any order; of one label set not overlapping.
    pub findings: Vec<KnownFinding>,
}

/// What a save changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Spans to delete, before others are inserted.
    pub spans_removed: Vec<Span>,
    /// Spans to insert.
    pub spans_added: Vec<Span>,
    /// Findings to delete.
    pub findings_removed: Vec<ResultId>,
    /// Findings to insert.
    pub findings_added: Vec<KnownFinding>,
    /// Findings to overwrite.
    pub findings_changed: Vec<KnownFinding>,
    /// How results changed, in the order in which that is to be told.
    pub transitions: Vec<ResultChange>,
}

/// How one result changed.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultChange {
    /// How.
    pub transition: Transition,
    /// The result after the change; for `Removed`, before it.
    pub result: KnownFinding,
}

/// Says what is wrong with a window, as a caller's defect.
pub fn check(save: &JudgedWindow) -> Result<(), String> {
    let window = save.window;
    if window.is_empty() {
        return Err(format!(
            "window: [{}, {}) is empty",
            window.start_ms, window.end_ms
        ));
    }
    for (index, finding) in save.findings.iter().enumerate() {
        let range = finding.range;
        if range.is_empty() || range.intersect(window) != range {
            return Err(format!(
                "findings[{index}].range: [{}, {}) is empty or not inside the window [{}, {})",
                range.start_ms, range.end_ms, window.start_ms, window.end_ms
            ));
        }
    }
    for (index, pair) in save.findings.windows(2).enumerate() {
        let [before, after] = pair else { continue };
        let in_order = before.labels < after.labels
            || (before.labels == after.labels && before.range.end_ms <= after.range.start_ms);
        if !in_order {
            return Err(format!(
                "findings[{}]: not sorted by labels and start, or overlapping its predecessor",
                index + 1
            ));
        }
    }
    Ok(())
}

/// What a save changes. Neighbouring spans older than `settle_before_ms` are joined on the way (see [`settle`]).
///
/// The window must have passed [`check`].
pub fn plan(known: &Known, save: &JudgedWindow, settle_before_ms: i64) -> Changes {
    let effective = span::effective(&known.spans, save);
    let judged = save.covered.then(|| LabelSets::of(&save.judged).hash().clone());
    let spans = span::replace(&known.spans, &effective, save.as_of_ms, judged);
    let spans = settle(spans, settle_before_ms);

    let pieces = piece::replace(&known.findings, &effective, &save.findings);
    let findings = pieces
        .into_iter()
        .map(|piece| KnownFinding {
            result_id: result_id(
                &save.key,
                &save.host_id,
                &piece.finding.labels,
                piece.finding.value,
                piece.finding.range.start_ms,
            ),
            closed: is_closed(&piece, save.window, &spans),
            finding: piece.finding,
        })
        .collect();

    let mut changes = Changes::default();
    compare_spans(&known.spans, &spans, &mut changes);
    compare_findings(&known.findings, findings, &mut changes);
    changes
}

/// Around the window the spans at hand decide; further away nothing has changed.
fn is_closed(piece: &piece::Piece, window: TimeRange, spans: &[Span]) -> bool {
    let end_ms = piece.finding.range.end_ms;
    let beside_window = window.start_ms <= end_ms && end_ms <= window.end_ms;
    if !beside_window {
        return piece.closed;
    }
    spans
        .iter()
        .any(|span| span.judged.is_some() && span.range.contains(end_ms))
}

fn compare_spans(before: &[Span], after: &[Span], changes: &mut Changes) {
    changes.spans_removed = before
        .iter()
        .filter(|span| !after.contains(span))
        .cloned()
        .collect();
    changes.spans_added = after
        .iter()
        .filter(|span| !before.contains(span))
        .cloned()
        .collect();
}

fn compare_findings(before: &[KnownFinding], after: Vec<KnownFinding>, changes: &mut Changes) {
    let mut gone: BTreeMap<&ResultId, &KnownFinding> = before
        .iter()
        .map(|finding| (&finding.result_id, finding))
        .collect();
    let mut told = Vec::new();
    for result in after {
        match gone.remove(&result.result_id) {
            Some(old) if *old == result => {}
            Some(old) => {
                told.push(ResultChange {
                    transition: changed_transition(old, &result),
                    result: result.clone(),
                });
                changes.findings_changed.push(result);
            }
            None => {
                tell_new(&result, &mut told);
                changes.findings_added.push(result);
            }
        }
    }
    for (id, old) in gone {
        changes.findings_removed.push(id.clone());
        changes.transitions.push(ResultChange {
            transition: Transition::Removed,
            result: old.clone(),
        });
    }
    changes.transitions.append(&mut told);
}

fn changed_transition(old: &KnownFinding, new: &KnownFinding) -> Transition {
    let end_moved = old.finding.range.end_ms != new.finding.range.end_ms;
    if new.closed && (!old.closed || end_moved) {
        return Transition::Closed;
    }
    Transition::Extended
}

/// One that came and went within a window is told as both.
fn tell_new(result: &KnownFinding, told: &mut Vec<ResultChange>) {
    told.push(ResultChange {
        transition: Transition::Opened,
        result: result.clone(),
    });
    if result.closed {
        told.push(ResultChange {
            transition: Transition::Closed,
            result: result.clone(),
        });
    }
}

/// Key and host: what spans and findings belong to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// The host.
    pub host_id: HostId,
    /// The key.
    pub key: EvaluationKey,
}
