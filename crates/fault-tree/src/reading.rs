//! What a leaf reads: the findings of its rule, those of a copy's value alone within a copy.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use aops_api::Labels;
use aops_api::diagnosis::{LeafFinding, LeafSource};
use aops_api::finding::FindingValue;
use serde_json::Value;

use crate::condition::Truth;
use crate::diagnosis::LeafInput;
use crate::tree::Node;

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
    found: HashMap<Vec<String>, Index<'tree, Found<'tree>>>,
    /// For the labels that copies were made for, and a further one: its values.
    values: HashMap<(Vec<String>, &'tree str), Index<'tree, BTreeSet<&'tree str>>>,
}

/// Something by the values of some labels, so that a copy need not look through what is there of all others. A label set
/// may lack some of the labels: by which of them it has, a bit for each, and then by the values of those.
struct Index<'tree, Entry> {
    by_labels: BTreeMap<u64, HashMap<Vec<&'tree str>, Entry>>,
}

/// How many labels an index is made for; each takes two of the levels of a tree.
const MOST_INDEXED: usize = crate::tree::MAX_DEPTH / 2;

#[derive(Default)]
struct Found<'tree> {
    findings: Vec<&'tree LeafFinding>,
    is_judged: bool,
}

impl<'tree, Entry: Default> Index<'tree, Entry> {
    fn new() -> Self {
        Self {
            by_labels: BTreeMap::new(),
        }
    }

    /// What is kept for label sets that have the same of these labels.
    fn entry(&mut self, labels: &'tree Labels, names: &[String]) -> &mut Entry {
        let mut which = 0;
        let mut values = Vec::new();
        for (position, name) in names.iter().take(MOST_INDEXED).enumerate() {
            if let Some(value) = labels.get(name) {
                which |= 1 << position;
                values.push(value.as_str());
            }
        }
        self.by_labels
            .entry(which)
            .or_default()
            .entry(values)
            .or_default()
    }

    /// What is kept for label sets that have no other value than the binding, and whether they have all of its labels.
    fn of_copy<'index>(&'index self, binding: &'index Labels) -> impl Iterator<Item = (&'index Entry, bool)> {
        self.by_labels.iter().rev().filter_map(|(which, by_value)| {
            let bound = binding.values().take(MOST_INDEXED).enumerate();
            let values: Vec<&str> = bound
                .filter(|(position, _)| which & (1 << position) != 0)
                .map(|(_, value)| value.as_str())
                .collect();
            let has_all = values.len() == binding.len();
            Some((by_value.get(values.as_slice())?, has_all))
        })
    }
}

fn names(binding: &Labels) -> Vec<String> {
    binding.keys().cloned().collect()
}

impl<'tree> Known<'tree> {
    fn new(input: &'tree LeafInput) -> Self {
        Self {
            input,
            label_names: None,
            found: HashMap::new(),
            values: HashMap::new(),
        }
    }

    fn label_names(&mut self) -> &BTreeSet<&'tree str> {
        let input = self.input;
        self.label_names.get_or_insert_with(|| {
            let names = label_sets(input).flat_map(|labels| labels.keys());
            names.map(String::as_str).collect()
        })
    }

    /// The part of a binding that tells label sets of this check item apart.
    fn relevant(&mut self, binding: &Labels) -> Labels {
        if binding.is_empty() {
            return Labels::new();
        }
        let names = self.label_names();
        let of_rule = binding.iter().filter(|(name, _)| names.contains(name.as_str()));
        of_rule
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// The findings that a copy with this binding reads, and whether anything was judged of it: without a finding it is
    /// normal only then. A file of results need not tell what is normal.
    fn of_copy(&mut self, binding: &Labels) -> (Vec<&'tree LeafFinding>, bool) {
        let input = self.input;
        if binding.is_empty() {
            return (input.findings.iter().collect(), true);
        }
        let names = names(binding);
        let index = self.found.entry(names.clone()).or_insert_with(|| {
            let mut index = Index::<Found>::new();
            for finding in &input.findings {
                index.entry(&finding.labels, &names).findings.push(finding);
            }
            for labels in &input.judged {
                index.entry(labels, &names).is_judged = true;
            }
            index
        });
        let mut findings = Vec::new();
        let mut is_judged = input.source == LeafSource::Given;
        for (found, has_all) in index.of_copy(binding) {
            findings.extend(&found.findings);
            is_judged |= has_all && found.is_judged;
        }
        (findings, is_judged)
    }

    /// Adds the values of a label in what was judged and is compatible with a binding.
    fn add_values(&mut self, label: &'tree str, binding: &Labels, values: &mut BTreeSet<&'tree str>) {
        let binding = self.relevant(binding);
        let input = self.input;
        let names = names(&binding);
        let key = (names.clone(), label);
        let index = self.values.entry(key).or_insert_with(|| {
            let mut index = Index::<BTreeSet<&str>>::new();
            for labels in label_sets(input) {
                if let Some(value) = labels.get(label) {
                    index.entry(labels, &names).insert(value.as_str());
                }
            }
            index
        });
        for (found, _) in index.of_copy(&binding) {
            values.extend(found);
        }
    }
}

/// What has been read so far: each reading once, however many leaves share it.
pub(crate) struct Readings<'tree> {
    known: BTreeMap<&'tree str, Known<'tree>>,
    all: Vec<Reading<'tree>>,
    /// By check item and the part of the binding that matters to it.
    found: HashMap<(&'tree str, Labels), usize>,
    /// The check items below a node whose label sets have a label.
    with_label: HashMap<(*const Node, &'tree str), Rc<[&'tree str]>>,
}

impl<'tree> Readings<'tree> {
    pub(crate) fn new(leaves: &'tree BTreeMap<String, LeafInput>) -> Self {
        let known = leaves
            .iter()
            .map(|(check_item, input)| (check_item.as_str(), Known::new(input)));
        Self {
            known: known.collect(),
            all: Vec::new(),
            found: HashMap::new(),
            with_label: HashMap::new(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> &Reading<'tree> {
        &self.all[index]
    }

    /// The check items below a node whose label sets have a label. Looked for once: a node may be copied many times.
    pub(crate) fn with_label(&mut self, node: &'tree Node, label: &'tree str) -> Rc<[&'tree str]> {
        let known = &mut self.known;
        let found = self
            .with_label
            .entry((std::ptr::from_ref(node), label))
            .or_insert_with(|| {
                let mut check_items = BTreeSet::new();
                node.each_check_item(&mut |item| {
                    check_items.insert(item);
                });
                let has_label = |item: &&'tree str| {
                    known
                        .get_mut(*item)
                        .is_some_and(|known| known.label_names().contains(label))
                };
                check_items.into_iter().filter(has_label).collect()
            });
        found.clone()
    }

    /// Adds the values of a label in what was judged for a check item and is compatible with a binding.
    pub(crate) fn add_values(
        &mut self,
        check_item: &str,
        label: &'tree str,
        binding: &Labels,
        values: &mut BTreeSet<&'tree str>,
    ) {
        if let Some(known) = self.known.get_mut(check_item) {
            known.add_values(label, binding, values);
        }
    }

    /// What a leaf of this check item reads in a copy with this binding.
    pub(crate) fn read(&mut self, check_item: &'tree str, binding: &Labels) -> usize {
        let mut known = self.known.get_mut(check_item);
        // A rule without the label is read whole.
        let relevant = known.as_mut().map(|known| known.relevant(binding));
        let key = (check_item, relevant.unwrap_or_default());
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
