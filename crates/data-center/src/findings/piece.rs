//! Findings cut and joined.

use aops_api::TimeRange;
use aops_api::finding::Finding;

use super::KnownFinding;

/// A finding on its way through a save.
pub(super) struct Piece {
    pub(super) finding: Finding,
    /// Of what was stored with this end; a new piece is not closed until the spans say so.
    pub(super) closed: bool,
}

/// The findings after `parts` (sorted, not overlapping) have been judged anew: sorted by labels and start, equal
/// neighbours joined.
pub(super) fn replace(known: &[KnownFinding], parts: &[TimeRange], new: &[Finding]) -> Vec<Piece> {
    let kept = known.iter().flat_map(|known| {
        known.finding.range.without(parts).into_iter().map(|range| Piece {
            finding: clip(&known.finding, range),
            closed: known.closed,
        })
    });
    let added = new.iter().flat_map(|finding| {
        parts
            .iter()
            .map(|part| finding.range.intersect(*part))
            .filter(|range| !range.is_empty())
            .map(|range| Piece {
                finding: clip(finding, range),
                closed: false,
            })
    });
    let mut all: Vec<Piece> = kept.chain(added).collect();
    all.sort_by(|left, right| {
        let (left, right) = (&left.finding, &right.finding);
        (&left.labels, left.range).cmp(&(&right.labels, right.range))
    });
    join(all)
}

/// The part of a finding that lies in `range`. Where it is cut, samples beyond the cut are not its own any more; where
/// it is not, a sample before its start may well have decided it.
fn clip(finding: &Finding, range: TimeRange) -> Finding {
    let mut part = finding.clone();
    if finding.range.start_ms < range.start_ms {
        part.evidence.retain(|sample| sample.time_ms >= range.start_ms);
    }
    if range.end_ms < finding.range.end_ms {
        part.evidence.retain(|sample| sample.time_ms < range.end_ms);
    }
    part.range = range;
    part
}

fn join(sorted: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(sorted.len());
    for piece in sorted {
        match joined.last_mut() {
            Some(last) if continues(&last.finding, &piece.finding) => {
                last.finding.range.end_ms = piece.finding.range.end_ms;
                last.finding.evidence.merge(&piece.finding.evidence);
                last.finding.reason = piece.finding.reason;
                last.closed = piece.closed;
            }
            _ => joined.push(piece),
        }
    }
    joined
}

fn continues(left: &Finding, right: &Finding) -> bool {
    left.range.end_ms == right.range.start_ms && left.labels == right.labels && left.value == right.value
}
