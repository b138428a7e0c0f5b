//! A valid tree, and what it takes to be one.

mod reader;

use std::collections::BTreeSet;

use aops_api::tree::TreeContent;

use crate::condition::Condition;
use crate::error::TreeError;

/// How many levels a tree may have; the root is the first, and a node with `for each` takes two. Each takes two of the
/// 128 nested containers that a JSON reader follows, and a tree travels inside several more.
pub const MAX_DEPTH: usize = 60;

/// How many objects and lists may be nested in a tree as JSON, keys without a meaning included.
pub const MAX_JSON_DEPTH: usize = 2 * MAX_DEPTH;

/// How many nodes a tree may have.
pub const MAX_NODES: usize = 10_000;

/// How long the name of a node or of a check item may be, in characters.
pub const MAX_NAME_CHARACTERS: usize = 128;

/// The keys of a node that mean something. Others are kept and ignored.
pub(crate) mod key {
    pub(crate) const NAME: &str = "node name";
    pub(crate) const VALUE: &str = "value";
    pub(crate) const CHECK_ITEM: &str = "check item";
    pub(crate) const MESSAGE: &str = "msg";
    pub(crate) const CONDITION: &str = "condition";
    pub(crate) const DESCRIPTION: &str = "description";
    pub(crate) const ADVICE: &str = "advice";
    pub(crate) const CHILDREN: &str = "children";
    pub(crate) const FOR_EACH: &str = "for each";
    pub(crate) const COMBINE: &str = "combine";
}

/// How many errors of a tree are told at once.
pub const MAX_ERRORS: usize = 20;

/// A valid tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    content: TreeContent,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// How long it is as JSON, without its children.
    pub(crate) bytes: usize,
    pub(crate) kind: NodeKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NodeKind {
    /// Reads the verdict of this check item.
    Leaf {
        check_item: String,
    },
    Branch(Branch),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Branch {
    pub(crate) condition: Condition,
    /// The text of the condition.
    pub(crate) condition_text: String,
    /// Makes copies of the branch.
    pub(crate) for_each: Option<ForEach>,
    pub(crate) description: String,
    pub(crate) advice: String,
    pub(crate) children: Vec<Node>,
}

/// One copy of the branch for each value of a label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ForEach {
    pub(crate) label: String,
    pub(crate) combine: Combine,
}

/// What the copies of a branch make of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Combine {
    /// True if one copy is.
    #[default]
    Any,
    /// True if all copies are.
    All,
}

impl Combine {
    pub(crate) const ALL: [Combine; 2] = [Combine::Any, Combine::All];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Combine::Any => "any",
            Combine::All => "all",
        }
    }
}

impl Tree {
    /// Reads a tree from its root node. What the tree does not need is kept as it is: key order, unknown keys. The error
    /// is the first; [`Tree::read`] tells them all.
    pub fn parse(content: &TreeContent) -> Result<Self, TreeError> {
        let root = reader::read(content, 1).map_err(|mut errors| errors.swap_remove(0))?;
        Ok(Self {
            content: content.clone(),
            root,
        })
    }

    /// As [`Tree::parse`], but with up to [`MAX_ERRORS`] errors, at least one.
    pub fn read(content: &TreeContent) -> Result<Self, Vec<TreeError>> {
        let root = reader::read(content, MAX_ERRORS)?;
        Ok(Self {
            content: content.clone(),
            root,
        })
    }

    /// The names of the rules that the leaves read, each once, in tree order.
    pub fn check_items(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let mut items = Vec::new();
        self.root.each_check_item(&mut |item| {
            if seen.insert(item) {
                items.push(item);
            }
        });
        items
    }

    /// The root node as it was read.
    pub(crate) fn content(&self) -> &TreeContent {
        &self.content
    }

    pub(crate) fn root(&self) -> &Node {
        &self.root
    }
}

impl Node {
    pub(crate) fn each_check_item<'tree>(&'tree self, visit: &mut impl FnMut(&'tree str)) {
        match &self.kind {
            NodeKind::Leaf { check_item } => visit(check_item),
            NodeKind::Branch(branch) => {
                for child in &branch.children {
                    child.each_check_item(visit);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
