//! Fills a tree in: values and messages, node by node, as the original does; copies of branches where they are wanted.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aops_api::diagnosis::{Explanation, LeafFinding, LeafSource, Outcome};
use aops_api::tree::TreeContent;
use aops_api::{Labels, TimeRange};
use serde_json::{Map, Value};

use crate::condition::{Operator, Truth};
use crate::explanation::explain;
use crate::for_each::values;
use crate::reading::{LeafState, Readings};
use crate::size::json_bytes;
use crate::tree::{Branch, Combine, ForEach, Node, NodeKind, Tree, key};

/// How many nodes a diagnosed tree may have, copies included.
pub const MAX_DIAGNOSED_NODES: usize = 100_000;

/// How long a diagnosed tree may be as JSON. A report holds an explanation beside it, and is saved in one request.
pub const MAX_DIAGNOSED_BYTES: usize = 12 * 1024 * 1024;

/// What the value and the message of a node add to it at most.
const FILLED_IN_BYTES: usize = 32;

/// What is known of the check item of a leaf on the host, in the slice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeafInput {
    /// The condition of the rule.
    pub condition: String,
    /// What was found; empty = normal.
    pub findings: Vec<LeafFinding>,
    /// The label sets that were judged; `for each` takes its values from them. Those of `findings` count as well.
    pub judged: Vec<Labels>,
    /// Where the verdict came from. [`LeafSource::NoRule`] is missing data, whatever the findings.
    pub source: LeafSource,
    /// Where nothing was stored and the rule was evaluated.
    pub uncovered: Vec<TimeRange>,
}

/// A diagnosed tree, and what it means. Same inputs, same bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// The tree with `value` and `msg` filled in. A branch with `for each` has one copy of itself for each value as its
    /// children, named `name [value]`.
    pub report: TreeContent,
    /// What it means, and why.
    pub explanation: Explanation,
}

impl Diagnosis {
    /// The diagnosis of a tree that could not be evaluated, and why: an empty report.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self {
            report: Value::Object(Map::new()),
            explanation: Explanation {
                outcome: Outcome::Failed,
                reason: reason.into(),
                ..Explanation::default()
            },
        }
    }
}

impl Tree {
    /// Diagnoses from what is known of each check item. A check item that is not in `leaves` is missing data.
    pub fn diagnose(&self, leaves: &BTreeMap<String, LeafInput>) -> Diagnosis {
        let mut judge = Judge {
            readings: Readings::new(leaves),
            binding: Labels::new(),
            nodes: 0,
            bytes: 0,
        };
        match judge.node(self.root()) {
            Ok(judged) => Diagnosis {
                report: judged.filled(self.content()),
                explanation: explain(&judged, &judge.readings),
            },
            Err(TooMuch::Nodes) => Diagnosis::failed(format!(
                "with a copy for each value the tree would have more than {MAX_DIAGNOSED_NODES} nodes"
            )),
            Err(TooMuch::Bytes) => Diagnosis::failed(format!(
                "the diagnosed tree, with a copy for each value, would have more than {MAX_DIAGNOSED_BYTES} bytes; shorten \
                 the texts and the further keys of what is copied most often"
            )),
        }
    }
}

/// A node with its value.
pub(crate) struct JudgedNode<'tree> {
    /// That of a copy tells of which value.
    pub(crate) name: Cow<'tree, str>,
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
    /// Which of the readings.
    pub(crate) reading: usize,
}

pub(crate) struct JudgedBranch<'tree> {
    pub(crate) branch: &'tree Branch,
    /// What the children are: those of the branch, in their order, or copies of it.
    copies: Option<Combine>,
    pub(crate) children: Vec<JudgedNode<'tree>>,
}

/// What a diagnosed tree would have too much of.
enum TooMuch {
    Nodes,
    Bytes,
}

/// Walks down a tree.
struct Judge<'tree> {
    readings: Readings<'tree>,
    /// The values of the copies around.
    binding: Labels,
    nodes: usize,
    bytes: usize,
}

impl<'tree> Judge<'tree> {
    fn node(&mut self, node: &'tree Node) -> Result<JudgedNode<'tree>, TooMuch> {
        let name = Cow::Borrowed(node.name.as_str());
        match &node.kind {
            NodeKind::Leaf { check_item } => {
                self.count(node.bytes)?;
                self.leaf(name, check_item)
            }
            NodeKind::Branch(branch) => {
                self.count(node.bytes)?;
                match &branch.for_each {
                    Some(for_each) => self.copies(node, branch, for_each),
                    None => self.branch(name, branch),
                }
            }
        }
    }

    /// Counts a node of this length.
    fn count(&mut self, bytes: usize) -> Result<(), TooMuch> {
        self.nodes += 1;
        self.bytes = self.bytes.saturating_add(bytes + FILLED_IN_BYTES);
        if self.nodes > MAX_DIAGNOSED_NODES {
            return Err(TooMuch::Nodes);
        }
        if self.bytes > MAX_DIAGNOSED_BYTES {
            return Err(TooMuch::Bytes);
        }
        Ok(())
    }

    fn leaf(&mut self, name: Cow<'tree, str>, check_item: &'tree str) -> Result<JudgedNode<'tree>, TooMuch> {
        let reading = self.readings.read(check_item, &self.binding);
        let state = self.readings.get(reading).state;
        Ok(JudgedNode {
            name,
            value: state == LeafState::Abnormal,
            supported_truth: state.supported_truth(),
            detail: JudgedDetail::Leaf(JudgedLeaf {
                state,
                check_item,
                reading,
            }),
        })
    }

