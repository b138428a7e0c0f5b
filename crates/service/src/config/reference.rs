//! All keys that a type has, found by asking the type: an unknown key or engine is refused with the list of those that
//! there are. Tests hold the reference in `docs/` against it.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::ENGINE;
use super::layer::KeyPath;
use super::read::{Misfit, read};

/// A name that no key and no engine has.
const NOBODY: &str = "?";
/// What is tried for a key without a default.
const FITTING: [&str; 4] = ["\"http://127.0.0.1:1\"", "[\"127.0.0.1:1\"]", "1", "true"];

/// A key that can be set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownKey {
    /// Path, such as `tables.url`.
    pub path: String,
    /// The engine that has it; `None` in a section without engines, and for the key `engine` itself.
    pub engine: Option<String>,
    /// What it is when it is not set, as TOML; `None` when there is nothing then.
    pub default: Option<String>,
}

/// What a type was found to do wrong.
pub type Defect = String;

/// The keys of a type. `defaults` is what a program starts from. An error lists sections that take unknown keys, and
/// engines whose defaults cannot be had.
pub fn known_keys<T: DeserializeOwned + Serialize>(defaults: &T) -> Result<Vec<KnownKey>, Vec<String>> {
    let table = Table::try_from(defaults).expect("defaults can be written as TOML");
    let mut search = Search::<T> {
        keys: BTreeSet::new(),
        defects: Vec::new(),
        of: PhantomData,
    };
    search.visit(&Place {
        path: Vec::new(),
        engine: None,
        defaults: table,
        required: BTreeSet::new(),
    });
    match search.defects.is_empty() {
        true => Ok(search.keys.into_iter().collect()),
        false => Err(search.defects),
    }
}

struct Search<T> {
    keys: BTreeSet<KnownKey>,
    defects: Vec<String>,
    of: PhantomData<T>,
}

/// Where the search is.
#[derive(Clone)]
struct Place {
    path: KeyPath,
    /// The nearest engine that was chosen on the way.
    engine: Option<String>,
    /// The whole configuration as it is with the engines that were chosen on the way.
    defaults: Table,
    /// The keys in it that have no default of their own.
    required: BTreeSet<KeyPath>,
}

impl Place {
    fn below(&self, name: &str) -> Self {
        let mut place = self.clone();
        place.path.push(name.to_owned());
        place
    }

    /// The configuration with a value at a path below this place, and nothing else but engines there.
    fn with(&self, name: &str, value: Value) -> Table {
        let mut table = self.defaults.clone();
        let mut section = Table::new();
        if self.engine.is_some()
            && let Some(engine) = lookup(&self.defaults, &self.path).and_then(|value| value.get(ENGINE))
        {
            section.insert(ENGINE.to_owned(), engine.clone());
        }
        section.insert(name.to_owned(), value);
        put(&mut table, &self.path, Value::Table(section));
        table
    }
}

impl<T: DeserializeOwned + Serialize> Search<T> {
    fn visit(&mut self, place: &Place) {
        match read::<T>(place.with(NOBODY, Value::Boolean(true))) {
            Err(Misfit::UnknownKey { known, .. }) => {
                for name in known.iter().filter(|name| **name != ENGINE) {
                    self.visit(&place.below(name));
                }
            }
            Err(Misfit::Missing { section, key }) if section == place.path && key == ENGINE => {
                self.visit_engines(place);
            }
            // What takes no section is a value, of its own or out of a few.
            Err(Misfit::Value(_) | Misfit::UnknownChoice { .. }) => self.add(place),
            Ok(_) | Err(_) => {
                let section = place.path.join(".");
                self.defects
                    .push(format!("[{section}] takes a key that does not exist"));
            }
        }
    }

    fn visit_engines(&mut self, place: &Place) {
        self.add(&place.below(ENGINE));
        let Err(Misfit::UnknownChoice { known, .. }) = read::<T>(place.with(ENGINE, NOBODY.into())) else {
            let section = place.path.join(".");
            self.defects
                .push(format!("[{section}] takes an engine that does not exist"));
            return;
        };
        for engine in known {
            match choose::<T>(place, engine) {
                Ok(chosen) => self.visit(&chosen),
                Err(defect) => self.defects.push(defect),
            }
        }
    }

    fn add(&mut self, place: &Place) {
        let is_required = place.required.contains(&place.path);
        let default = lookup(&place.defaults, &place.path).filter(|_| !is_required);
        self.keys.insert(KnownKey {
            path: place.path.join("."),
            engine: place.engine.clone(),
            default: default.map(Value::to_string),
        });
    }
}

/// The same place with an engine chosen. What the engine must be given is filled in with something that fits.
fn choose<T: DeserializeOwned + Serialize>(place: &Place, engine: &str) -> Result<Place, String> {
    let mut table = place.with(ENGINE, engine.into());
    let mut required = place.required.clone();
    loop {
        let (section, key) = match read::<T>(table.clone()) {
            Ok(config) => {
                return Ok(Place {
                    path: place.path.clone(),
                    engine: Some(engine.to_owned()),
                    defaults: Table::try_from(config).expect("a configuration can be written as TOML"),
                    required,
                });
            }
            Err(Misfit::Missing { section, key }) => (section, key),
            Err(misfit) => return Err(format!("{engine}: {misfit:?}")),
        };
        let mut path = section;
        path.push(key.to_owned());
        let fitting = FITTING.iter().find_map(|text| {
            let value: Value = text.parse().ok()?;
            let mut table = table.clone();
            put(&mut table, &path, value);
            let fits = !matches!(read::<T>(table.clone()), Err(Misfit::Value(_)));
            fits.then_some(table)
        });
        table = fitting.ok_or_else(|| format!("{engine}: nothing was found that fits {}", path.join(".")))?;
        required.insert(path);
    }
}

fn lookup<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(first)?;
    match rest {
        [] => Some(value),
        rest => lookup(value.as_table()?, rest),
    }
}

fn put(table: &mut Table, path: &[String], value: Value) {
    match (path, value) {
        ([], Value::Table(values)) => table.extend(values),
        ([], _) => {}
        ([last], value) => {
            table.insert(last.clone(), value);
        }
        ([first, rest @ ..], value) => {
            let inner = table
                .entry(first.clone())
                .or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}
