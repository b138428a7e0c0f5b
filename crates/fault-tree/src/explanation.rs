//! What a diagnosed tree means: the cause path, what was ruled out, what rests on missing data.

use std::collections::HashMap;

use aops_api::diagnosis::{Explanation, LeafExplanation, LeafSource, Outcome};

use crate::condition::Truth;
use crate::diagnosis::{JudgedDetail, JudgedLeaf, JudgedNode};
use crate::reading::Readings;

/// How many findings of a leaf a report holds, the worst of them.
pub const MAX_LEAF_FINDINGS: usize = 20;

/// How many findings a report holds of leaves that contributed, and as many of those that did not, before a leaf has no
/// more than its worst one.
pub const MAX_REPORT_FINDINGS: usize = 2_000;

/// Explains a judged tree.
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
    };
    lister.list(root, true);
    lister.explanation
}

/// Goes down from a true node for as long as a true branch below made it true, and takes the last texts on the way.
///
/// Of several such branches it takes the first. A true branch that stands under `!`, or beside what decided, is no
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
            next = judged
                .contributors()
                .into_iter()
                .map(|position| &judged.children[position])
                .find(|child| child.value && matches!(child.detail, JudgedDetail::Branch(_)));
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
}

impl Lister<'_> {
    /// `contributes`: whether the root is what it is because of this node.
    fn list(&mut self, node: &JudgedNode, contributes: bool) {
        self.path.push(node.name.clone().into_owned());
        if node.supported_truth == Truth::Unknown {
            self.explanation.unsupported.push(self.path.clone());
        }
        match &node.detail {
            JudgedDetail::Leaf(leaf) => {
                let explained = self.leaf(node.value, contributes, leaf);
                self.explanation.leaves.push(explained);
            }
            JudgedDetail::Branch(judged) => {
                if !node.value {
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

    fn leaf(&mut self, value: bool, contributes: bool, leaf: &JudgedLeaf) -> LeafExplanation {
        let reading = self.readings.get(leaf.reading);
        let index = self.explanation.leaves.len();
        let teller = *self.told.entry(leaf.reading).or_insert(index);
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
