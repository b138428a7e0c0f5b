//! What each layer sets: single values by the path of their key, with where they come from.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use toml::{Table, Value};

use super::{ConfigError, ENGINE};

/// Begins the name of each variable.
const PREFIX: &str = "AOPS_";
/// Stands in the name of a variable where the key has a dot.
const SEPARATOR: &str = "__";
/// Variables that are read elsewhere: by the logs and the start, by the command line, by scripts.
const OTHER_VARIABLES: [&str; 8] = [
    "AOPS_ACCESS_TOKEN",
    "AOPS_ADMIN_PASSWORD",
    "AOPS_CONFIG",
    "AOPS_ENGINES_DIR",
    "AOPS_LOG",
    "AOPS_NEW_PASSWORD",
    "AOPS_PASSWORD",
    "AOPS_SERVER",
];
/// Variables of the tests.
const TEST_PREFIX: &str = "AOPS_TEST_";

/// Path of a key, one name after the other.
pub(super) type KeyPath = Vec<String>;

/// A flag that was given.
#[derive(Clone, Debug)]
pub struct Flag {
    /// As the user wrote it: `--listen`.
    pub name: &'static str,
    /// The key that it sets.
    pub key: &'static str,
    /// Its value.
    pub value: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Default,
    File(PathBuf),
    Variable(String),
    Flag(&'static str),
}

impl Origin {
    /// Whether the value came as text, whatever type its key has.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Variable(_) | Self::Flag(_))
    }

    /// For people, behind a value.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::File(path) => path.display().to_string(),
            Self::Variable(name) => name.clone(),
            Self::Flag(name) => (*name).to_owned(),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// All that is set, merged.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaves(BTreeMap<KeyPath, Leaf>);

impl Leaves {
    pub(super) fn of_defaults(defaults: &impl Serialize) -> Self {
        let table = Table::try_from(defaults).expect("a program's own defaults can be written as TOML");
        let mut leaves = Self::default();
        leaves.put_layer(leaves_of(table, &Origin::Default));
        leaves
    }

    pub(super) fn put_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = fs::read_to_string(path).map_err(|error| ConfigError::File(path.to_owned(), error))?;
        let mut table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| ConfigError::Syntax {
                path: path.to_owned(),
                reason: syntax_reason(&text, &error),
            })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        begin_paths_at(&mut table, folder);
        self.put_layer(leaves_of(table, &Origin::File(path.to_owned())));
        Ok(())
    }

    /// `AOPS_TABLES__URL` sets `tables.url`; `variables` are those with a name of their own. An empty one sets nothing.
    pub(super) fn put_environment(
        &mut self,
        environment: &[(OsString, OsString)],
        variables: &[(&str, &str)],
    ) -> Result<(), ConfigError> {
        let mut layer = Vec::new();
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| is_ours(name)) else {
                continue;
            };
            let value = value
                .to_str()
                .ok_or_else(|| ConfigError::at(name.to_owned(), "is not UTF-8"))?;
            if value.is_empty() {
                continue;
            }
            let own = variables.iter().find(|(own, _)| own == &name);
            let path = match own {
                Some((_, key)) => path_of(key),
                None => path_of_variable(name),
            };
            let origin = Origin::Variable(name.to_owned());
            layer.push((
                path,
                Leaf {
                    value: value.into(),
                    origin,
                },
            ));
        }
        self.put_layer(layer);
        Ok(())
    }

    pub(super) fn put_flags(&mut self, flags: Vec<Flag>) {
        let leaf = |flag: Flag| {
            let origin = Origin::Flag(flag.name);
            (
                path_of(flag.key),
                Leaf {
                    value: flag.value.into(),
                    origin,
                },
            )
        };
        self.put_layer(flags.into_iter().map(leaf).collect());
    }

    /// Puts a layer on top. One that names another engine for a section drops what is said of that section below.
    fn put_layer(&mut self, layer: Vec<(KeyPath, Leaf)>) {
        for (path, leaf) in &layer {
            let Some((last, section)) = path.split_last() else {
                continue;
            };
            let is_other = |below: &Leaf| below.value != leaf.value;
            if last == ENGINE && self.0.get(path).is_some_and(is_other) {
                self.0.retain(|below, _| !below.starts_with(section));
            }
        }
        for (path, leaf) in layer {
            // Of a value and a section of the same name, the later is meant.
            self.0
                .retain(|below, _| !below.starts_with(&path) && !path.starts_with(below));
            self.0.insert(path, leaf);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&KeyPath, &Leaf)> {
        self.0.iter()
    }

    pub(super) fn get(&self, path: &[String]) -> Option<&Leaf> {
        self.0.get(path)
    }

    pub(super) fn remove(&mut self, path: &[String]) {
        self.0.remove(path);
    }

    pub(super) fn set_value(&mut self, path: &[String], value: Value) {
        if let Some(leaf) = self.0.get_mut(path) {
            leaf.value = value;
        }
    }

    /// All values as one table.
    pub(super) fn table(&self) -> Table {
        let values = self
            .0
            .iter()
            .map(|(path, leaf)| (path.as_slice(), leaf.value.clone()));
        table_of(values)
    }

    /// One value, and the engines that decide which keys there are around it.
    pub(super) fn alone(&self, path: &[String], value: Value) -> Table {
        let engines = (1..path.len()).filter_map(|length| {
            let mut engine = path[..length].to_vec();
            engine.push(ENGINE.to_owned());
            let leaf = self.0.get(&engine)?;
            Some((engine, leaf.value.clone()))
        });
        let mut values: Vec<(KeyPath, Value)> = engines.collect();
        values.push((path.to_vec(), value));
        table_of(
            values
                .iter()
                .map(|(path, value)| (path.as_slice(), value.clone())),
        )
    }

    /// Where a key was set, for a message; the key itself when it has its default.
    pub(super) fn place(&self, key: &str) -> String {
        match self.0.get(&path_of(key)) {
            Some(leaf) => place(&leaf.origin, key),
            None => key.to_owned(),
        }
    }
}

