//! Files of trees: JSON or a workbook, and where in them something is wrong.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use aops_api::rule::CheckItem;
use aops_fault_tree::{
    MAX_ERRORS, MAX_WARNINGS, MAX_WORKBOOK_BYTES, ReadWorkbook, RuleNames, Tree, TreeError, TreeWarning,
    WorkbookError, read_workbook,
};
use serde_json::{Value, json};

use crate::documents;
use crate::failure::Failure;
use crate::screen;

/// How much of a condition is shown around what is wrong, in characters.
const SHOWN_CHARACTERS: usize = 100;

/// The content of a file of trees.
pub(super) struct Source {
    path: PathBuf,
    content: Value,
    /// Where the nodes stand, of a workbook.
    workbook: Option<ReadWorkbook>,
}

/// One tree of a file.
pub(super) struct NamedTree<'source> {
    source: &'source Source,
    /// The name of the tree; of a bare tree that of the file.
    pub(super) name: String,
    pub(super) content: &'source Value,
}

/// Whether a file is a workbook, by its name.
pub(super) fn is_workbook(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("xlsx"))
}

impl Source {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        if !is_workbook(path) {
            return Ok(Self {
                path: path.to_owned(),
                content: documents::read(path)?,
                workbook: None,
            });
        }
        let shown = path.display();
        let bytes =
            read_bytes(path).map_err(|error| Failure::Local(format!("cannot read {shown}: {error}")))?;
        match read_workbook(&bytes) {
            Ok(workbook) => Ok(Self {
                path: path.to_owned(),
                content: workbook.content.clone(),
                workbook: Some(workbook),
            }),
            Err(error @ WorkbookError::Unreadable(_)) => Err(Failure::Local(format!("{shown}: {error}"))),
            Err(error) => {
                tell("error", &error.to_string(), &shown.to_string());
                Err(refused(1))
            }
        }
    }

    /// Validates the tree of a workbook: the platform knows no cells.
    pub(super) fn check_workbook(&self, names: &[String]) -> Result<(), Failure> {
        if self.workbook.is_some() {
            self.tree(names)?.validated(None)?;
        }
        Ok(())
    }

    /// The body of an import. What a JSON file holds travels as it is: a field that we do not know is the platform's to
    /// refuse.
    pub(super) fn into_import(self, names: &[String], description: Option<String>) -> Result<Value, Failure> {
        let names = match names {
            [] if self.workbook.is_some() => vec![file_name(&self.path)],
            names => names.to_vec(),
        };
        import_body(self.content, &names, description).map_err(Failure::Usage)
    }

    /// The trees of the file, or those of these names.
    pub(super) fn trees(&self, names: &[String]) -> Result<Vec<NamedTree<'_>>, Failure> {
        let Value::Object(object) = &self.content else {
            return Err(self.unusable("it holds neither a tree nor {\"trees\": […]}"));
        };
        let Some(list) = object.get("trees") else {
            let name = names.first().cloned().unwrap_or_else(|| file_name(&self.path));
            return Ok(vec![self.named(name, &self.content)]);
        };
        let Some(list) = list.as_array() else {
            return Err(self.unusable("\"trees\" is no list"));
        };
        let mut trees = Vec::with_capacity(list.len());
        for (index, tree) in list.iter().enumerate() {
            let (Some(name), Some(content)) = (tree["tree_name"].as_str(), tree.get("tree_content")) else {
                let reason = format!("trees[{index}] lacks \"tree_name\" or \"tree_content\"");
                return Err(self.unusable(&reason));
            };
            trees.push(self.named(name.to_owned(), content));
        }
        if let Some(missing) = names
            .iter()
            .find(|name| !trees.iter().any(|tree| tree.name == **name))
        {
            return Err(Failure::Usage(format!("the file holds no tree '{missing}'")));
        }
        trees.retain(|tree| names.is_empty() || names.contains(&tree.name));
        Ok(trees)
    }

    /// The one tree that is meant.
    pub(super) fn tree(&self, names: &[String]) -> Result<NamedTree<'_>, Failure> {
        let mut trees = self.trees(names)?;
        match (trees.pop(), trees.is_empty()) {
            (Some(tree), true) => Ok(tree),
            (None, _) => Err(self.unusable("it holds no tree: \"trees\" is an empty list")),
            _ => Err(Failure::Usage(
                "the file holds several trees: pick one with --tree_list NAME".to_owned(),
            )),
        }
    }

    fn named<'source>(&'source self, name: String, content: &'source Value) -> NamedTree<'source> {
        NamedTree {
            source: self,
            name,
            content,
        }
    }

    fn unusable(&self, reason: &str) -> Failure {
        Failure::Local(format!("{}: {reason}", self.path.display()))
    }
}

