//! Fills a tree in: values and messages, node by node, as the original does.

use std::collections::BTreeMap;

use aops_api::diagnosis::{Explanation, LeafFinding, LeafSource, Outcome};
use aops_api::finding::FindingValue;
use aops_api::tree::TreeContent;
use serde_json::{Map, Value};

use crate::condition::Truth;
use crate::explanation::explain;
use crate::tree::{Branch, Node, NodeKind, Tree, key};

/// What is known of the check item of a leaf on the host, in the slice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeafInput {
    /// The condition of the rule.
    pub condition: String,
    /// What was found; empty = normal.
    pub findings: Vec<LeafFinding>,
    /// Where the verdict came from. [`LeafSource::NoRule`] is missing data, whatever the findings.
    pub source: LeafSource,
}

/// A diagnosed tree, and what it means. Same inputs, same bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// The tree with `value` and `msg` filled in.
    pub report: TreeContent,
    /// What it means, and why.
    pub explanation: Explanation,
}

impl Diagnosis {
    /// The diagnosis of a tree that could not be evaluated: an empty report.
    pub fn failed() -> Self {
        Self {
            report: Value::Object(Map::new()),
            explanation: Explanation {
                outcome: Outcome::Failed,
                ..Explanation::default()
            },
        }
    }
}

impl Tree {
    /// Diagnoses from what is known of each check item. A check item that is not in `leaves` is missing data.
    pub fn diagnose(&self, leaves: &BTreeMap<String, LeafInput>) -> Diagnosis {
        let judged = JudgedNode::of(self.root(), leaves);
        let mut report = self.content().clone();
        judged.fill(&mut report);
        Diagnosis {
            report,
            explanation: explain(&judged),
        }
    }
}

/// What a leaf reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeafState {
    Abnormal,
    NoData,
    InternalError,
    Normal,
}

impl LeafState {
    /// Abnormal weighs more than No data, that more than Internal error.
    fn of(input: Option<&LeafInput>) -> Self {
        let Some(input) = input else {
            return LeafState::NoData;
        };
        if input.source == LeafSource::NoRule {
            return LeafState::NoData;
        }
        let has = |value| input.findings.iter().any(|finding| finding.value == value);
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
    fn shown(self) -> (Value, &'static str) {
        match self {
            LeafState::Abnormal => (Value::Bool(true), ""),
            LeafState::Normal => (Value::Bool(false), ""),
            LeafState::NoData => (Value::Null, FindingValue::NoData.text()),
            LeafState::InternalError => (Value::Null, FindingValue::InternalError.text()),
        }
    }

    /// The truth when missing data is neither true nor false.
    fn supported_truth(self) -> Truth {
        match self {
            LeafState::Abnormal => Truth::True,
            LeafState::Normal => Truth::False,
            LeafState::NoData | LeafState::InternalError => Truth::Unknown,
        }
    }
}

/// A node with its value.
pub(crate) struct JudgedNode<'tree> {
    pub(crate) node: &'tree Node,
    /// What the node contributes to its parent's condition; a leaf without data contributes false.
    pub(crate) value: bool,
    /// Its value if leaves without data were unknown instead of false.
    pub(crate) supported_truth: Truth,
    pub(crate) detail: JudgedDetail<'tree>,
}

/// What only a leaf or only a branch has.
pub(crate) enum JudgedDetail<'tree> {
    Leaf(JudgedLeaf<'tree>),
    Branch(JudgedBranch<'tree>),
}

pub(crate) struct JudgedLeaf<'tree> {
    state: LeafState,
    pub(crate) check_item: &'tree str,
    pub(crate) input: Option<&'tree LeafInput>,
}

pub(crate) struct JudgedBranch<'tree> {
    pub(crate) branch: &'tree Branch,
    /// In the order of the branch's children.
    pub(crate) children: Vec<JudgedNode<'tree>>,
}

impl<'tree> JudgedNode<'tree> {
    fn of(node: &'tree Node, leaves: &'tree BTreeMap<String, LeafInput>) -> Self {
        match &node.kind {
            NodeKind::Leaf { check_item } => Self::of_leaf(node, check_item, leaves.get(check_item)),
            NodeKind::Branch(branch) => Self::of_branch(node, branch, leaves),
        }
    }

    fn of_leaf(node: &'tree Node, check_item: &'tree str, input: Option<&'tree LeafInput>) -> Self {
        let state = LeafState::of(input);
        Self {
            node,
            value: state == LeafState::Abnormal,
            supported_truth: state.supported_truth(),
            detail: JudgedDetail::Leaf(JudgedLeaf {
                state,
                check_item,
                input,
            }),
        }
    }

    fn of_branch(
        node: &'tree Node,
        branch: &'tree Branch,
        leaves: &'tree BTreeMap<String, LeafInput>,
    ) -> Self {
        let children: Vec<JudgedNode> = branch
            .children
            .iter()
            .map(|child| JudgedNode::of(child, leaves))
            .collect();
        let supported: Vec<Truth> = children.iter().map(|child| child.supported_truth).collect();
        let judged = JudgedBranch { branch, children };
        Self {
            node,
            value: branch.condition.evaluate(&judged.child_values()) == Truth::True,
            supported_truth: branch.condition.evaluate(&supported),
            detail: JudgedDetail::Branch(judged),
        }
    }

    /// Writes values and messages into the content that the tree was read from. An existing key keeps its place.
    fn fill(&self, content: &mut Value) {
        let Some(object) = content.as_object_mut() else {
            return;
        };
        match &self.detail {
            JudgedDetail::Leaf(leaf) => {
                let (value, message) = leaf.state.shown();
                object.insert(key::VALUE.to_owned(), value);
                object.insert(key::MESSAGE.to_owned(), Value::from(message));
            }
            JudgedDetail::Branch(branch) => {
                object.insert(key::VALUE.to_owned(), Value::Bool(self.value));
                let contents = object.get_mut(key::CHILDREN).and_then(Value::as_array_mut);
                for (child, content) in branch.children.iter().zip(contents.into_iter().flatten()) {
                    child.fill(content);
                }
            }
        }
    }
}

impl JudgedBranch<'_> {
    /// The values that decide the branch, none of them unknown.
    pub(crate) fn child_values(&self) -> Vec<Truth> {
        self.children
            .iter()
            .map(|child| Truth::from(child.value))
            .collect()
    }
}
