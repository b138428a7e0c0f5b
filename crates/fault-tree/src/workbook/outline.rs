//! From the rows of an outline to a tree.

use std::collections::HashMap;

use aops_api::tree::TreeContent;
use serde_json::{Map, Value};

use super::cells::{Cells, Row};
use super::{NOTES, OTHER_KEY, Places, ReadWorkbook};
use crate::error::WorkbookError;
use crate::tree::{MAX_NAME_CHARACTERS, MAX_NODES, key};

/// Reads an outline. Which nodes are children of which, and which notes belong to which, is checked here; the rest is
/// the tree's to check.
pub(super) fn read(cells: Cells) -> Result<ReadWorkbook, WorkbookError> {
    let root = Draft::branch(cells.root, "A1".to_owned());
    check_name(&root)?;
    let mut outline = Outline {
        nodes: vec![root],
        below: HashMap::new(),
        notes: HashMap::new(),
        open: vec![0],
        items: HashMap::new(),
        names: HashMap::new(),
    };
    for row in cells.rows {
        outline.row(row)?;
    }
    let content = outline.content(0)?;
    Ok(ReadWorkbook {
        content,
        places: outline.nodes.into_iter().map(Draft::into_places).collect(),
        below: outline.below,
    })
}

/// A node that is not finished.
struct Draft {
    name: String,
    cell: String,
    check_item: Option<String>,
    /// Key, value, cell; in the order of the sheet.
    notes: Vec<(String, Value, String)>,
    children: Vec<usize>,
}

impl Draft {
    fn branch(name: String, cell: String) -> Self {
        Self {
            name,
            cell,
            check_item: None,
            notes: Vec::new(),
            children: Vec::new(),
        }
    }

    fn into_places(self) -> Places {
        let mut notes = self.notes.into_iter();
        Places {
            node: self.cell,
            condition: notes
                .find(|(key, ..)| key == key::CONDITION)
                .map(|(_, _, cell)| cell),
        }
    }
}

/// What a row says.
enum Said {
    Note(String, Value),
    Node(Draft),
}

struct Outline {
    /// The root is the first.
    nodes: Vec<Draft>,
    /// Children by parent and name.
    below: HashMap<(usize, String), usize>,
    /// The cells of notes by node and key.
    notes: HashMap<(usize, String), String>,
    /// The root and the nodes down to the last one that was read, by level.
    open: Vec<usize>,
    /// Which name stands for each check item, and in which cell.
    items: HashMap<String, (String, String)>,
    /// Which check item each name of a leaf stands for, and in which cell.
    names: HashMap<String, (String, String)>,
}

impl Outline {
    fn row(&mut self, row: Row) -> Result<(), WorkbookError> {
        // `open` holds the root as well: a row of level 0 stands below it.
        if row.level >= self.open.len() {
            return Err(WorkbookError::at(&row.cell, self.jump(&row)));
        }
        self.open.truncate(row.level + 1);
        let parent = self.open[row.level];
        match said(row)? {
            (Said::Note(key, value), cell) => self.note(parent, key, value, cell),
            (Said::Node(draft), _) => self.node(parent, draft),
        }
    }

    /// Why a row cannot stand where it is.
    fn jump(&self, row: &Row) -> String {
        let above = &self.nodes[self.open[self.open.len() - 1]];
        format!(
            "the row is out of order: it stands at level {}, but the last row that can have something below it is \
             \"{}\" in {}, so level {} is the deepest here",
            row.level + 1,
            above.name,
            above.cell,
            self.open.len()
        )
    }

    fn note(&mut self, parent: usize, key: String, value: Value, cell: String) -> Result<(), WorkbookError> {
        let index = parent;
        let parent = &mut self.nodes[index];
        let noted = (index, key);
        if let Some(first) = self.notes.get(&noted) {
            let key = noted.1;
            let reason = format!("\"{}\" has a note \"{key}\" already, in {first}", parent.name);
            return Err(WorkbookError::at(&cell, reason));
        }
        let key = noted.1.clone();
        self.notes.insert(noted, cell.clone());
        if parent.check_item.is_some() && NOTES.iter().any(|(_, known)| *known == key) {
            let reason = format!(
                "\"{}\" in {} is a leaf, which has no {key}",
                parent.name, parent.cell
            );
            return Err(WorkbookError::at(&cell, reason));
        }
        parent.notes.push((key, value, cell));
        Ok(())
    }