/// Where a value was set, for a message.
pub(super) fn place(origin: &Origin, key: &str) -> String {
    match origin {
        Origin::Default => key.to_owned(),
        Origin::File(path) => format!("{}: {key}", path.display()),
        Origin::Variable(name) => name.clone(),
        Origin::Flag(name) => (*name).to_owned(),
    }
}

/// The key as a layer writes it.
pub(super) fn written(origin: &Origin, key: &str) -> String {
    match origin {
        Origin::Variable(_) => variable_of(key),
        _ => key.to_owned(),
    }
}

/// `tables.url` is set by `AOPS_TABLES__URL`.
pub(super) fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', SEPARATOR).to_ascii_uppercase())
}

fn path_of_variable(name: &str) -> KeyPath {
    let name = name.strip_prefix(PREFIX).unwrap_or(name).to_ascii_lowercase();
    name.split(SEPARATOR).map(str::to_owned).collect()
}

fn path_of(key: &str) -> KeyPath {
    key.split('.').map(str::to_owned).collect()
}

fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) && !name.starts_with(TEST_PREFIX) && !OTHER_VARIABLES.contains(&name)
}

fn leaves_of(table: Table, origin: &Origin) -> Vec<(KeyPath, Leaf)> {
    let mut leaves = Vec::new();
    collect(table, &mut Vec::new(), origin, &mut leaves);
    leaves
}

/// An empty table counts as a value: a misspelt section must not go unseen because there is nothing in it.
fn collect(table: Table, path: &mut KeyPath, origin: &Origin, leaves: &mut Vec<(KeyPath, Leaf)>) {
    for (key, value) in table {
        path.push(key);
        match value {
            Value::Table(inner) if !inner.is_empty() => collect(inner, path, origin, leaves),
            value => leaves.push((
                path.clone(),
                Leaf {
                    value,
                    origin: origin.clone(),
                },
            )),
        }
        path.pop();
    }
}

/// A file may be read from any folder: its relative paths begin where it lies.
fn begin_paths_at(table: &mut Table, folder: &Path) {
    for (key, value) in table.iter_mut() {
        match value {
            Value::Table(inner) => begin_paths_at(inner, folder),
            Value::String(path) if key.ends_with("_file") || key.ends_with("_dir") => {
                // An absolute path stays as it is.
                *path = folder.join(&*path).to_string_lossy().into_owned();
            }
            _ => {}
        }
    }
}

/// Line and column, without the line itself: it may hold a password.
fn syntax_reason(text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else {
        return error.message().to_owned();
    };
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
    format!("line {line}, column {column}: {}", error.message())
}

fn table_of<'a>(values: impl Iterator<Item = (&'a [String], Value)>) -> Table {
    let mut table = Table::new();
    for (path, value) in values {
        insert(&mut table, path, value);
    }
    table
}

fn insert(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = table
                .entry(first.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}
