//! What a leaf reads: the findings of its rule, those of a copy's value alone within a copy.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use aops_api::Labels;
use aops_api::diagnosis::{LeafFinding, LeafSource};
use aops_api::finding::FindingValue;
use serde_json::Value;

use crate::condition::Truth;
use crate::diagnosis::LeafInput;
use crate::for_each::is_compatible;

/// What a leaf reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafState {
    Abnormal,
    NoData,
    InternalError,
    Normal,
}

impl LeafState {
    /// Abnormal weighs more than No data, that more than Internal error.
    fn of_findings(findings: &[&LeafFinding]) -> Self {
        let has = |value| findings.iter().any(|finding| finding.value == value);
        if has(FindingValue::Abnormal) {
            LeafState::Abnormal
        } else if has(FindingValue::NoData) {
            LeafState::NoData
        } else if has(FindingValue::InternalError) {
            LeafState::InternalError
        } else {
            LeafState::Normal
        }
    }

    /// `value` and `msg` of the report.
    pub(crate) fn shown(self) -> (Value, &'static str) {
        match self {
            LeafState::Abnormal => (Value::Bool(true), ""),
            LeafState::Normal => (Value::Bool(false), ""),
            LeafState::NoData => (Value::Null, FindingValue::NoData.text()),
            LeafState::InternalError => (Value::Null, FindingValue::InternalError.text()),
        }
    }

    /// The truth when missing data is neither true nor false.
    pub(crate) fn supported_truth(self) -> Truth {
        match self {
            LeafState::Abnormal => Truth::True,
            LeafState::Normal => Truth::False,
            LeafState::NoData | LeafState::InternalError => Truth::Unknown,
        }
    }
}

/// What leaves of one check item read, in copies of the same values.
pub(crate) struct Reading<'tree> {
    pub(crate) state: LeafState,
    /// `None` when nothing is known of the check item.
    pub(crate) input: Option<&'tree LeafInput>,
    /// Worst first.
    pub(crate) findings: Vec<&'tree LeafFinding>,
}

/// What is known of a check item.
struct Known<'tree> {
    input: &'tree LeafInput,
    /// The labels that tell its label sets apart; gathered when a copy is read.
    label_names: Option<BTreeSet<&'tree str>>,
    /// For the labels that copies were made for.
    by_label: HashMap<String, ByValue<'tree>>,
}

/// Findings and judged label sets by the value of one label, so that a copy need not look through those of all others.
#[derive(Default)]
struct ByValue<'tree> {
    with: HashMap<&'tree str, Found<'tree>>,
    without: Found<'tree>,
}

#[derive(Default)]
struct Found<'tree> {
    findings: Vec<&'tree LeafFinding>,
    judged: Vec<&'tree Labels>,
}

impl<'tree> ByValue<'tree> {
    fn new(input: &'tree LeafInput, label: &str) -> Self {
        let mut by_value = Self::default();
        for finding in &input.findings {
            by_value.slot(&finding.labels, label).findings.push(finding);
        }
        for labels in &input.judged {
            by_value.slot(labels, label).judged.push(labels);
        }
        by_value
    }

    fn slot(&mut self, labels: &'tree Labels, label: &str) -> &mut Found<'tree> {
        match labels.get(label) {
            Some(value) => self.with.entry(value.as_str()).or_default(),
            None => &mut self.without,
        }
    }
}

impl<'tree> Known<'tree> {
    fn label_names(&mut self) -> &BTreeSet<&'tree str> {
        let input = self.input;
        self.label_names.get_or_insert_with(|| {
            let names = label_sets(input).flat_map(|labels| labels.keys());
            names.map(String::as_str).collect()
        })
    }

    /// The findings that a copy with this binding reads, and whether anything was judged of it: without a finding it is
    /// normal only then. A file of results need not tell what is normal.
    fn of_copy(&mut self, binding: &Labels) -> (Vec<&'tree LeafFinding>, bool) {
        let Some((label, value)) = binding.iter().next() else {
            return (self.input.findings.iter().collect(), true);
        };
        let by_value = self
            .by_label
            .entry(label.clone())
            .or_insert_with(|| ByValue::new(self.input, label));
        let with = by_value.with.get(value.as_str());
        let findings = with
            .into_iter()
            .chain([&by_value.without])
            .flat_map(|found| &found.findings);
        let findings = findings
            .filter(|finding| is_compatible(&finding.labels, binding))
            .copied();
        let has_them = |labels: &&Labels| {
            binding
                .iter()
                .all(|(name, value)| labels.get(name) == Some(value))
        };
        let is_judged = with.is_some_and(|found| found.judged.iter().any(has_them));
        (
            findings.collect(),
            is_judged || self.input.source == LeafSource::Given,
        )
    }
}

