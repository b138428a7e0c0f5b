//! What a diagnosed tree means: the cause path, what was ruled out, what rests on missing data.

use std::collections::HashMap;

use aops_api::diagnosis::{Explanation, LeafExplanation, LeafSource, Outcome};

use crate::condition::Truth;
use crate::diagnosis::{JudgedDetail, JudgedLeaf, JudgedNode};
use crate::reading::Readings;
use crate::size::json_bytes;

/// How many findings of a leaf a report holds, the worst of them.
pub const MAX_LEAF_FINDINGS: usize = 20;

/// How many findings a report holds of leaves that contributed, and as many of those that did not, before a leaf has no
/// more than its worst one.
pub const MAX_REPORT_FINDINGS: usize = 2_000;

/// How many bytes of JSON an explanation holds of leaves that contributed, and as many of those that did not.
pub const MAX_LEAF_BYTES: usize = 8 * 1024 * 1024;

/// How many bytes of JSON an explanation holds of paths that were ruled out, and as many of those that are unsupported.
pub const MAX_PATH_BYTES: usize = 4 * 1024 * 1024;

/// Explains a judged tree. What is beyond a limit is left out, in tree order; the diagnosed tree beside it is whole, so
/// that [`crate::LeftOut`] can count it.
pub(crate) fn explain(root: &JudgedNode, readings: &Readings) -> Explanation {
    let mut explanation = Explanation {
        outcome: Outcome::CauseNotFound,
        ..Explanation::default()
    };
    if root.value {
        explanation.outcome = Outcome::CauseFound;
        follow_cause(root, &mut explanation);
    }
    let mut lister = Lister {
        explanation,
        readings,
        path: Vec::new(),
        told: HashMap::new(),
        findings_left: [MAX_REPORT_FINDINGS; 2],
        leaf_bytes_left: [MAX_LEAF_BYTES; 2],
        path_bytes_left: [MAX_PATH_BYTES; 2],
    };
    lister.list(root, true);
    lister.explanation
}

/// Goes down from a true node for as long as a true branch below made it true, and takes the last texts on the way.
///
/// Of several such branches it takes the first that does not rest on missing data, if there is one. A true branch that stands under `!`, or beside what decided, is no
/// cause. Leaves do not end the path: they are the reasons of the branch it ends in.
fn follow_cause(root: &JudgedNode, explanation: &mut Explanation) {
    let mut next = Some(root);
    while let Some(node) = next {
        explanation.cause_path.push(node.name.clone().into_owned());
        next = None;
        if let JudgedDetail::Branch(judged) = &node.detail {
            for (text, of_branch) in [
                (&mut explanation.description, &judged.branch.description),
                (&mut explanation.advice, &judged.branch.advice),
            ] {
                // A branch that says nothing leaves what the one above it says.
                if !of_branch.is_empty() {
                    text.clone_from(of_branch);
                }
            }
            let contributors = judged.contributors().into_iter();
            let branches: Vec<&JudgedNode> = contributors
                .map(|position| &judged.children[position])
                .filter(|child| child.value && matches!(child.detail, JudgedDetail::Branch(_)))
                .collect();
            let firm = branches.iter().find(|child| child.supported_truth == Truth::True);
            next = firm.or(branches.first()).copied();
        }
    }
}

/// Lists leaves, false branches and unsupported nodes in tree order.
struct Lister<'tree> {
    explanation: Explanation,
    readings: &'tree Readings<'tree>,
    /// The names above the node at hand.
    path: Vec<String>,
    /// For each reading the leaf that told it.
    told: HashMap<usize, usize>,
    /// For leaves that did not contribute and for those that did.
    findings_left: [usize; 2],
    leaf_bytes_left: [usize; 2],
    /// For paths that were ruled out and for unsupported ones.
    path_bytes_left: [usize; 2],
}

/// Takes from what is left, if there is enough. What comes after something that did not fit may fit again, so that one
/// very long path does not take all others with it.
fn take(left: &mut usize, bytes: usize) -> bool {
    match left.checked_sub(bytes) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    }
}

impl Lister<'_> {
    /// `contributes`: whether the root is what it is because of this node.
    fn list(&mut self, node: &JudgedNode, contributes: bool) {
        self.path.push(node.name.clone().into_owned());
        if node.supported_truth == Truth::Unknown && self.takes_path(1) {
            self.explanation.unsupported.push(self.path.clone());
        }
        match &node.detail {
            JudgedDetail::Leaf(leaf) => {
                let explained = self.leaf(node.value, contributes, leaf);
                let left = &mut self.leaf_bytes_left[usize::from(contributes)];
                if take(left, json_bytes(&explained)) {
                    self.told
                        .entry(leaf.reading)
                        .or_insert(self.explanation.leaves.len());
                    self.explanation.leaves.push(explained);
                }
            }
            JudgedDetail::Branch(judged) => {
                if !node.value && self.takes_path(0) {
                    self.explanation.ruled_out.push(self.path.clone());
                }
                let contributors = contributes.then(|| judged.contributors());
                for (position, child) in judged.children.iter().enumerate() {
                    let contributes = contributors
                        .as_ref()
                        .is_some_and(|contributors| contributors.contains(&position));
                    self.list(child, contributes);
                }
            }
        }
        self.path.pop();
    }

    fn takes_path(&mut self, list: usize) -> bool {
        take(&mut self.path_bytes_left[list], json_bytes(&self.path))
    }

    fn leaf(&mut self, value: bool, contributes: bool, leaf: &JudgedLeaf) -> LeafExplanation {
        let reading = self.readings.get(leaf.reading);
        let index = self.explanation.leaves.len();
        let teller = self.told.get(&leaf.reading).copied().unwrap_or(index);
        let mut explained = LeafExplanation {
            path: self.path.clone(),
            check_item: leaf.check_item.to_owned(),
            condition: String::new(),
            value,
            contributes,
            same_as: (teller != index).then_some(teller),
            findings: Vec::new(),
            findings_left_out: 0,
            source: reading.input.map_or(LeafSource::NoRule, |input| input.source),
            uncovered: Vec::new(),
        };
        if let Some(input) = reading.input
            && teller == index
        {
            let left = &mut self.findings_left[usize::from(contributes)];
            let most = (*left).clamp(1, MAX_LEAF_FINDINGS);
            let findings = reading.findings.iter().take(most);
            explained.findings = findings.map(|finding| (*finding).clone()).collect();
            explained.findings_left_out = reading.findings.len().saturating_sub(most) as u64;
            *left = left.saturating_sub(explained.findings.len());
            explained.condition.clone_from(&input.condition);
            explained.uncovered.clone_from(&input.uncovered);
        }
        explained
    }
}