    /// The branch itself, or one copy of it.
    fn branch(&mut self, name: Cow<'tree, str>, branch: &'tree Branch) -> Result<JudgedNode<'tree>, TooMuch> {
        let children = branch.children.iter().map(|child| self.node(child));
        let judged = JudgedBranch {
            branch,
            copies: None,
            children: children.collect::<Result<_, _>>()?,
        };
        Ok(judged.into_node(name))
    }

    fn copies(
        &mut self,
        node: &'tree Node,
        branch: &'tree Branch,
        for_each: &'tree ForEach,
    ) -> Result<JudgedNode<'tree>, TooMuch> {
        let label = &for_each.label;
        let outer = self.binding.get(label).cloned();
        let mut children = Vec::new();
        for value in values(node, label, &self.binding, &mut self.readings) {
            let name = format!("{} [{value}]", node.name);
            self.count(node.bytes.saturating_add(json_bytes(&value)))?;
            self.binding.insert(label.clone(), value.to_owned());
            children.push(self.branch(Cow::Owned(name), branch)?);
            match &outer {
                Some(outer) => self.binding.insert(label.clone(), outer.clone()),
                None => self.binding.remove(label),
            };
        }
        let judged = JudgedBranch {
            branch,
            copies: Some(for_each.combine),
            children,
        };
        Ok(judged.into_node(Cow::Borrowed(&node.name)))
    }
}

impl<'tree> JudgedBranch<'tree> {
    fn into_node(self, name: Cow<'tree, str>) -> JudgedNode<'tree> {
        let supported: Vec<Truth> = self.children.iter().map(|child| child.supported_truth).collect();
        JudgedNode {
            name,
            value: self.evaluate(&self.child_values(), false.into()) == Truth::True,
            supported_truth: self.evaluate(&supported, Truth::Unknown),
            detail: JudgedDetail::Branch(self),
        }
    }

    /// `without_copies` is the value of a branch whose label has no value on the host.
    fn evaluate(&self, children: &[Truth], without_copies: Truth) -> Truth {
        let Some(combine) = self.copies else {
            return self.branch.condition.evaluate(children);
        };
        let operator = combine.operator();
        let values = children.iter().copied();
        values
            .reduce(|left, right| operator.apply(left, right))
            .unwrap_or(without_copies)
    }

    /// Whether the children are copies of the branch rather than its own.
    pub(crate) fn has_copies(&self) -> bool {
        self.copies.is_some()
    }

    /// The children that made the branch what it is; see [`crate::condition::Condition::contributors`].
    pub(crate) fn contributors(&self) -> BTreeSet<usize> {
        let values = self.child_values();
        let Some(combine) = self.copies else {
            return self.branch.condition.contributors(&values);
        };
        let outcome = self.evaluate(&values, Truth::False);
        let one_is_enough = combine.operator().is_decided_by_one(outcome == Truth::True);
        let decides = |child: &usize| !one_is_enough || values[*child] == outcome;
        (0..values.len()).filter(decides).collect()
    }

    /// The values that decide the branch, none of them unknown.
    fn child_values(&self) -> Vec<Truth> {
        self.children
            .iter()
            .map(|child| Truth::from(child.value))
            .collect()
    }
}

impl Combine {
    fn operator(self) -> Operator {
        match self {
            Combine::Any => Operator::Or,
            Combine::All => Operator::And,
        }
    }
}

impl JudgedNode<'_> {
    /// Whether it stands for one value of a label; no other node has a name of its own.
    fn is_copy(&self) -> bool {
        matches!(self.name, Cow::Owned(_))
    }

    /// The content that the node was read from, with values and messages. An existing key keeps its place.
    fn filled(&self, content: &Value) -> Value {
        let Some(object) = content.as_object() else {
            return content.clone();
        };
        let mut filled = Map::with_capacity(object.len() + 1);
        let is_copy = self.is_copy();
        for (key, value) in object {
            match key.as_str() {
                key::FOR_EACH | key::COMBINE if is_copy => continue,
                key::NAME if is_copy => filled.insert(key.clone(), Value::from(self.name.as_ref())),
                key::CHILDREN => filled.insert(key.clone(), self.filled_children(content, value)),
                _ => filled.insert(key.clone(), value.clone()),
            };
        }
        match &self.detail {
            JudgedDetail::Leaf(leaf) => {
                let (value, message) = leaf.state.shown();
                filled.insert(key::VALUE.to_owned(), value);
                filled.insert(key::MESSAGE.to_owned(), Value::from(message));
            }
            JudgedDetail::Branch(_) => {
                filled.insert(key::VALUE.to_owned(), Value::Bool(self.value));
            }
        }
        Value::Object(filled)
    }

    fn filled_children(&self, content: &Value, contents: &Value) -> Value {
        let JudgedDetail::Branch(branch) = &self.detail else {
            return contents.clone();
        };
        let children = branch.children.iter();
        let fill = |(child, content): (&JudgedNode, &Value)| child.filled(content);
        if branch.has_copies() {
            return children.map(|copy| fill((copy, content))).collect();
        }
        let contents = contents.as_array().into_iter().flatten();
        children.zip(contents).map(fill).collect()
    }
}
