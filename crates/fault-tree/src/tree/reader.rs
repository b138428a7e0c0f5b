//! From the JSON of a tree to its structure.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    Branch, Combine, ForEach, MAX_DEPTH, MAX_JSON_DEPTH, MAX_NAME_CHARACTERS, MAX_NODES, Node, NodeKind, key,
};
use crate::condition::{Condition, OPERATORS};
use crate::error::TreeError;
use crate::nearest::misspelt;
use crate::size::json_bytes;

/// Reads the root and all below. At least one and at most `most_errors` errors, in the order they were met.
pub(super) fn read(content: &Value, most_errors: usize) -> Result<Node, Vec<TreeError>> {
    let mut reader = Reader {
        path: Vec::new(),
        nodes: 0,
        copied_above: 0,
        most_errors,
        errors: Vec::new(),
    };
    match reader.root(content) {
        Ok(root) if reader.errors.is_empty() => Ok(root),
        Ok(_) | Err(Stop::Told | Stop::Full) => Err(reader.errors),
        Err(Stop::At(error)) => {
            reader.errors.push(error);
            Err(reader.errors)
        }
    }
}

/// Why a node is not read to its end.
enum Stop {
    /// This is wrong with it.
    At(TreeError),
    /// What is wrong with it has been kept.
    Told,
    /// Enough errors have been found.
    Full,
}

impl From<TreeError> for Stop {
    fn from(error: TreeError) -> Self {
        Stop::At(error)
    }
}

/// Walks down a tree and knows where it is.
struct Reader {
    path: Vec<String>,
    nodes: usize,
    /// How many nodes of the path have `for each`.
    copied_above: usize,
    most_errors: usize,
    errors: Vec<TreeError>,
}

impl Reader {
    fn refuse(&self, reason: impl Into<String>) -> TreeError {
        TreeError {
            path: self.path.clone(),
            reason: reason.into(),
            column: None,
        }
    }

    /// Keeps an error and goes on, unless it is one too many.
    fn keep(&mut self, error: TreeError) -> Result<(), Stop> {
        self.errors.push(error);
        if self.errors.len() >= self.most_errors {
            return Err(Stop::Full);
        }
        Ok(())
    }

