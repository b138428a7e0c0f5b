//! What a diagnosed tree means: the cause path, what was ruled out, what rests on missing data.

use std::cmp::Ordering;

use aops_api::diagnosis::{Explanation, LeafExplanation, LeafFinding, Outcome};

use crate::condition::Truth;
use crate::diagnosis::{JudgedDetail, JudgedLeaf, JudgedNode};

/// Explains a judged tree.
pub(crate) fn explain(root: &JudgedNode) -> Explanation {
    let mut explanation = Explanation {
        outcome: Outcome::CauseNotFound,
        ..Explanation::default()
    };
    if root.value {
        explanation.outcome = Outcome::CauseFound;
        follow_cause(root, &mut explanation);
    }
    let mut path = Vec::new();
    list(root, &mut path, &mut explanation);
    explanation
}

/// Goes down from a true node for as long as a true branch below made it true, and takes the last texts on the way.
///
/// Of several such branches it takes the first. A true branch that stands under `!`, or beside what decided, is no
/// cause. Leaves do not end the path: they are the reasons of the branch it ends in.
fn follow_cause(root: &JudgedNode, explanation: &mut Explanation) {
    let mut next = Some(root);
    while let Some(node) = next {
        explanation.cause_path.push(node.node.name.clone());
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
            let contributors = judged.branch.condition.contributors(&judged.child_values());
            next = contributors
                .into_iter()
                .map(|position| &judged.children[position])
                .find(|child| child.value && matches!(child.detail, JudgedDetail::Branch(_)));
        }
    }
}

/// Lists leaves, false branches and unsupported nodes in tree order. `path` holds the names above `node`.
fn list(node: &JudgedNode, path: &mut Vec<String>, explanation: &mut Explanation) {
    path.push(node.node.name.clone());
    if node.supported_truth == Truth::Unknown {
        explanation.unsupported.push(path.clone());
    }
    match &node.detail {
        JudgedDetail::Leaf(leaf) => explanation.leaves.push(explain_leaf(node.value, leaf, path)),
        JudgedDetail::Branch(judged) => {
            if !node.value {
                explanation.ruled_out.push(path.clone());
            }
            for child in &judged.children {
                list(child, path, explanation);
            }
        }
    }
    path.pop();
}

fn explain_leaf(value: bool, leaf: &JudgedLeaf, path: &[String]) -> LeafExplanation {
    let input = leaf.input.cloned().unwrap_or_default();
    let mut findings = input.findings;
    findings.sort_by(worst_first);
    LeafExplanation {
        path: path.to_vec(),
        check_item: leaf.check_item.to_owned(),
        condition: input.condition,
        value,
        findings,
        source: input.source,
    }
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
