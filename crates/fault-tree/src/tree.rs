//! Reads and validates a tree.

use std::collections::BTreeSet;

use aops_api::tree::TreeContent;
use serde_json::{Map, Value};

use crate::condition::{Condition, OPERATORS};
use crate::error::TreeError;

/// How many levels a tree may have; the root is the first. Each takes two of the 128 nested containers that a JSON
/// reader follows, and a tree travels inside several more.
pub const MAX_DEPTH: usize = 60;

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

/// A valid tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    content: TreeContent,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: String,
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
    pub(crate) description: String,
    pub(crate) advice: String,
    pub(crate) children: Vec<Node>,
}

impl Tree {
    /// Reads a tree from its root node. What the tree does not need is kept as it is: key order, unknown keys.
    pub fn parse(content: &TreeContent) -> Result<Self, TreeError> {
        let mut reader = Reader {
            path: Vec::new(),
            nodes: 0,
        };
        let root = reader.root(content)?;
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
    fn each_check_item<'tree>(&'tree self, visit: &mut impl FnMut(&'tree str)) {
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

/// Walks down a tree and knows where it is.
struct Reader {
    path: Vec<String>,
    nodes: usize,
}

impl Reader {
    fn refuse(&self, reason: impl Into<String>) -> TreeError {
        TreeError {
            path: self.path.clone(),
            reason: reason.into(),
            column: None,
        }
    }

    fn root(&mut self, content: &Value) -> Result<Node, TreeError> {
        let name = self.enter(content, "(root)")?;
        let root = self.node(content, name)?;
        if matches!(root.kind, NodeKind::Leaf { .. }) {
            return Err(self.refuse("the root must have a condition and children, not a check item"));
        }
        Ok(root)
    }

    /// Steps down to a node: puts its name on the path and returns it. `placeholder` stands for a node without one.
    fn enter(&mut self, content: &Value, placeholder: &str) -> Result<String, TreeError> {
        self.path.push(placeholder.to_owned());
        let Some(object) = content.as_object() else {
            return Err(self.refuse("a node must be an object"));
        };
        let name = self.name(object, key::NAME)?;
        self.path.pop();
        self.path.push(name.clone());
        Ok(name)
    }

    /// Reads the node that the path ends in.
    fn node(&mut self, content: &Value, name: String) -> Result<Node, TreeError> {
        let Some(object) = content.as_object() else {
            return Err(self.refuse("a node must be an object"));
        };
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.refuse(format!("a tree may have {MAX_NODES} nodes at most")));
        }
        if self.path.len() > MAX_DEPTH {
            return Err(self.refuse(format!("a tree may have {MAX_DEPTH} levels at most")));
        }
        for unsupported in [key::FOR_EACH, key::COMBINE] {
            if object.contains_key(unsupported) {
                return Err(self.refuse(format!("\"{unsupported}\" is not supported yet")));
            }
        }
        match object.get(key::VALUE) {
            Some(Value::Null | Value::Bool(_)) => {}
            Some(_) => return Err(self.refuse("\"value\" must be null, true or false")),
            None => return Err(self.refuse("\"value\" is missing; write \"value\": null")),
        }
        let kind = if object.contains_key(key::CHECK_ITEM) {
            self.leaf(object)?
        } else {
            NodeKind::Branch(self.branch(object)?)
        };
        Ok(Node { name, kind })
    }

    fn leaf(&self, object: &Map<String, Value>) -> Result<NodeKind, TreeError> {
        for of_branch in [key::CONDITION, key::CHILDREN] {
            if object.contains_key(of_branch) {
                return Err(self.refuse(format!(
                    "a node has either a check item or a condition and children; this one has \"check item\" and \
                     \"{of_branch}\""
                )));
            }
        }
        let check_item = self.name(object, key::CHECK_ITEM)?;
        if check_item.contains(',') {
            return Err(self.refuse("\"check item\" contains a comma, which no rule's name may"));
        }
        self.optional_text(object, key::MESSAGE)?;
        Ok(NodeKind::Leaf { check_item })
    }

    fn branch(&mut self, object: &Map<String, Value>) -> Result<Branch, TreeError> {
        let condition = match object.get(key::CONDITION) {
            Some(Value::String(condition)) => condition,
            Some(_) => return Err(self.refuse("\"condition\" must be a text")),
            None => return Err(self.refuse("\"condition\" is missing (a leaf would have \"check item\")")),
        };
        let description = self.optional_text(object, key::DESCRIPTION)?;
        let advice = self.optional_text(object, key::ADVICE)?;
        let children = match object.get(key::CHILDREN) {
            Some(Value::Array(children)) if !children.is_empty() => children,
            Some(Value::Array(_)) => return Err(self.refuse("\"children\" is empty")),
            Some(_) => return Err(self.refuse("\"children\" must be a list")),
            None => return Err(self.refuse("\"children\" is missing")),
        };
        let names = self.child_names(children)?;
        let condition = self.condition(condition, &names)?;
        let mut nodes = Vec::with_capacity(children.len());
        for (child, name) in children.iter().zip(names) {
            self.path.push(name.clone());
            nodes.push(self.node(child, name)?);
            self.path.pop();
        }
        Ok(Branch {
            condition,
            description,
            advice,
            children: nodes,
        })
    }

    fn child_names(&mut self, children: &[Value]) -> Result<Vec<String>, TreeError> {
        let mut names = Vec::with_capacity(children.len());
        let mut seen = BTreeSet::new();
        for (position, child) in children.iter().enumerate() {
            let name = self.enter(child, &format!("(child {})", position + 1))?;
            if let Some(operator) = OPERATORS.into_iter().find(|operator| name.contains(operator)) {
                return Err(self.refuse(format!(
                    "the name contains \"{operator}\": no condition could name this node"
                )));
            }
            if !seen.insert(name.clone()) {
                return Err(self.refuse("a sibling has the same name"));
            }
            self.path.pop();
            names.push(name);
        }
        Ok(names)
    }

    fn condition(&self, text: &str, children: &[String]) -> Result<Condition, TreeError> {
        let names: Vec<&str> = children.iter().map(String::as_str).collect();
        Condition::parse(text, &names).map_err(|error| TreeError {
            path: self.path.clone(),
            reason: error.reason,
            column: Some(error.column),
        })
    }

    /// A required name under `key`.
    fn name(&self, object: &Map<String, Value>, key: &str) -> Result<String, TreeError> {
        let name = match object.get(key) {
            Some(Value::String(name)) => name,
            Some(_) => return Err(self.refuse(format!("\"{key}\" must be a text"))),
            None => return Err(self.refuse(format!("\"{key}\" is missing"))),
        };
        if !(1..=MAX_NAME_CHARACTERS).contains(&name.chars().count()) {
            return Err(self.refuse(format!(
                "\"{key}\" must have 1 to {MAX_NAME_CHARACTERS} characters"
            )));
        }
        if name.chars().any(char::is_control) {
            return Err(self.refuse(format!("\"{key}\" contains a control character")));
        }
        if name.trim() != name {
            return Err(self.refuse(format!("\"{key}\" begins or ends with a blank")));
        }
        Ok(name.clone())
    }

    /// A text that may be absent or null, which is the same as empty.
    fn optional_text(&self, object: &Map<String, Value>, key: &str) -> Result<String, TreeError> {
        match object.get(key) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(self.refuse(format!("\"{key}\" must be a text"))),
        }
    }
}

#[cfg(test)]
mod tests;
