//! The fields that a type is read from, so that a wrong one can be answered with the right one.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// The names of a struct's fields as serde reads them; of what is no struct, none.
pub(super) fn field_names<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    match T::deserialize(Question) {
        Err(Answer(names)) => names,
        Ok(_) => &[],
    }
}

/// The name that was probably meant: equal but for case and hyphens, or few slips away.
pub(super) fn nearest(wrong: &str, names: &[&'static str]) -> Option<&'static str> {
    let wanted = wrong.to_lowercase().replace(['-', ' '], "_");
    let most_slips = if wanted.chars().count() < 5 { 1 } else { 2 };
    names
        .iter()
        .map(|name| (strsim::osa_distance(&wanted, name), *name))
        .filter(|(slips, _)| *slips <= most_slips)
        .min()
        .map(|(_, name)| name)
}

/// Asks a type what it wants to read, and reads nothing.
struct Question;

/// What it wants.
#[derive(Debug)]
struct Answer(&'static [&'static str]);

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("only the names of the fields were asked for")
    }
}

impl std::error::Error for Answer {}

impl de::Error for Answer {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Answer(&[])
    }
}

impl<'de> Deserializer<'de> for Question {
    type Error = Answer;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Answer> {
        Err(Answer(&[]))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Answer> {
        Err(Answer(fields))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use aops_api::rule::{DataItem, Scope};

    use super::*;

    #[test]
    fn fields_are_those_of_the_type() {
        assert_eq!(
            field_names::<DataItem>(),
            ["name", "type", "label", "transform", "aggregate"]
        );
        assert_eq!(field_names::<Scope>(), ["host_groups", "hosts"]);
        assert!(field_names::<String>().is_empty());
    }

    #[test]
    fn near_names_are_suggested() {
        let names = ["condition", "for", "max_gap", "label"];
        for (wrong, expected) in [
            ("conditon", Some("condition")),
            ("Condition", Some("condition")),
            ("max-gap", Some("max_gap")),
            ("labels", Some("label")),
            ("fro", Some("for")),
            ("macro", None),
            ("x", None),
        ] {
            assert_eq!(nearest(wrong, &names), expected, "{wrong}");
        }
    }
}
