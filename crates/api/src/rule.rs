//! Check rules: `/check/rule/*` and `/data/check/rule/*`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::id::{EvaluationKey, HostId, Shard};
use crate::page::Direction;
use crate::read::{Integer, present};
use crate::time::DurationText;

/// A rule as its author writes it: one element of `check_items`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckItem {
    /// Name, unique for its owner.
    pub check_item: String,
    /// `$0`, `$1`, …
    pub data_list: Vec<DataItem>,
    /// The expression; truthy = abnormal.
    pub condition: String,
    /// Name of the evaluator; empty = the expression evaluator.
    #[serde(default)]
    pub plugin: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// How bad an anomaly is. Extension.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub severity: Option<Severity>,
    /// `false` = kept but not evaluated. Extension.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub enabled: Option<bool>,
    /// Where it applies; absent = every host the owner sees. Extension.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub scope: Option<Scope>,
    /// How long the condition must have held without a break. Extension.
    #[serde(
        rename = "for",
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub hold: Option<DurationText>,
    /// How old a sample may be and still speak. Extension.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_gap: Option<DurationText>,
    /// What to say of a series that the host has never had. Extension.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub absent: Option<Absent>,
}

/// How bad an anomaly is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warning,
    /// Worth waking somebody.
    Critical,
}

/// Where a rule applies: a host that is in one of the lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// Groups of the owner.
    #[serde(default)]
    pub host_groups: Vec<String>,
    /// Hosts by id.
    #[serde(default)]
    pub hosts: Vec<HostId>,
}

/// What to say of a series that the host has never had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// A finding `No data`.
    #[default]
    NoData,
    /// Nothing: the host need not have it.
    Ignore,
}

/// A series or log stream that a condition refers to as `$i`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DataItem {
    /// Metric name or log stream.
    pub name: String,
    /// What it is.
    #[serde(rename = "type", default)]
    pub kind: DataKind,
    /// Which series of that name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub label: BTreeMap<String, LabelValue>,
    /// What is done to each series first. Extension.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub transform: Option<Transform>,
    /// What makes one series of all that match. Extension.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub aggregate: Option<Aggregate>,
}

/// Kind of a data item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataKind {
    /// Numbers over time.
    #[default]
    Kpi,
    /// Lines of text over time.
    Log,
}

/// What is done to each series before the condition sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transform {
    /// Growth per second; a fall is a counter that restarted from 0.
    Rate,
    /// Growth since the sample before; a fall is a counter that restarted from 0.
    Increase,
    /// Difference to the sample before.
    Delta,
}

/// What makes one series of all that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Aggregate {
    /// Sum of the values.
    Sum,
    /// Mean of the values.
    Avg,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// How many series speak.
    Count,
}

/// What a label must be: a text, `"*"`, or `{"re": …}` / `{"not_re": …}` with an optional `"each": true`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LabelValue {
    /// Equal to this text.
    Text(String),
    /// Any value; the rule is evaluated for each.
    Each,
    /// Matches an anchored regular expression.
    Pattern {
        /// The expression.
        pattern: String,
        /// `not_re`: must not match.
        negated: bool,
        /// Starred as well: the rule is evaluated for each value.
        each: bool,
    },
}

impl LabelValue {
    /// Whether the rule is evaluated for each value of the label.
    pub fn is_starred(&self) -> bool {
        matches!(self, LabelValue::Each | LabelValue::Pattern { each: true, .. })
    }
}