    fn root(&mut self, content: &Value) -> Result<Node, Stop> {
        let name = self.enter(content, "(root)")?;
        let root = self.node(content, name)?;
        if matches!(root.kind, NodeKind::Leaf { .. }) {
            let reason = "the root must have a condition and children, not a check item";
            return Err(self.refuse(reason).into());
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
    fn node(&mut self, content: &Value, name: String) -> Result<Node, Stop> {
        let Some(object) = content.as_object() else {
            return Err(self.refuse("a node must be an object").into());
        };
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            // What follows would say the same of each node.
            let error = self.refuse(format!("a tree may have {MAX_NODES} nodes at most"));
            self.errors.push(error);
            return Err(Stop::Full);
        }
        if self.path.len() + self.copied_above > MAX_DEPTH {
            let counted = match self.copied_above {
                0 => "",
                _ => " (a node with \"for each\" counts as two)",
            };
            let reason = format!("a tree may have {MAX_DEPTH} levels at most{counted}");
            return Err(self.refuse(reason).into());
        }
        let bytes = self.own_bytes(object)?;
        match object.get(key::VALUE) {
            Some(Value::Null | Value::Bool(_)) => {}
            Some(_) => return Err(self.refuse("\"value\" must be null, true or false").into()),
            None => return Err(self.refuse("\"value\" is missing; write \"value\": null").into()),
        }
        let kind = if object.contains_key(key::CHECK_ITEM) {
            self.leaf(object)?
        } else {
            NodeKind::Branch(self.branch(object)?)
        };
        Ok(Node { name, bytes, kind })
    }

    /// How long a node is as JSON, without its children. Refuses values that would make the tree too deep to be read back.
    fn own_bytes(&self, object: &Map<String, Value>) -> Result<usize, TreeError> {
        // A copy of a branch lies two containers below the branch, and has its keys.
        let copied = self.copied_above + usize::from(object.contains_key(key::FOR_EACH));
        let around = 2 * (self.path.len() + copied) - 1;
        let mut bytes = 2;
        for (key, value) in object.iter().filter(|(key, _)| *key != key::CHILDREN) {
            let depth = around + nesting(value);
            if depth > MAX_JSON_DEPTH {
                return Err(self.refuse(format!(
                    "the value of \"{key}\" is nested too deep: with the levels above it there are {depth} objects and \
                     lists inside each other, {MAX_JSON_DEPTH} at most"
                )));
            }
            bytes += json_bytes(key) + json_bytes(value) + 2;
        }
        Ok(bytes)
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
        for of_copies in [key::FOR_EACH, key::COMBINE] {
            if object.contains_key(of_copies) {
                return Err(self.refuse(format!(
                    "a leaf cannot have \"{of_copies}\"; put it on a branch with this leaf as its child"
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

    fn branch(&mut self, object: &Map<String, Value>) -> Result<Branch, Stop> {
        let condition_text = match object.get(key::CONDITION) {
            Some(Value::String(condition)) => condition.clone(),
            Some(_) => return Err(self.refuse("\"condition\" must be a text").into()),
            None => return Err(self.refuse(missing_condition(object)).into()),
        };
        let description = self.optional_text(object, key::DESCRIPTION)?;
        let advice = self.optional_text(object, key::ADVICE)?;
        let for_each = self.for_each(object)?;
        let contents = match object.get(key::CHILDREN) {
            Some(Value::Array(children)) if !children.is_empty() => children,
            Some(Value::Array(_)) => return Err(self.refuse("\"children\" is empty").into()),
            Some(_) => return Err(self.refuse("\"children\" must be a list").into()),
            None => return Err(self.refuse("\"children\" is missing").into()),
        };
        let names = self.child_names(contents)?;
        let condition = match self.condition(&condition_text, &names) {
            Ok(condition) => Some(condition),
            Err(error) => {
                self.keep(error)?;
                None
            }
        };
        self.copied_above += usize::from(for_each.is_some());
        let children = self.children(contents, names)?;
        self.copied_above -= usize::from(for_each.is_some());
        Ok(Branch {
            condition: condition.ok_or(Stop::Told)?,
            condition_text,
            for_each,
            description,
            advice,
            children,
        })
    }

    /// Reads children. One that is wrong is left out, which does not matter, since the tree is refused.
    fn children(&mut self, contents: &[Value], names: Vec<String>) -> Result<Vec<Node>, Stop> {
        let mut nodes = Vec::with_capacity(contents.len());
        let (depth, copied_above) = (self.path.len(), self.copied_above);
        for (content, name) in contents.iter().zip(names) {
            self.path.push(name.clone());
            match self.node(content, name) {
                Ok(node) => nodes.push(node),
                Err(Stop::At(error)) => self.keep(error)?,
                Err(Stop::Told) => {}
                Err(Stop::Full) => return Err(Stop::Full),
            }
            self.path.truncate(depth);
            self.copied_above = copied_above;
        }
        Ok(nodes)
    }

    fn for_each(&self, object: &Map<String, Value>) -> Result<Option<ForEach>, TreeError> {
        let combine = match object.get(key::COMBINE) {
            None => None,
            Some(Value::String(text)) => Combine::ALL.into_iter().find(|combine| combine.text() == text),
            Some(_) => None,
        };
        if combine.is_none() && object.contains_key(key::COMBINE) {
            return Err(self.refuse("\"combine\" must be \"any\" or \"all\""));
        }
        if !object.contains_key(key::FOR_EACH) {
            return match combine {
                None => Ok(None),
                Some(_) => Err(self.refuse("\"combine\" is there without \"for each\"")),
            };
        }
        Ok(Some(ForEach {
            label: self.name(object, key::FOR_EACH)?,
            combine: combine.unwrap_or_default(),
        }))
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

/// How many objects and lists are inside each other; a JSON reader that made the value has bounded it.
fn nesting(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(nesting).max().unwrap_or_default(),
        Value::Object(object) => 1 + object.values().map(nesting).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Says which key stands where `condition` should, if one looks like it.
fn missing_condition(object: &Map<String, Value>) -> String {
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    let looks_alike = [key::CHECK_ITEM, key::CONDITION]
        .into_iter()
        .find_map(|wanted| misspelt(wanted, &keys).map(|found| (wanted, found)));
    match looks_alike {
        Some((wanted, found)) => {
            format!("\"condition\" is missing; is \"{found}\" meant to be \"{wanted}\"?")
        }
        None => "\"condition\" is missing (a leaf would have \"check item\")".to_owned(),
    }
}
