//! What is known of one rule on one host over the range of a job, and what a leaf reads of it in a slice. Pure.

use std::collections::BTreeSet;

use aops_api::diagnosis::{LeafFinding, LeafSource};
use aops_api::finding::{CoveredSpan, DecidingSample, Evidence, Finding, FindingValue, KnownOfKey};
use aops_api::{Labels, TimeRange};
use aops_fault_tree::LeafInput;

/// Findings of one rule on one host, stored ones and evaluated ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Verdicts {
    /// Where stored findings speak: in order, not overlapping.
    covered: Vec<TimeRange>,
    /// By start. Of one label set not overlapping.
    findings: Vec<Finding>,
    /// The label sets that were judged, and where.
    judged: Vec<CoveredSpan>,
    /// From here on nothing has happened yet, nor been evaluated.
    future_ms: Option<i64>,
}

impl Verdicts {
    /// What is stored. Findings count where the rule has been judged; elsewhere it is evaluated anew.
    pub(crate) fn stored(known: KnownOfKey, range: TimeRange) -> Self {
        let covered = union(known.coverage.iter().map(|span| span.range.intersect(range)));
        let findings = known
            .findings
            .iter()
            .flat_map(|stored| covered.iter().filter_map(|span| clip(&stored.finding, *span)))
            .collect();
        Self {
            covered,
            findings,
            judged: known.coverage,
            future_ms: None,
        }
    }

    /// What of `range` is not covered.
    pub(crate) fn uncovered(&self, range: TimeRange) -> Vec<TimeRange> {
        range.without(&self.covered)
    }

    /// Adds findings of where nothing is covered.
    pub(crate) fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// Adds which label sets were judged where nothing is covered.
    pub(crate) fn add_judged(&mut self, judged: impl IntoIterator<Item = CoveredSpan>) {
        self.judged.extend(judged);
    }

    /// Adds that the rest of `range`, from `now_ms` on, lies in the future.
    pub(crate) fn add_future(&mut self, range: TimeRange, now_ms: i64) {
        let future = TimeRange::new(range.start_ms.max(now_ms), range.end_ms);
        if !future.is_empty() {
            self.future_ms = Some(future.start_ms);
            self.findings.push(Finding {
                labels: Labels::new(),
                value: FindingValue::NoData,
                range: future,
                evidence: Evidence::default(),
                reason: "not yet happened".to_owned(),
            });
        }
    }

    /// Joins what was cut by the borders of coverage and of fetches. To be called when all is added.
    pub(crate) fn join(&mut self) {
        let mut findings = std::mem::take(&mut self.findings);
        findings.sort_by(|left, right| (&left.labels, left.range).cmp(&(&right.labels, right.range)));
        for finding in findings {
            match self.findings.last_mut() {
                Some(last) if continues(last, &finding) => {
                    last.range.end_ms = finding.range.end_ms;
                    last.evidence.merge(&finding.evidence);
                }
                _ => self.findings.push(finding),
            }
        }
        self.findings.sort_by_key(|finding| finding.range.start_ms);
    }

    /// What a leaf reads in a slice.
    pub(crate) fn leaf_input(&self, condition: &str, slice: TimeRange) -> LeafInput {
        let begun = self
            .findings
            .partition_point(|finding| finding.range.start_ms < slice.end_ms);
        let findings = self.findings[..begun]
            .iter()
            .filter_map(|finding| clip(finding, slice))
            .map(|finding| leaf_finding(finding, slice))
            .collect();
        LeafInput {
            condition: condition.to_owned(),
            findings,
            judged: self.judged_in(slice),
            source: self.source(slice),
            uncovered: self.uncovered(self.past(slice)),
        }
    }

    /// What of a slice does not lie in the future.
    fn past(&self, slice: TimeRange) -> TimeRange {
        let end_ms = self
            .future_ms
            .map_or(slice.end_ms, |future_ms| future_ms.min(slice.end_ms));
        TimeRange::new(slice.start_ms, end_ms.max(slice.start_ms))
    }

    /// The label sets that were judged somewhere in a slice, each once.
    fn judged_in(&self, slice: TimeRange) -> Vec<Labels> {
        let spans = self.judged.iter();
        let inside = spans.filter(|span| !span.range.intersect(slice).is_empty());
        let label_sets: BTreeSet<&Labels> = inside.flat_map(|span| &span.judged).collect();
        label_sets.into_iter().cloned().collect()
    }

    /// Of a slice in the future nothing was evaluated: it is as known as it can be.
    fn source(&self, slice: TimeRange) -> LeafSource {
        let past = self.past(slice);
        let uncovered = self.uncovered(past);
        if uncovered.is_empty() {
            LeafSource::Findings
        } else if uncovered == [past] {
            LeafSource::Evaluated
        } else {
            LeafSource::Both
        }
    }
}

/// The ranges in order, those that overlap or touch made one, empty ones dropped.
fn union(ranges: impl Iterator<Item = TimeRange>) -> Vec<TimeRange> {
    let mut sorted: Vec<TimeRange> = ranges.filter(|range| !range.is_empty()).collect();
    sorted.sort();
    let mut united: Vec<TimeRange> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match united.last_mut() {
            Some(last) if range.start_ms <= last.end_ms => last.end_ms = last.end_ms.max(range.end_ms),
            _ => united.push(range),
        }
    }
    united
}

/// The part of a finding that lies in a range. The evidence stays whole.
fn clip(finding: &Finding, range: TimeRange) -> Option<Finding> {
    let part = finding.range.intersect(range);
    (!part.is_empty()).then(|| Finding {
        range: part,
        ..finding.clone()
    })
}

/// Whether the second is the first, gone on.
fn continues(first: &Finding, second: &Finding) -> bool {
    first.range.end_ms == second.range.start_ms
        && first.labels == second.labels
        && first.value == second.value
        && first.reason == second.reason
}

fn leaf_finding(finding: Finding, slice: TimeRange) -> LeafFinding {
    LeafFinding {
        evidence: evidence_in(&finding.evidence, slice),
        labels: finding.labels,
        value: finding.value,
        range: finding.range,
        reason: finding.reason,
    }
}

/// The samples in the slice. Of a long finding there may be none: then those before it, which opened the finding; never
/// one from after the slice.
fn evidence_in(evidence: &Evidence, slice: TimeRange) -> Evidence {
    let mut inside = evidence_of(evidence, |sample| slice.contains(sample.time_ms));
    if inside == Evidence::default() {
        inside = evidence_of(evidence, |sample| sample.time_ms < slice.end_ms);
    }
    inside
}

fn evidence_of(evidence: &Evidence, counts: impl Fn(&DecidingSample) -> bool) -> Evidence {
    let samples = [&evidence.first, &evidence.worst, &evidence.last];
    let mut some = Evidence::default();
    for sample in samples.into_iter().flatten().filter(|sample| counts(sample)) {
        some.merge(&Evidence::of(sample.clone()));
    }
    some
}

#[cfg(test)]
mod tests;
