//! From merged keys to the type. Which key is to blame for a refusal is found by reading each key alone: the type itself
//! says whether the key exists and what fits it, and no list of keys is kept beside it.

use serde::de::value::{MapAccessDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;
use toml::{Table, Value};

use super::layer::{self, KeyPath, Leaf, Leaves, Origin};
use super::{ConfigError, ENGINE};

/// Names that are less alike than this are no slip of the finger.
const ALIKE: f64 = 0.6;

/// Why a type cannot be read.
#[derive(Debug, PartialEq)]
pub(super) enum Misfit {
    /// There is no such key in a section; there are others.
    UnknownKey {
        key: String,
        known: &'static [&'static str],
    },
    /// A key has a few values, and this is none of them.
    UnknownChoice {
        found: String,
        known: &'static [&'static str],
    },
    /// A key without a default is not set.
    Missing { section: KeyPath, key: &'static str },
    /// A value does not fit its key.
    Value(String),
}

/// Reads a table as a type.
pub(super) fn read<T: DeserializeOwned>(table: Table) -> Result<T, Misfit> {
    T::deserialize(Reader(Value::Table(table)))
}

/// Reads one key alone. That others are missing then says nothing of this one.
fn misfit_alone<T: DeserializeOwned>(leaves: &Leaves, path: &[String], value: &Value) -> Option<Misfit> {
    match read::<T>(leaves.alone(path, value.clone())) {
        Ok(_) | Err(Misfit::Missing { .. }) => None,
        Err(misfit) => Some(misfit),
    }
}

/// Takes out variables of a single word that set no key, and gives a warning for each: other programs may have
/// variables that begin like ours. One that looks like a nested key stays, to be refused.
pub(super) fn drop_strays<T: DeserializeOwned>(leaves: &mut Leaves) -> Vec<String> {
    let mut strays = Vec::new();
    for (path, leaf) in leaves.iter() {
        let ([word], Origin::Variable(name)) = (path.as_slice(), &leaf.origin) else {
            continue;
        };
        if let Some(Misfit::UnknownKey { known, .. }) = misfit_alone::<T>(leaves, path, &leaf.value) {
            let hint = match nearest(word, known) {
                Some(key) => format!("; the nearest is {}", layer::variable_of(key)),
                None => String::new(),
            };
            strays.push((path.clone(), format!("{name} is ignored: it sets no key{hint}")));
        }
    }
    for (path, _) in &strays {
        leaves.remove(path);
    }
    strays.into_iter().map(|(_, warning)| warning).collect()
}

/// Variables and flags are texts. One that does not fit its key as a text is taken for a TOML value: a number, true or
/// false, a list.
pub(super) fn find_types_of_texts<T: DeserializeOwned>(leaves: &mut Leaves) {
    let mut found = Vec::new();
    for (path, leaf) in leaves.iter().filter(|(_, leaf)| leaf.origin.is_text()) {
        if !matches!(
            misfit_alone::<T>(leaves, path, &leaf.value),
            Some(Misfit::Value(_))
        ) {
            continue;
        }
        let Some(value) = leaf.value.as_str().and_then(|text| text.parse::<Value>().ok()) else {
            continue;
        };
        if misfit_alone::<T>(leaves, path, &value).is_none() {
            found.push((path.clone(), value));
        }
    }
    for (path, value) in found {
        leaves.set_value(&path, value);
    }
}

/// Reads everything; a refusal names the key and where it was set.
pub(super) fn whole<T: DeserializeOwned>(leaves: &Leaves) -> Result<T, ConfigError> {
    let misfit = match read::<T>(leaves.table()) {
        Ok(value) => return Ok(value),
        Err(misfit) => misfit,
    };
    for (path, leaf) in leaves.iter() {
        if let Some(misfit) = misfit_alone::<T>(leaves, path, &leaf.value) {
            return Err(blame(leaves, path, leaf, misfit));
        }
    }
    Err(match misfit {
        Misfit::Missing { section, key } => missing(leaves, section, key),
        Misfit::UnknownKey { key, .. } => ConfigError::Whole(format!("there is no key {key}")),
        Misfit::UnknownChoice { found, .. } => ConfigError::Whole(format!("{found} is not known")),
        Misfit::Value(reason) => ConfigError::Whole(super::without_passwords(&reason)),
    })
}

