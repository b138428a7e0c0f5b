//! How fields are read that serde's own rules would read otherwise.

use serde::{Deserialize, Deserializer, de};

/// An optional field that may be absent but not `null`. Use with `#[serde(default)]`.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A number as clients send it: an integer, or one written as text (`"22"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer(pub i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Integer;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an integer")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Integer, E> {
                Ok(Integer(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Integer, E> {
                i64::try_from(value)
                    .map(Integer)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Integer, E> {
                value
                    .trim()
                    .parse()
                    .map(Integer)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl serde::Serialize for Integer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl From<i64> for Integer {
    fn from(value: i64) -> Self {
        Self(value)
    }
}

/// A truth value as clients send it: a boolean, 0 or 1, or one of the usual words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Boolean(pub bool);

impl Boolean {
    /// One of the usual words, in any case.
    pub fn from_text(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => Some(Self(true)),
            "false" | "f" | "no" | "n" | "off" | "0" => Some(Self(false)),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Boolean {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Boolean;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("true or false")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Boolean, E> {
                Ok(Boolean(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Boolean, E> {
                match value {
                    0 => Ok(Boolean(false)),
                    1 => Ok(Boolean(true)),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(value), &self)),
                }
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Boolean, E> {
                Boolean::from_text(value).ok_or_else(|| E::invalid_value(de::Unexpected::Str(value), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl serde::Serialize for Boolean {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(self.0)
    }
}

impl From<bool> for Boolean {
    fn from(value: bool) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_is_read_as_clients_write_it() {
        for (text, value) in [
            ("true", true),
            ("0", false),
            ("\"On\"", true),
            ("\"no\"", false),
            ("1", true),
        ] {
            let read: Boolean = serde_json::from_str(text).expect(text);
            assert_eq!(read, Boolean(value), "{text}");
        }
        for text in ["2", "-1", "\"maybe\"", "null", "[]", "1.0"] {
            assert!(serde_json::from_str::<Boolean>(text).is_err(), "{text}");
        }
    }
}