impl NamedTree<'_> {
    /// The tree, if it is valid. Tells all that is wrong otherwise, and what is odd in any case.
    pub(super) fn validated(&self, rules: Option<&[CheckItem]>) -> Result<Tree, Failure> {
        match self.reviewed(rules) {
            Ok((tree, _)) => Ok(tree),
            Err(errors) => Err(refused(errors.len())),
        }
    }

    /// The tree and what is odd about it, or what is wrong with it; all of that is told as well.
    pub(super) fn reviewed(
        &self,
        rules: Option<&[CheckItem]>,
    ) -> Result<(Tree, Vec<TreeWarning>), Vec<TreeError>> {
        let tree = Tree::read(self.content).inspect_err(|errors| {
            for error in errors {
                self.tell_error(error);
            }
        })?;
        let names = rules.map(|rules| rules.iter().map(|rule| rule.check_item.clone()));
        let mut names = names.map(RuleNames::new);
        let warnings = tree.warnings(names.as_mut());
        for warning in &warnings {
            self.tell_warning(warning);
        }
        if warnings.len() == MAX_WARNINGS {
            screen::note(&format!(
                "note: no more than {MAX_WARNINGS} warnings of a tree are told; there may be others"
            ));
        }
        Ok((tree, warnings))
    }

    fn tell_error(&self, error: &TreeError) {
        let mut place = self.place(&error.path);
        if let Some(workbook) = &self.source.workbook
            && let WorkbookError::Cell { cell, .. } = workbook.at_cell(error)
        {
            place = format!("{}, sheet diag, cell {cell}", self.source.path.display());
        }
        if let Some(column) = error.column {
            place.push_str(&format!(", condition, column {column}"));
        }
        tell("error", &error.to_string(), &place);
        if let Some(column) = error.column
            && let Some(condition) =
                node_at(self.content, &error.path).and_then(|node| node["condition"].as_str())
        {
            point(condition, column);
        }
    }

    fn tell_warning(&self, warning: &TreeWarning) {
        tell("warning", &warning.to_string(), &self.place(&warning.path));
    }

    fn place(&self, path: &[String]) -> String {
        let file = self.source.path.display();
        match &self.source.workbook {
            Some(workbook) => {
                let cell = workbook.cell(path).unwrap_or("A1");
                format!("{file}, sheet diag, cell {cell}")
            }
            None if self.source.content.get("trees").is_some() => format!("{file}, tree {}", self.name),
            None => file.to_string(),
        }
    }
}

