//! Samples: the bulk fetch that executors use, and the documented `/data/data/get`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::Labels;
use crate::id::HostId;
use crate::rule::DataKind;
use crate::time::TimeRange;

/// POST /data/series/fetch: series of some metrics on some hosts. Services only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SeriesFetchRequest {
    /// The hosts.
    pub hosts: Vec<HostId>,
    /// The metrics.
    pub selectors: Vec<SeriesSelector>,
}

/// Which series of a metric or log stream, and from when to when.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SeriesSelector {
    /// Name of a metric or of a log stream.
    pub name: String,
    /// Which of the two.
    #[serde(default)]
    pub kind: DataKind,
    /// All must hold.
    pub matchers: Vec<LabelMatcher>,
    /// Samples in `[start, end)`.
    pub range: TimeRange,
    /// Ask for the first sample of each host where the range has none ([`NeverHad`]).
    #[serde(default)]
    pub want_never_had: bool,
}

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LabelMatcher {
    /// Label name.
    pub name: String,
    /// How to compare.
    pub operator: MatchOperator,
    /// With what; regular expressions are anchored.
    pub value: String,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchOperator {
    /// Equal.
    Equal,
    /// Not equal.
    NotEqual,
    /// Matches.
    Regex,
    /// Does not match.
    NotRegex,
}

/// Answer of /data/series/fetch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SeriesFetchAnswer {
    /// The moment the series were read.
    pub as_of_ms: i64,
    /// What was found, in no order; a series without a sample in the range is left out.
    pub series: Vec<FetchedSeries>,
    /// What could not be read.
    pub failed: Vec<FailedFetch>,
    /// For selectors that asked: hosts that never had a matching series.
    pub never_had: Vec<NeverHad>,
    /// When it is not known what was logged. Silence is normal otherwise.
    #[serde(default)]
    pub unheard: Vec<Unheard>,
}

/// One series and its samples, in order of time, no time twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FetchedSeries {
    /// Index of the selector in the request.
    pub selector: usize,
    /// Whose it is.
    pub host_id: HostId,
    /// All labels but `host_id`, `instance` and `job` too.
    pub labels: Labels,
    /// Scrape interval of the series' job; of a log stream, how long one line is taken to speak.
    pub interval_ms: i64,
    /// Times of the samples.
    pub times_ms: Vec<i64>,
    /// Their values; as long as `times_ms`, or empty when there are texts.
    #[serde(serialize_with = "write_values", deserialize_with = "read_values")]
    pub values: Vec<f64>,
    /// Of a log stream, the lines; as long as `times_ms`. Lines of equal time are one sample, joined by a blank.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<String>,
}

/// A selector that could not be read for a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailedFetch {
    /// Index of the selector in the request.
    pub selector: usize,
    /// For whom.
    pub host_id: HostId,
    /// Why.
    pub reason: String,
}

/// A host that never had a matching series, up to the moment of reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeverHad {
    /// Index of the selector in the request.
    pub selector: usize,
    /// Who.
    pub host_id: HostId,
}

/// A stretch for which the shipper of a log stream was not heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unheard {
    /// Index of the selector in the request.
    pub selector: usize,
    /// On which host.
    pub host_id: HostId,
    /// When.
    pub range: TimeRange,
}

/// JSON has no NaN and no infinity: those travel as the texts Prometheus uses.
fn write_values<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeSeq;
    let mut list = serializer.serialize_seq(Some(values.len()))?;
    for value in values {
        if value.is_finite() {
            list.serialize_element(value)?;
        } else if value.is_nan() {
            list.serialize_element("NaN")?;
        } else {
            list.serialize_element(if *value > 0.0 { "+Inf" } else { "-Inf" })?;
        }
    }
    list.end()
}

fn read_values<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    struct Value(f64);

    impl<'de> Deserialize<'de> for Value {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;

            impl de::Visitor<'_> for Visitor {
                type Value = Value;

                fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    formatter.write_str("a number, \"NaN\", \"+Inf\" or \"-Inf\"")
                }

                fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
                    Ok(Value(value))
                }

                fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
                    Ok(Value(value as f64))
                }

                fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
                    Ok(Value(value as f64))
                }

                fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                    match text {
                        "NaN" => Ok(Value(f64::NAN)),
                        "+Inf" => Ok(Value(f64::INFINITY)),
                        "-Inf" => Ok(Value(f64::NEG_INFINITY)),
                        _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                    }
                }
            }

            deserializer.deserialize_any(Visitor)
        }
    }

    Ok(Vec::<Value>::deserialize(deserializer)?
        .into_iter()
        .map(|value| value.0)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_json_lacks_travel_as_text() {
        let series = FetchedSeries {
            selector: 0,
            host_id: HostId::from("h"),
            labels: Labels::new(),
            interval_ms: 15_000,
            times_ms: vec![1, 2, 3, 4],
            values: vec![1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY],
            texts: Vec::new(),
        };
        let text = serde_json::to_string(&series).expect("serializable");
        assert!(text.contains(r#"[1.5,"NaN","+Inf","-Inf"]"#), "{text}");
        let back: FetchedSeries = serde_json::from_str(&text).expect("readable");
        assert!(back.values[1].is_nan());
        assert_eq!(back.values[2..], series.values[2..]);
    }
}