impl Serialize for LabelValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        match self {
            LabelValue::Text(text) => serializer.serialize_str(text),
            LabelValue::Each => serializer.serialize_str("*"),
            LabelValue::Pattern {
                pattern,
                negated,
                each,
            } => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry(if *negated { "not_re" } else { "re" }, pattern)?;
                if *each {
                    map.serialize_entry("each", each)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for LabelValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = LabelValue;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text, \"*\", {\"re\": …} or {\"not_re\": …}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<LabelValue, E> {
                Ok(if text == "*" {
                    LabelValue::Each
                } else {
                    LabelValue::Text(text.to_owned())
                })
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<LabelValue, E> {
                Ok(LabelValue::Text(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<LabelValue, E> {
                Ok(LabelValue::Text(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<LabelValue, E> {
                Ok(LabelValue::Text(value.to_string()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<LabelValue, E> {
                Ok(LabelValue::Text(value.to_string()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<LabelValue, A::Error> {
                let mut found: Option<(String, bool)> = None;
                let mut each = false;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "re" | "not_re" if found.is_some() => {
                            return Err(de::Error::custom("only one of re and not_re"));
                        }
                        "re" => found = Some((map.next_value()?, false)),
                        "not_re" => found = Some((map.next_value()?, true)),
                        "each" => each = map.next_value()?,
                        _ => return Err(de::Error::unknown_field(&key, &["re", "not_re", "each"])),
                    }
                }
                let (pattern, negated) = found.ok_or_else(|| de::Error::missing_field("re"))?;
                Ok(LabelValue::Pattern {
                    pattern,
                    negated,
                    each,
                })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// POST /check/rule/import and POST /data/check/rule/add
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RuleImportRequest {
    /// The rules.
    pub check_items: Vec<CheckItem>,
}

/// Answer of an import, of rules or of trees: names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportAnswer {
    /// Newly stored.
    pub succeed_list: Vec<String>,
    /// Stored over an older one of that name.
    pub update_list: Vec<String>,
    /// Refused.
    pub fail_list: Vec<String>,
    /// Why. Extension.
    pub fail_reasons: Vec<ImportReason>,
    /// What looks wrong in elements that were stored all the same. Extension.
    #[serde(default)]
    pub warnings: Vec<ImportReason>,
}

/// What is said of one element of an import. Exactly one of `check_item` and `tree_name` is there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImportReason {
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_item: Option<String>,
    /// The tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree_name: Option<String>,
    /// What is wrong and, where it can be said, what was expected.
    pub reason: String,
    /// Line in the condition, from 1.
    pub line: Option<u32>,
    /// Column in the condition, in characters, from 1.
    pub column: Option<u32>,
}

/// POST /check/rule/get
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RuleGetRequest {
    /// Names; empty = all.
    pub check_items: Vec<String>,
    /// `check_item` or empty.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub sort: Option<RuleSort>,
    /// Of the sort.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub direction: Option<Direction>,
    /// From 1.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub page: Option<Integer>,
    /// Rows on a page.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub per_page: Option<Integer>,
}

/// Sort names of [`RuleGetRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleSort {
    /// By name.
    #[serde(rename = "check_item")]
    CheckItem,
    /// In order of import.
    #[serde(rename = "")]
    Unsorted,
}

/// Answer of /check/rule/get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RuleGetAnswer {
    /// Rows of all pages.
    pub total_count: u64,
    /// Pages.
    pub total_page: u64,
    /// Rows of this page, importable as they are.
    pub check_items: Vec<CheckItem>,
}

/// DELETE /check/rule/delete
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RuleDeleteRequest {
    /// Names; empty = none.
    pub check_items: Vec<String>,
}

/// Answer of /check/rule/count.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct RuleCountAnswer {
    /// How many rules the caller has.
    pub rule_count: u64,
}

/// POST /data/check/rule/add: rules that the check scheduler has compiled. Owner = the caller.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RuleAddRequest {
    /// Rules with their keys.
    pub rules: Vec<KeyedRule>,
}

/// A rule and the key of its evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyedRule {
    /// What decides a verdict, hashed.
    pub key: EvaluationKey,
    /// The rule.
    pub item: CheckItem,
}

/// POST /data/check/rule/effective: what an executor evaluates on a shard. Services only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EffectiveRulesRequest {
    /// The shard.
    pub shard: Shard,
}

/// Answer of /data/check/rule/effective.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EffectiveRulesAnswer {
    /// Grows with each change of rules, hosts or accesses.
    pub rules_revision: u64,
    /// One element per key, whoever and however many own it.
    pub rules: Vec<EffectiveRule>,
}

/// A key and the hosts of the shard on which it is in effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectiveRule {
    /// The key.
    pub key: EvaluationKey,
    /// A rule with that key; what does not decide a verdict (name, description) is any owner's.
    pub item: CheckItem,
    /// Hosts of the shard.
    pub hosts: Vec<HostId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_read_and_write() {
        for text in [
            r#""irq""#,
            r#""*""#,
            r#"{"re":"sd."}"#,
            r#"{"not_re":"loop.*","each":true}"#,
        ] {
            let value: LabelValue = serde_json::from_str(text).expect(text);
            assert_eq!(serde_json::to_string(&value).expect("serializable"), text);
        }
        let number: LabelValue = serde_json::from_str("1").expect("number");
        assert_eq!(number, LabelValue::Text("1".to_owned()));
        for text in [
            "{}",
            "[]",
            "null",
            r#"{"re":"a","not_re":"b"}"#,
            r#"{"regex":"a"}"#,
        ] {
            assert!(serde_json::from_str::<LabelValue>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_smallest_rule_has_defaults() {
        let rule: CheckItem =
            serde_json::from_str(r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0>1"}"#)
                .expect("valid");
        assert_eq!(rule.data_list[0].kind, DataKind::Kpi);
        assert_eq!(rule.plugin, "");
        assert_eq!(
            serde_json::to_string(&rule).expect("serializable"),
            r#"{"check_item":"a","data_list":[{"name":"m","type":"kpi"}],"condition":"$0>1","plugin":"","description":""}"#
        );
    }
}