/// The bytes of a workbook: one more than it may have are enough to refuse it.
fn read_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path)?;
    file.take(MAX_WORKBOOK_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `error: reason`, and below it where.
fn tell(kind: &str, reason: &str, place: &str) {
    screen::note(&format!(
        "{kind}: {}\n  --> {}",
        screen::plain(reason),
        screen::plain(place)
    ));
}

/// Shows a condition, and below it what is wrong.
fn point(condition: &str, column: u32) {
    let position = (column as usize).saturating_sub(1);
    let start = position.saturating_sub(SHOWN_CHARACTERS / 2);
    let shown: String = condition.chars().skip(start).take(SHOWN_CHARACTERS).collect();
    // Wide characters take two columns of a terminal.
    let before: usize = condition
        .chars()
        .skip(start)
        .take(position - start)
        .map(|character| if is_wide(character) { 2 } else { 1 })
        .sum();
    screen::note(&format!(
        "   | {}\n   | {}^",
        screen::plain(&shown),
        " ".repeat(before)
    ));
}

/// The blocks of characters that are two columns wide: East Asian ones and pictures.
fn is_wide(character: char) -> bool {
    matches!(
        character,
        '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff01}'..='\u{ff60}'
            | '\u{ffe0}'..='\u{ffe6}'
            | '\u{1f300}'..='\u{1faff}'
            | '\u{20000}'..='\u{3fffd}'
    )
}

fn refused(errors: usize) -> Failure {
    let summary = match errors {
        1 => "the tree is refused".to_owned(),
        MAX_ERRORS => format!("the tree is refused: {MAX_ERRORS} errors, and perhaps more"),
        errors => format!("the tree is refused: {errors} errors"),
    };
    Failure::Rejected(Some(summary))
}

/// The node that a path of names leads to.
fn node_at<'content>(content: &'content Value, path: &[String]) -> Option<&'content Value> {
    let (root, below) = path.split_first()?;
    if content["node name"].as_str() != Some(root) {
        return None;
    }
    let Some(next) = below.first() else {
        return Some(content);
    };
    let children = content["children"].as_array()?;
    let child = children
        .iter()
        .find(|child| child["node name"].as_str() == Some(next))?;
    node_at(child, below)
}

/// What a bare tree is called unless it is said: the name of its file.
fn file_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn import_body(content: Value, names: &[String], description: Option<String>) -> Result<Value, String> {
    let Value::Object(mut object) = content else {
        return Err("the file holds neither a tree nor {\"trees\": […]}".to_owned());
    };
    if !object.contains_key("trees") {
        let [name] = names else {
            return Err("the file holds one tree: name it with --tree_list NAME".to_owned());
        };
        let description = description.unwrap_or_default();
        return Ok(json!({
            "trees": [{ "tree_name": name, "tree_content": object, "description": description }]
        }));
    }
    if description.is_some() {
        return Err("--description is for a file of one tree; here each tree has its own".to_owned());
    }
    if let Some(Value::Array(trees)) = object.get_mut("trees")
        && !names.is_empty()
    {
        let is = |tree: &Value, name: &String| tree["tree_name"].as_str() == Some(name);
        if let Some(name) = names.iter().find(|name| !trees.iter().any(|tree| is(tree, name))) {
            return Err(format!("the file holds no tree '{name}'"));
        }
        trees.retain(|tree| names.iter().any(|name| is(tree, name)));
    }
    Ok(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn one_tree_gets_its_name_from_the_option() {
        let tree = json!({ "node name": "root", "value": null });
        let body = import_body(tree.clone(), &names(&["a"]), Some("why".to_owned())).expect("valid");
        assert_eq!(
            body,
            json!({ "trees": [{ "tree_name": "a", "tree_content": tree, "description": "why" }] })
        );
        for wrong in [&[][..], &["a", "b"]] {
            let refusal = import_body(tree.clone(), &names(wrong), None).expect_err("refused");
            assert!(refusal.contains("--tree_list NAME"), "{refusal}");
        }
    }

    #[test]
    fn of_several_trees_some_may_be_picked() {
        let content = json!({ "trees": [{ "tree_name": "a" }, { "tree_name": "b" }], "more": 1 });
        let all = import_body(content.clone(), &[], None).expect("valid");
        assert_eq!(all, content);
        let some = import_body(content.clone(), &names(&["b"]), None).expect("valid");
        assert_eq!(some, json!({ "trees": [{ "tree_name": "b" }], "more": 1 }));
        let refusal = import_body(content.clone(), &names(&["c"]), None).expect_err("refused");
        assert_eq!(refusal, "the file holds no tree 'c'");
        assert!(import_body(content, &[], Some("x".to_owned())).is_err());
    }

    #[test]
    fn letters_with_accents_are_narrow_and_chinese_ones_wide() {
        for (character, expected) in [
            ('a', false),
            ('é', false),
            ('я', false),
            ('硬', true),
            ('가', true),
        ] {
            assert_eq!(is_wide(character), expected, "{character}");
        }
    }

    #[test]
    fn what_is_no_object_is_no_tree() {
        for content in [json!([]), json!("x"), json!(null)] {
            assert!(import_body(content, &names(&["a"]), None).is_err());
        }
    }
}
