//! A diagnosed tree as it is drawn: report and explanation put together, copies of a branch grouped.

use std::collections::{HashMap, HashSet};

use aops_api::diagnosis::{Explanation, LeafExplanation};
use aops_api::tree::TreeContent;
use serde_json::Value;

use crate::tree::{Combine, key};

/// How a node came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Mark {
    True,
    /// A leaf without data, which counts as false.
    NoData,
    /// A branch that is false, and would be unknown if leaves without data were.
    Undecided,
    False,
}

impl Mark {
    pub(crate) const ALL: [Mark; 4] = [Mark::True, Mark::False, Mark::NoData, Mark::Undecided];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Mark::True => "[x]",
            Mark::False => "[ ]",
            Mark::NoData => "[?]",
            Mark::Undecided => "[~]",
        }
    }

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Mark::True => "true",
            Mark::False => "false",
            Mark::NoData => "without data, counts as false",
            Mark::Undecided => "false for lack of data",
        }
    }
}

/// A node to be drawn.
pub(crate) struct Sketch<'report> {
    pub(crate) name: &'report str,
    pub(crate) mark: Mark,
    pub(crate) is_on_cause_path: bool,
    pub(crate) kind: SketchKind<'report>,
}

pub(crate) enum SketchKind<'report> {
    /// `None` when the explanation lacks it.
    Leaf(Option<SketchedLeaf<'report>>),
    Branch(Vec<Sketch<'report>>),
    Copies(Copies<'report>),
}

#[derive(Clone, Copy)]
pub(crate) struct SketchedLeaf<'report> {
    pub(crate) leaf: &'report LeafExplanation,
    /// Which leaf of the explanation says what this one reads.
    pub(crate) teller: usize,
}

/// The copies of a branch for the values of a label.
pub(crate) struct Copies<'report> {
    pub(crate) label: &'report str,
    pub(crate) combine: &'report str,
    pub(crate) count: usize,
    /// True ones first, then in tree order.
    pub(crate) groups: Vec<Group<'report>>,
}

/// Copies of which every node came out the same.
pub(crate) struct Group<'report> {
    pub(crate) first: Sketch<'report>,
    /// The values of the others, such as `[sdb]`.
    pub(crate) others: Vec<&'report str>,
}

impl<'report> Sketch<'report> {
    pub(crate) fn of(report: &'report TreeContent, explanation: &'report Explanation) -> Self {
        let unsupported = explanation.unsupported.iter().map(Vec::as_slice);
        let mut sketcher = Sketcher {
            leaves: explanation.leaves.iter().enumerate(),
            unsupported: unsupported.collect(),
            cause_path: &explanation.cause_path,
            path: Vec::new(),
        };
        sketcher.node(report)
    }

    /// What tells groups of copies apart: the marks of the node and of all below.
    fn marks(&self, marks: &mut Vec<Mark>) {
        marks.push(self.mark);
        match &self.kind {
            SketchKind::Leaf(_) => {}
            SketchKind::Branch(children) => {
                for child in children {
                    child.marks(marks);
                }
            }
            SketchKind::Copies(copies) => {
                for group in &copies.groups {
                    group.first.marks(marks);
                    marks.extend(group.others.iter().map(|_| group.first.mark));
                }
            }
        }
    }
}

struct Sketcher<'report> {
    /// Those that have no node yet; they come in tree order.
    leaves: std::iter::Enumerate<std::slice::Iter<'report, LeafExplanation>>,
    unsupported: HashSet<&'report [String]>,
    cause_path: &'report [String],
    path: Vec<String>,
}

impl<'report> Sketcher<'report> {
    fn node(&mut self, content: &'report Value) -> Sketch<'report> {
        let name = content[key::NAME].as_str().unwrap_or_default();
        self.path.push(name.to_owned());
        let kind = match content[key::CHILDREN].as_array() {
            None => SketchKind::Leaf(self.leaves.next().map(|(index, leaf)| SketchedLeaf {
                leaf,
                teller: leaf.same_as.unwrap_or(index),
            })),
            Some(children) => {
                let children: Vec<Sketch> = children.iter().map(|child| self.node(child)).collect();
                match content[key::FOR_EACH].as_str() {
                    Some(label) => SketchKind::Copies(Copies {
                        label,
                        combine: content[key::COMBINE].as_str().unwrap_or(Combine::Any.text()),
                        count: children.len(),
                        groups: grouped(name, children),
                    }),
                    None => SketchKind::Branch(children),
                }
            }
        };
        let sketch = Sketch {
            name,
            mark: self.mark(&content[key::VALUE], &kind),
            is_on_cause_path: self.cause_path.starts_with(&self.path),
            kind,
        };
        self.path.pop();
        sketch
    }

    fn mark(&self, value: &Value, kind: &SketchKind) -> Mark {
        let is_leaf = matches!(kind, SketchKind::Leaf(_));
        match value {
            Value::Bool(true) => Mark::True,
            Value::Bool(false) if is_leaf || !self.unsupported.contains(self.path.as_slice()) => Mark::False,
            Value::Bool(false) => Mark::Undecided,
            _ => Mark::NoData,
        }
    }
}

fn grouped<'report>(name: &str, copies: Vec<Sketch<'report>>) -> Vec<Group<'report>> {
    let mut groups: Vec<Group> = Vec::new();
    let mut seen: HashMap<Vec<Mark>, usize> = HashMap::new();
    for copy in copies {
        let mut marks = Vec::new();
        copy.marks(&mut marks);
        match seen.get(&marks) {
            Some(group) => {
                let value = copy.name.strip_prefix(name).unwrap_or(copy.name);
                groups[*group].others.push(value.trim_start());
            }
            None => {
                seen.insert(marks, groups.len());
                groups.push(Group {
                    first: copy,
                    others: Vec::new(),
                });
            }
        }
    }
    groups.sort_by_key(|group| group.first.mark);
    groups
}