/// What has been read so far: each reading once, however many leaves share it.
pub(crate) struct Readings<'tree> {
    known: BTreeMap<&'tree str, Known<'tree>>,
    all: Vec<Reading<'tree>>,
    /// By check item and the part of the binding that matters to it.
    found: HashMap<(&'tree str, Labels), usize>,
}

impl<'tree> Readings<'tree> {
    pub(crate) fn new(leaves: &'tree BTreeMap<String, LeafInput>) -> Self {
        let known = leaves.iter().map(|(check_item, input)| {
            let known = Known {
                input,
                label_names: None,
                by_label: HashMap::new(),
            };
            (check_item.as_str(), known)
        });
        Self {
            known: known.collect(),
            all: Vec::new(),
            found: HashMap::new(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> &Reading<'tree> {
        &self.all[index]
    }

    /// The label sets that were judged for a check item.
    pub(crate) fn label_sets(&self, check_item: &str) -> impl Iterator<Item = &'tree Labels> + use<'tree> {
        let known = self.known.get(check_item).map(|known| known.input);
        known.into_iter().flat_map(label_sets)
    }

    /// What a leaf of this check item reads in a copy with this binding.
    pub(crate) fn read(&mut self, check_item: &'tree str, binding: &Labels) -> usize {
        let mut known = self.known.get_mut(check_item);
        let mut relevant = Labels::new();
        if let Some(known) = known.as_mut().filter(|_| !binding.is_empty()) {
            // A rule without the label is read whole.
            let names = known.label_names();
            let of_rule = binding.iter().filter(|(name, _)| names.contains(name.as_str()));
            relevant.extend(of_rule.map(|(name, value)| (name.clone(), value.clone())));
        }
        let key = (check_item, relevant);
        if let Some(index) = self.found.get(&key) {
            return *index;
        }
        self.all.push(Reading::of(known, &key.1));
        self.found.insert(key, self.all.len() - 1);
        self.all.len() - 1
    }
}

impl<'tree> Reading<'tree> {
    fn of(known: Option<&mut Known<'tree>>, binding: &Labels) -> Self {
        let input = known.as_ref().map(|known| known.input);
        let Some(known) = known.filter(|known| known.input.source != LeafSource::NoRule) else {
            return Self {
                state: LeafState::NoData,
                input,
                findings: Vec::new(),
            };
        };
        let (mut findings, is_judged) = known.of_copy(binding);
        findings.sort_by(|left, right| worst_first(left, right));
        let state = match LeafState::of_findings(&findings) {
            LeafState::Normal if !is_judged => LeafState::NoData,
            state => state,
        };
        Self {
            state,
            input,
            findings,
        }
    }
}

/// Those that were judged, and those that something was found of.
fn label_sets(input: &LeafInput) -> impl Iterator<Item = &Labels> {
    let has_rule = input.source != LeafSource::NoRule;
    let found = input.findings.iter().map(|finding| &finding.labels);
    input.judged.iter().chain(found).filter(move |_| has_rule)
}

/// Abnormal, No data, Internal error; then the larger margin, the earlier start, the labels.
fn worst_first(left: &LeafFinding, right: &LeafFinding) -> Ordering {
    let margin = |finding: &LeafFinding| {
        let worst = finding.evidence.worst.as_ref();
        worst
            .and_then(|sample| sample.margin)
            .unwrap_or(f64::NEG_INFINITY)
    };
    left.value
        .cmp(&right.value)
        .then_with(|| margin(right).total_cmp(&margin(left)))
        .then_with(|| left.range.cmp(&right.range))
        .then_with(|| left.labels.cmp(&right.labels))
        .then_with(|| left.reason.cmp(&right.reason))
}
