//! From a tree to a workbook. What was written is read back before it is given out: nothing is lost in silence.

use std::collections::HashMap;

use aops_api::tree::TreeContent;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};
use serde_json::{Map, Value};

use super::outline::{is_known, note};
use super::{BOOKKEEPING, MAX_CELL_CHARACTERS, NOTES, OTHER_KEY, SHEET, read_workbook};
use crate::error::{TreeError, WorkbookError, WriteError};
use crate::tree::{Node, NodeKind, Tree, key};

/// A workbook that holds a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenWorkbook {
    /// The file. Same tree, same bytes.
    pub bytes: Vec<u8>,
    /// What of the tree a workbook cannot hold and what is therefore not in it.
    pub remarks: Vec<String>,
}

/// Writes a tree. One that a workbook cannot hold is refused, with the node.
pub fn write_workbook(content: &TreeContent) -> Result<WrittenWorkbook, WriteError> {
    let tree = Tree::parse(content)?;
    let mut checker = Checker::default();
    checker.node(tree.root())?;
    let expected = normal_form(content);
    let mut rows = Vec::new();
    outline(&expected, 0, &mut rows);
    // A cell of a file that is never written tells nobody anything: what does not fit is told by its node.
    if let Some(row) = rows
        .iter()
        .position(|(_, text)| text.chars().count() > MAX_CELL_CHARACTERS)
    {
        let reason = format!(
            "in a workbook a cell holds {MAX_CELL_CHARACTERS} characters at most, and a text of this node has more"
        );
        return Err(of_row(&expected, row, reason).into());
    }
    let bytes = workbook(&expected, &rows)?;
    let read = read_workbook(&bytes).map_err(|error| match error {
        WorkbookError::Cell { cell, reason } => {
            // The rows begin below the header.
            let number = cell.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
            let row = number.parse::<usize>().unwrap_or_default();
            let reason = format!("a workbook cannot hold this node: {reason}");
            match row.checked_sub(3) {
                Some(row) => of_row(&expected, row, reason).into(),
                None => of_row(&expected, usize::MAX, reason).into(),
            }
        }
        other => WriteError::ReadBack(other),
    })?;
    if let Some((path, key)) = first_difference(&expected, &read.content, &mut Vec::new()) {
        let reason = format!("a workbook cannot hold its \"{key}\" as it is");
        return Err(TreeError {
            path,
            reason,
            column: None,
        }
        .into());
    }
    Ok(WrittenWorkbook {
        bytes,
        remarks: remarks(content, &expected),
    })
}

/// An error of the node that a row was written for: its own row, or a note about it. The root if there is no such row.
fn of_row(normal: &Value, row: usize, reason: String) -> TreeError {
    let mut path = Vec::new();
    if !follow_row(normal, &mut row.saturating_add(1), &mut path) {
        path = vec![normal[key::NAME].as_str().unwrap_or_default().to_owned()];
    }
    TreeError {
        path,
        reason,
        column: None,
    }
}

/// Goes to the node of a row, as [`outline`] writes them; `rows_left` counts down to it.
fn follow_row(normal: &Value, rows_left: &mut usize, path: &mut Vec<String>) -> bool {
    let name = normal[key::NAME].as_str().unwrap_or_default();
    path.push(name.to_owned());
    let mut own = Vec::new();
    notes(normal, 0, &mut own);
    if *rows_left <= own.len() {
        return true;
    }
    *rows_left -= own.len();
    for child in normal[key::CHILDREN].as_array().into_iter().flatten() {
        *rows_left -= 1;
        if *rows_left == 0 {
            path.push(child[key::NAME].as_str().unwrap_or_default().to_owned());
            return true;
        }
        if follow_row(child, rows_left, path) {
            return true;
        }
    }
    path.pop();
    false
}

/// Looks for names that a row could not hold, or that would be read as something else.
#[derive(Default)]
struct Checker {
    path: Vec<String>,
    items: HashMap<String, String>,
    names: HashMap<String, String>,
}

impl Checker {
    fn refuse(&self, reason: String) -> TreeError {
        TreeError {
            path: self.path.clone(),
            reason,
            column: None,
        }
    }