    fn node(&mut self, parent: usize, draft: Draft) -> Result<(), WorkbookError> {
        let above = &self.nodes[parent];
        if above.check_item.is_some() {
            let reason = format!(
                "\"{}\" in {} is a leaf, which has no children",
                above.name, above.cell
            );
            return Err(WorkbookError::at(&draft.cell, reason));
        }
        check_name(&draft)?;
        let place = (parent, draft.name.clone());
        if let Some(twin) = self.below.get(&place) {
            let reason = format!(
                "a sibling has the same name, \"{}\", in {}",
                draft.name, self.nodes[*twin].cell
            );
            return Err(WorkbookError::at(&draft.cell, reason));
        }
        if self.nodes.len() == MAX_NODES {
            let reason = format!("a tree may have {MAX_NODES} nodes at most; this one is one too many");
            return Err(WorkbookError::at(&draft.cell, reason));
        }
        match &draft.check_item {
            Some(check_item) => self.pair(&draft, check_item.clone())?,
            None => self.check_cycle(&draft)?,
        }
        let index = self.nodes.len();
        self.below.insert(place, index);
        self.nodes[parent].children.push(index);
        self.nodes.push(draft);
        self.open.push(index);
        Ok(())
    }

    /// A tree that is drawn may refer to a node again by its name, which a tree cannot do.
    fn check_cycle(&self, draft: &Draft) -> Result<(), WorkbookError> {
        let mut above = self.open.iter().map(|node| &self.nodes[*node]);
        match above.find(|node| node.name == draft.name) {
            None => Ok(()),
            Some(node) => {
                let reason = format!(
                    "\"{}\" stands below \"{}\" in {}: a branch cannot be part of itself; if another one is meant, give \
                     it another name",
                    draft.name, node.name, node.cell
                );
                Err(WorkbookError::at(&draft.cell, reason))
            }
        }
    }

    /// Within a sheet a name of a leaf stands for one check item, and the other way round.
    fn pair(&mut self, draft: &Draft, check_item: String) -> Result<(), WorkbookError> {
        let refuse = |reason: String| Err(WorkbookError::at(&draft.cell, reason));
        if let Some((name, cell)) = self.items.get(&check_item)
            && *name != draft.name
        {
            return refuse(format!(
                "check item \"{check_item}\" has two names: \"{name}\" in {cell} and \"{}\" here; give it one",
                draft.name
            ));
        }
        if let Some((item, cell)) = self.names.get(&draft.name)
            && *item != check_item
        {
            return refuse(format!(
                "\"{}\" stands for two check items: \"{item}\" in {cell} and \"{check_item}\" here; give each a name of \
                 its own",
                draft.name
            ));
        }
        let (name, cell) = (&draft.name, &draft.cell);
        self.items
            .entry(check_item.clone())
            .or_insert_with(|| (name.clone(), cell.clone()));
        self.names
            .entry(name.clone())
            .or_insert_with(|| (check_item, cell.clone()));
        Ok(())
    }

    /// The finished node, keys in the order of the documented format.
    fn content(&self, index: usize) -> Result<TreeContent, WorkbookError> {
        let draft = &self.nodes[index];
        let mut content = Map::new();
        content.insert(key::NAME.to_owned(), Value::from(draft.name.as_str()));
        content.insert(key::VALUE.to_owned(), Value::Null);
        if let Some(check_item) = &draft.check_item {
            content.insert(key::CHECK_ITEM.to_owned(), Value::from(check_item.as_str()));
            content.insert(key::MESSAGE.to_owned(), Value::from(""));
        } else {
            // Standing notes first; they are filled in below.
            content.insert(key::CONDITION.to_owned(), Value::Null);
            content.insert(key::DESCRIPTION.to_owned(), Value::from(""));
            content.insert(key::ADVICE.to_owned(), Value::from(""));
        }
        for (key, value, _) in &draft.notes {
            content.insert(key.clone(), value.clone());
        }
        if draft.check_item.is_none() {
            if !self.notes.contains_key(&(index, key::CONDITION.to_owned())) {
                content.insert(
                    key::CONDITION.to_owned(),
                    Value::from(self.default_condition(draft)?),
                );
            }
            let children = draft.children.iter().map(|child| self.content(*child));
            let children = children.collect::<Result<Vec<Value>, _>>()?;
            content.insert(key::CHILDREN.to_owned(), Value::from(children));
        }
        Ok(Value::Object(content))
    }

