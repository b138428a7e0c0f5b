//! A diagnosed tree as it is drawn: report and explanation put together, copies of a branch grouped.

use std::collections::{HashMap, HashSet};
use std::iter::{Enumerate, Peekable};
use std::slice;

use aops_api::diagnosis::{Explanation, LeafExplanation};
use aops_api::tree::TreeContent;
use serde_json::Value;

use crate::tree::{Combine, key};

/// How a node came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Mark {
    True,
    /// A branch that is true, and would be unknown if leaves without data were.
    Unproven,
    /// A leaf without data, which counts as false.
    NoData,
    /// A branch that is false, and would be unknown if leaves without data were.
    Undecided,
    False,
}

impl Mark {
    pub(crate) const ALL: [Mark; 5] = [
        Mark::True,
        Mark::False,
        Mark::NoData,
        Mark::Undecided,
        Mark::Unproven,
    ];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Mark::True => "[x]",
            Mark::Unproven => "[!]",
            Mark::False => "[ ]",
            Mark::NoData => "[?]",
            Mark::Undecided => "[~]",
        }
    }

    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Mark::True => "true",
            Mark::Unproven => "true for lack of data",
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
    /// What a report says of a leaf without data: which of the two reasons it is.
    message: &'report str,
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
            leaves: explanation.leaves.iter().enumerate().peekable(),
            unsupported: unsupported.collect(),
            cause_path: &explanation.cause_path,
            path: Vec::new(),
        };
        sketcher.node(report)
    }

    /// What tells groups of copies apart: how the node came out, and all below.
    fn marks(&self, marks: &mut Vec<(Mark, &'report str)>) {
        let mark = (self.mark, self.message);
        marks.push(mark);
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
                    marks.extend(group.others.iter().map(|_| mark));
                }
            }
        }
    }
}

struct Sketcher<'report> {
    /// Those that have no node yet; they come in tree order.
    leaves: Peekable<Enumerate<slice::Iter<'report, LeafExplanation>>>,
    unsupported: HashSet<&'report [String]>,
    cause_path: &'report [String],
    path: Vec<String>,
}

impl<'report> Sketcher<'report> {
    fn node(&mut self, content: &'report Value) -> Sketch<'report> {
        let name = content[key::NAME].as_str().unwrap_or_default();
        self.path.push(name.to_owned());
        let kind = match content[key::CHILDREN].as_array() {
            None => SketchKind::Leaf(self.leaf()),
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
            message: content[key::MESSAGE].as_str().unwrap_or_default(),
            is_on_cause_path: self.cause_path.starts_with(&self.path),
            kind,
        };
        self.path.pop();
        sketch
    }

    /// The explanation of the leaf at hand, unless it was left out.
    fn leaf(&mut self) -> Option<SketchedLeaf<'report>> {
        let path = &self.path;
        let (index, leaf) = self.leaves.next_if(|(_, leaf)| leaf.path == *path)?;
        Some(SketchedLeaf {
            leaf,
            teller: leaf.same_as.unwrap_or(index),
        })
    }

    fn mark(&self, value: &Value, kind: &SketchKind) -> Mark {
        let is_branch = !matches!(kind, SketchKind::Leaf(_));
        let is_unsupported = is_branch && self.unsupported.contains(self.path.as_slice());
        match (value, is_unsupported) {
            (Value::Bool(true), false) => Mark::True,
            (Value::Bool(true), true) => Mark::Unproven,
            (Value::Bool(false), false) => Mark::False,
            (Value::Bool(false), true) => Mark::Undecided,
            _ => Mark::NoData,
        }
    }
}

fn grouped<'report>(name: &str, copies: Vec<Sketch<'report>>) -> Vec<Group<'report>> {
    let mut groups: Vec<Group> = Vec::new();
    let mut seen: HashMap<Vec<(Mark, &str)>, usize> = HashMap::new();
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