    fn node(&mut self, node: &Node) -> Result<(), TreeError> {
        let is_part_of_itself = matches!(node.kind, NodeKind::Branch(_)) && self.path.contains(&node.name);
        self.path.push(node.name.clone());
        if node.name.contains('|') {
            return Err(self.refuse("in a workbook \"|\" cannot be part of a name".to_owned()));
        }
        // As the beginning of a row it would be a note.
        let text = format!("{} |", node.name);
        if self.path.len() > 1 && !matches!(note(&text, ""), Ok(None)) {
            return Err(self.refuse("in a workbook the name would be read as a note".to_owned()));
        }
        if is_part_of_itself {
            let reason = "in a workbook a branch cannot have the name of one above it".to_owned();
            return Err(self.refuse(reason));
        }
        match &node.kind {
            NodeKind::Leaf { check_item } => self.pair(&node.name, check_item)?,
            NodeKind::Branch(branch) => {
                for child in &branch.children {
                    self.node(child)?;
                }
            }
        }
        self.path.pop();
        Ok(())
    }

    fn pair(&mut self, name: &str, check_item: &str) -> Result<(), TreeError> {
        if check_item.contains('|') {
            return Err(self.refuse("in a workbook \"|\" cannot be part of a check item".to_owned()));
        }
        let other_name = self.items.insert(check_item.to_owned(), name.to_owned());
        if let Some(other) = other_name.filter(|other| other != name) {
            return Err(self.refuse(format!(
                "in a workbook a check item has one name, and \"{check_item}\" is called \"{other}\" elsewhere"
            )));
        }
        let other_item = self.names.insert(name.to_owned(), check_item.to_owned());
        if let Some(other) = other_item.filter(|other| other != check_item) {
            return Err(self.refuse(format!(
                "in a workbook a name stands for one check item, and this one stands for \"{other}\" elsewhere"
            )));
        }
        Ok(())
    }
}

/// The tree as a workbook gives it back: keys in the order of the documented format, texts trimmed, no values.
fn normal_form(content: &Value) -> Value {
    let mut normal = Map::new();
    let text = |key: &str| Value::from(content[key].as_str().unwrap_or_default().trim());
    normal.insert(key::NAME.to_owned(), content[key::NAME].clone());
    normal.insert(key::VALUE.to_owned(), Value::Null);
    if content.get(key::CHECK_ITEM).is_some() {
        normal.insert(key::CHECK_ITEM.to_owned(), content[key::CHECK_ITEM].clone());
        normal.insert(key::MESSAGE.to_owned(), Value::from(""));
    } else {
        for key in [key::CONDITION, key::DESCRIPTION, key::ADVICE] {
            normal.insert(key.to_owned(), text(key));
        }
        for key in [key::FOR_EACH, key::COMBINE] {
            if content.get(key).is_some() {
                normal.insert(key.to_owned(), text(key));
            }
        }
    }
    let others = content.as_object().into_iter().flatten();
    for (key, value) in others.filter(|(key, _)| !is_known(key)) {
        normal.insert(key.clone(), value.clone());
    }
    if let Some(children) = content[key::CHILDREN].as_array() {
        let children = children.iter().map(normal_form).collect();
        normal.insert(key::CHILDREN.to_owned(), Value::Array(children));
    }
    Value::Object(normal)
}

/// Level and text of the notes about a node.
fn notes(normal: &Value, level: usize, rows: &mut Vec<(usize, String)>) {
    for (start, key) in NOTES {
        match normal[key].as_str() {
            Some(text) if !text.is_empty() => rows.push((level, format!("{start} {text}"))),
            _ => {}
        }
    }
    let others = normal.as_object().into_iter().flatten();
    for (key, value) in others.filter(|(key, _)| !is_known(key)) {
        rows.push((level, format!("{OTHER_KEY}{key}: {value}")));
    }
}

/// Level and text of each row below a node.
fn outline(normal: &Value, level: usize, rows: &mut Vec<(usize, String)>) {
    notes(normal, level, rows);
    for child in normal[key::CHILDREN].as_array().into_iter().flatten() {
        let name = child[key::NAME].as_str().unwrap_or_default();
        let text = match child[key::CHECK_ITEM].as_str() {
            Some(check_item) => format!("{name} | {check_item}"),
            None => name.to_owned(),
        };
        rows.push((level, text));
        outline(child, level + 1, rows);
    }
}