    /// Of leaves all must be true, of branches any.
    fn default_condition(&self, draft: &Draft) -> Result<String, WorkbookError> {
        let children: Vec<&Draft> = draft.children.iter().map(|child| &self.nodes[*child]).collect();
        let leaves = children.iter().filter(|child| child.check_item.is_some()).count();
        let operator = match leaves {
            _ if children.is_empty() => {
                let reason = format!(
                    "\"{}\" is neither a leaf nor a branch: nothing stands below it; a leaf is written name | check item",
                    draft.name
                );
                return Err(WorkbookError::at(&draft.cell, reason));
            }
            0 => " || ",
            leaves if leaves == children.len() => " && ",
            _ => {
                let reason = format!(
                    "\"{}\" has both leaves and branches as children: add a row \"condition: …\" below it that says how \
                     they combine",
                    draft.name
                );
                return Err(WorkbookError::at(&draft.cell, reason));
            }
        };
        let names: Vec<&str> = children.iter().map(|child| child.name.as_str()).collect();
        Ok(names.join(operator))
    }
}

/// A name of a node; what else it takes to be one, the tree checks.
fn check_name(draft: &Draft) -> Result<(), WorkbookError> {
    let count = draft.name.chars().count();
    if (1..=MAX_NAME_CHARACTERS).contains(&count) {
        return Ok(());
    }
    let reason = format!("the name has {count} characters; it must have 1 to {MAX_NAME_CHARACTERS}");
    Err(WorkbookError::at(&draft.cell, reason))
}

/// What a row says, and its cell.
fn said(row: Row) -> Result<(Said, String), WorkbookError> {
    let Row { cell, text, .. } = row;
    if let Some((key, value)) = note(&text, &cell)? {
        return Ok((Said::Note(key, value), cell));
    }
    let mut draft = Draft::branch(text, cell.clone());
    if draft.name.contains('|') {
        let parts: Vec<&str> = draft.name.split('|').map(str::trim).collect();
        let [name, check_item] = parts.as_slice() else {
            let reason = "there is more than one \"|\"; a leaf is written name | check item, and a condition begins with \
                          \"condition:\"";
            return Err(WorkbookError::at(&cell, reason));
        };
        draft.check_item = Some((*check_item).to_owned());
        draft.name = (*name).to_owned();
    }
    Ok((Said::Node(draft), cell))
}

/// The key and value of a note; `None` if the text is none.
pub(super) fn note(text: &str, cell: &str) -> Result<Option<(String, Value)>, WorkbookError> {
    for (start, key) in NOTES {
        if let Some(value) = text.strip_prefix(start) {
            return Ok(Some((key.to_owned(), Value::from(value.trim()))));
        }
    }
    let Some((key, value)) = text.strip_prefix(OTHER_KEY).and_then(|rest| rest.split_once(':')) else {
        return Ok(None);
    };
    let key = key.trim();
    if is_known(key) {
        let reason = format!("\"{OTHER_KEY}\" is for keys without a meaning, and \"{key}\" has one");
        return Err(WorkbookError::at(cell, reason));
    }
    match serde_json::from_str(value) {
        Ok(value) => Ok(Some((key.to_owned(), value))),
        Err(error) => {
            let reason =
                format!("the value of \"{key}\" is not JSON: {error}; a text stands in quotation marks");
            Err(WorkbookError::at(cell, reason))
        }
    }
}

/// Whether a key means something in a tree.
pub(super) fn is_known(key: &str) -> bool {
    let others = [
        key::NAME,
        key::VALUE,
        key::CHECK_ITEM,
        key::MESSAGE,
        key::CHILDREN,
    ];
    others.contains(&key) || NOTES.iter().any(|(_, known)| *known == key)
}
