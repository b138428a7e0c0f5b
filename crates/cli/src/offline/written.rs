//! A recording as it is written: what is read from JSON, before it is put in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aops_api::rule::DataKind;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// The end of the year 9999, in seconds. What lies beyond is milliseconds by mistake.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// The file, in its order.
pub(super) struct WrittenHosts(pub(super) Vec<(String, WrittenList)>);

impl<'de> Deserialize<'de> for WrittenHosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hosts;

        impl<'de> Visitor<'de> for Hosts {
            type Value = WrittenHosts;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of hosts: {\"10.0.0.1\": [series, …]}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WrittenHosts, A::Error> {
                let mut names = BTreeSet::new();
                let mut hosts = Vec::new();
                while let Some(host) = map.next_key::<String>()? {
                    if !names.insert(host.clone()) {
                        return Err(de::Error::custom(format!("host {host} is there twice")));
                    }
                    let series = map.next_value()?;
                    hosts.push((host, series));
                }
                Ok(WrittenHosts(hosts))
            }
        }

        deserializer.deserialize_map(Hosts)
    }
}

/// The series of a host, each once.
pub(super) struct WrittenList(pub(super) Vec<WrittenSeries>);

impl<'de> Deserialize<'de> for WrittenList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = WrittenList;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of series")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<WrittenList, A::Error> {
                let mut known = BTreeMap::new();
                let mut all: Vec<WrittenSeries> = Vec::new();
                while let Some(series) = list.next_element::<WrittenSeries>()? {
                    let index = all.len();
                    let identity = (
                        series.name.clone(),
                        series.kind == DataKind::Log,
                        series.label.clone(),
                    );
                    if let Some(first) = known.insert(identity, index) {
                        return Err(de::Error::custom(format!(
                            "series {index} has the name, type and label of series {first}; make them one"
                        )));
                    }
                    all.push(series);
                }
                Ok(WrittenList(all))
            }
        }

        deserializer.deserialize_seq(List)
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenSeries {
    pub(super) name: String,
    #[serde(rename = "type", default)]
    pub(super) kind: DataKind,
    #[serde(default)]
    pub(super) label: BTreeMap<String, WrittenLabel>,
    pub(super) values: Vec<WrittenSample>,
}

/// A label's value; a number or a truth value is taken as its text, as in rules.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WrittenLabel(pub(super) String);

impl<'de> Deserialize<'de> for WrittenLabel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Label;

        impl Visitor<'_> for Label {
            type Value = WrittenLabel;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<WrittenLabel, E> {
                Ok(WrittenLabel(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<WrittenLabel, E> {
                Ok(WrittenLabel(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<WrittenLabel, E> {
                Ok(WrittenLabel(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<WrittenLabel, E> {
                Ok(WrittenLabel(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<WrittenLabel, E> {
                Ok(WrittenLabel(value.to_string()))
            }
        }

        deserializer.deserialize_any(Label)
    }
}

pub(super) struct WrittenSample {
    pub(super) time_ms: i64,
    pub(super) value: WrittenValue,
}

impl<'de> Deserialize<'de> for WrittenSample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Sample;

        impl<'de> Visitor<'de> for Sample {
            type Value = WrittenSample;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a pair [seconds, value]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<WrittenSample, A::Error> {
                let time: WrittenTime = pair
                    .next_element()?
                    .ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let value = pair
                    .next_element()?
                    .ok_or_else(|| de::Error::invalid_length(1, &self))?;
                if pair.next_element::<de::IgnoredAny>()?.is_some() {
                    return Err(de::Error::invalid_length(3, &self));
                }
                Ok(WrittenSample {
                    time_ms: time.milliseconds,
                    value,
                })
            }
        }

        deserializer.deserialize_seq(Sample)
    }
}

struct WrittenTime {
    milliseconds: i64,
}

impl<'de> Deserialize<'de> for WrittenTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Time;

        impl Visitor<'_> for Time {
            type Value = WrittenTime;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a time in seconds since 1970, as a number")
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<WrittenTime, E> {
                if !(0.0..=LAST_SECOND).contains(&seconds) {
                    return Err(E::custom(format!(
                        "time {seconds} is not between 1970 and 9999; expected seconds, not milliseconds"
                    )));
                }
                Ok(WrittenTime {
                    milliseconds: (seconds * 1_000.0).round() as i64,
                })
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<WrittenTime, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<WrittenTime, E> {
                self.visit_f64(seconds as f64)
            }
        }

        deserializer.deserialize_any(Time)
    }
}

/// A sample as it was written: a log line that looks like a number keeps its form.
pub(super) enum WrittenValue {
    Number(f64),
    Text(Box<str>),
}

impl WrittenValue {
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            WrittenValue::Number(value) => Some(*value),
            WrittenValue::Text(text) => number(text),
        }
    }

    pub(super) fn into_text(self) -> String {
        match self {
            WrittenValue::Number(value) => value.to_string(),
            WrittenValue::Text(text) => text.into(),
        }
    }
}

impl<'de> Deserialize<'de> for WrittenValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Value;

        impl Visitor<'_> for Value {
            type Value = WrittenValue;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number or a text")
            }

            fn visit_f64<E>(self, value: f64) -> Result<WrittenValue, E> {
                Ok(WrittenValue::Number(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<WrittenValue, E> {
                Ok(WrittenValue::Number(value as f64))
            }

            fn visit_u64<E>(self, value: u64) -> Result<WrittenValue, E> {
                Ok(WrittenValue::Number(value as f64))
            }

            fn visit_str<E>(self, text: &str) -> Result<WrittenValue, E> {
                Ok(WrittenValue::Text(text.into()))
            }
        }

        deserializer.deserialize_any(Value)
    }
}

/// The number that a text is, as series stores write numbers. `007` is none.
fn number(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_word = unsigned.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if is_word && !matches!(unsigned.to_ascii_lowercase().as_str(), "nan" | "inf") {
        return None;
    }
    let has_leading_zero =
        unsigned.starts_with('0') && unsigned[1..].starts_with(|letter: char| letter.is_ascii_digit());
    if has_leading_zero {
        return None;
    }
    text.parse().ok()
}