fn workbook(normal: &Value, rows: &[(usize, String)]) -> Result<Vec<u8>, XlsxError> {
    let levels = rows.iter().map(|(level, _)| level + 1).max().unwrap_or(1);
    let mut workbook = Workbook::new();
    // The moment of writing would make each file another.
    let made = ExcelDateTime::from_ymd(2000, 1, 1)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
    let sheet = workbook.add_worksheet();
    sheet.set_name(SHEET)?;
    let bold = Format::new().set_bold();
    let last_column = column(levels + BOOKKEEPING.len() - 1);
    let root = normal[key::NAME].as_str().unwrap_or_default();
    sheet.merge_range(0, 0, 0, last_column, root, &bold)?;
    for level in 0..levels {
        sheet.write_string_with_format(1, column(level), format!("Level {}", level + 1), &bold)?;
    }
    for (position, title) in BOOKKEEPING.iter().enumerate() {
        sheet.write_string_with_format(1, column(levels + position), *title, &bold)?;
    }
    write_rows(sheet, rows)?;
    workbook.save_to_buffer()
}

fn write_rows(sheet: &mut Worksheet, rows: &[(usize, String)]) -> Result<(), XlsxError> {
    for (row, (level, text)) in (2..).zip(rows) {
        sheet.write_string(row, column(*level), text)?;
    }
    Ok(())
}

fn column(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// The node and key where two trees in normal form differ first.
fn first_difference(expected: &Value, read: &Value, path: &mut Vec<String>) -> Option<(Vec<String>, String)> {
    if expected == read {
        return None;
    }
    let name = expected[key::NAME].as_str().unwrap_or_default();
    path.push(name.to_owned());
    let keys = expected.as_object().into_iter().flatten().map(|(key, _)| key);
    let differs =
        |key: &&String| key.as_str() != key::CHILDREN && expected.get(key.as_str()) != read.get(key.as_str());
    if let Some(key) = keys.clone().find(differs) {
        return Some((path.clone(), key.clone()));
    }
    let children = expected[key::CHILDREN].as_array().into_iter().flatten();
    let read_children = read[key::CHILDREN].as_array().into_iter().flatten();
    let below = children
        .zip(read_children)
        .find_map(|(expected, read)| first_difference(expected, read, path));
    let difference = below.unwrap_or_else(|| (path.clone(), key::CHILDREN.to_owned()));
    path.pop();
    Some(difference)
}

fn remarks(content: &TreeContent, normal: &TreeContent) -> Vec<String> {
    let mut remarks = Vec::new();
    let values = count(content, &|node| {
        node[key::VALUE].is_boolean()
            || node[key::MESSAGE]
                .as_str()
                .is_some_and(|message| !message.is_empty())
    });
    if values > 0 {
        remarks.push(format!(
            "the tree is diagnosed: value and msg of {values} nodes are not written, a workbook holds the tree alone"
        ));
    }
    // As texts, so that the order of the keys counts.
    let texts = [content, normal].map(|tree| without_values(tree).to_string());
    if texts[0] != texts[1] {
        remarks.push(
            "the order of the keys of a node, blanks around texts, and whether an empty description, advice or msg is \
             written or left out, are not kept"
                .to_owned(),
        );
    }
    remarks
}

fn count(node: &Value, is_counted: &impl Fn(&Value) -> bool) -> usize {
    let children = node[key::CHILDREN].as_array().into_iter().flatten();
    let below: usize = children.map(|child| count(child, is_counted)).sum();
    usize::from(is_counted(node)) + below
}

fn without_values(content: &Value) -> Value {
    let mut node = content.clone();
    if let Some(object) = node.as_object_mut() {
        for (key, value) in object.iter_mut() {
            match key.as_str() {
                key::VALUE => *value = Value::Null,
                key::MESSAGE => *value = Value::from(""),
                key::CHILDREN => {
                    let children = value.as_array().into_iter().flatten();
                    *value = children.map(without_values).collect();
                }
                _ => {}
            }
        }
    }
    node
}