fn blame(leaves: &Leaves, path: &[String], leaf: &Leaf, misfit: Misfit) -> ConfigError {
    let reason = match misfit {
        Misfit::UnknownKey { key, known } => unknown_key(leaves, path, leaf, &key, known),
        Misfit::UnknownChoice { found, known } => {
            let nearest = nearest(&found, known).map(|name| format!("; the nearest is {name}"));
            let choices = known.join(", ");
            format!(
                "{found} is not known, expected one of {choices}{}",
                nearest.unwrap_or_default()
            )
        }
        Misfit::Missing { key, .. } => format!("{key} is missing"),
        Misfit::Value(reason) => reason,
    };
    ConfigError::at(layer::place(&leaf.origin, &path.join(".")), reason)
}

fn unknown_key(leaves: &Leaves, path: &[String], leaf: &Leaf, key: &str, known: &[&str]) -> String {
    let depth = path.iter().position(|name| name == key).unwrap_or(path.len() - 1);
    let section = &path[..depth];
    let full = |name: &str| {
        let mut full = section.to_vec();
        full.push(name.to_owned());
        layer::written(&leaf.origin, &full.join("."))
    };
    let with = match engine_of(leaves, section) {
        Some(engine) => format!(" with {ENGINE} = {engine}"),
        None => String::new(),
    };
    match nearest(key, known) {
        Some(nearest) => format!("there is no such key{with}; the nearest is {}", full(nearest)),
        None if known.is_empty() => format!("there is no such key{with}"),
        None => format!("there is no such key{with}; there are: {}", known.join(", ")),
    }
}

fn missing(leaves: &Leaves, section: KeyPath, key: &str) -> ConfigError {
    let with = engine_of(leaves, &section).map(|engine| format!(", {ENGINE} = {engine} needs it"));
    let mut path = section;
    path.push(key.to_owned());
    let key = path.join(".");
    let reason = format!(
        "is missing{}; set it in the configuration file or by {}",
        with.unwrap_or_default(),
        layer::variable_of(&key)
    );
    ConfigError::at(key, reason)
}

fn engine_of(leaves: &Leaves, section: &[String]) -> Option<String> {
    let mut path = section.to_vec();
    path.push(ENGINE.to_owned());
    Some(leaves.get(&path)?.value.to_string())
}

fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), *candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

impl serde::de::Error for Misfit {
    fn custom<M: std::fmt::Display>(message: M) -> Self {
        Self::Value(message.to_string())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::UnknownKey {
            key: field.to_owned(),
            known: expected,
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::UnknownChoice {
            found: variant.to_owned(),
            known: expected,
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing {
            section: Vec::new(),
            key: field,
        }
    }
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{self:?}")
    }
}

impl std::error::Error for Misfit {}

/// A TOML value that serde reads, with [`Misfit`] for an error.
struct Reader(Value);

impl<'de> IntoDeserializer<'de, Misfit> for Reader {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Reader {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            Value::Integer(number) => visitor.visit_i64(number),
            Value::Float(number) => visitor.visit_f64(number),
            Value::Boolean(truth) => visitor.visit_bool(truth),
            Value::Datetime(moment) => visitor.visit_string(moment.to_string()),
            Value::Array(values) => visitor.visit_seq(SeqDeserializer::new(values.into_iter().map(Reader))),
            Value::Table(table) => visitor.visit_map(Entries::of(table)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::String(text) => visitor.visit_enum(StringDeserializer::new(text)),
            Value::Table(table) => visitor.visit_enum(MapAccessDeserializer::new(Entries::of(table))),
            other => Err(Misfit::invalid_type(
                Unexpected::Other(other.type_str()),
                &visitor,
            )),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map struct identifier ignored_any
    }
}

/// The entries of a table. What is missing further down is told with the way there.
struct Entries {
    entries: toml::map::IntoIter<String, Value>,
    next: Option<(String, Value)>,
}

impl Entries {
    fn of(table: Table) -> Self {
        Self {
            entries: table.into_iter(),
            next: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        self.next = self.entries.next();
        let Some((key, _)) = &self.next else {
            return Ok(None);
        };
        seed.deserialize(StringDeserializer::new(key.clone())).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let (key, value) = self
            .next
            .take()
            .ok_or_else(|| Misfit::custom("a value was asked for before its key"))?;
        seed.deserialize(Reader(value)).map_err(|misfit| match misfit {
            Misfit::Missing {
                mut section,
                key: missing,
            } => {
                section.insert(0, key);
                Misfit::Missing {
                    section,
                    key: missing,
                }
            }
            other => other,
        })
    }
}
