//! The key of an evaluation: a hash of what decides a verdict.

use std::fmt::Write;

use aops_api::EvaluationKey;
use aops_api::rule::{Absent, Aggregate, CheckItem, DataItem, DataKind, LabelValue, Transform};
use sha2::{Digest, Sha256};

use crate::condition::{Condition, Spelling, print};
use crate::rule::EXPRESSION_PLUGIN;

/// Part of the hashed text: a change of what the language means changes it, and with it every key.
const LANGUAGE_VERSION: &str = "1";
/// First hexadecimal digits of the hash that make the key.
const KEY_DIGITS: usize = 32;

pub(crate) fn evaluation_key(item: &CheckItem, condition: &Condition) -> EvaluationKey {
    let digest = Sha256::digest(canonical_text(item, condition).as_bytes());
    let mut digits = String::new();
    for byte in digest {
        write!(digits, "{byte:02x}").expect("a String takes all that is written");
    }
    digits.truncate(KEY_DIGITS);
    EvaluationKey::new(digits)
}

/// One field after the other, each with its length, so that no two rules share a text.
fn canonical_text(item: &CheckItem, condition: &Condition) -> String {
    let mut text = Fields(String::new());
    text.push("language", LANGUAGE_VERSION);
    text.push("plugin", EXPRESSION_PLUGIN);
    for data in &item.data_list {
        push_data_item(&mut text, data);
    }
    text.push(
        "condition",
        &print(condition, &condition.root, Spelling::Canonical),
    );
    let hold_ms = item.hold.map_or(0, |hold| hold.milliseconds);
    text.push("for_ms", &hold_ms.to_string());
    if let Some(gap) = item.max_gap {
        text.push("max_gap_ms", &gap.milliseconds.to_string());
    }
    if item.absent == Some(Absent::Ignore) {
        text.push("absent", "ignore");
    }
    text.0
}

fn push_data_item(text: &mut Fields, data: &DataItem) {
    text.push("name", &data.name);
    match data.kind {
        DataKind::Kpi => {}
        DataKind::Log => text.push("type", "log"),
    }
    for (name, value) in &data.label {
        text.push("label", name);
        match value {
            LabelValue::Text(value) => text.push("equal", value),
            LabelValue::Each => text.push("each", ""),
            LabelValue::Pattern {
                pattern,
                negated,
                each,
            } => {
                text.push(if *negated { "not_re" } else { "re" }, pattern);
                if *each {
                    text.push("each", "");
                }
            }
        }
    }
    match data.transform {
        None => {}
        Some(Transform::Rate) => text.push("transform", "rate"),
        Some(Transform::Increase) => text.push("transform", "increase"),
        Some(Transform::Delta) => text.push("transform", "delta"),
    }
    match data.aggregate {
        None => {}
        Some(Aggregate::Sum) => text.push("aggregate", "sum"),
        Some(Aggregate::Avg) => text.push("aggregate", "avg"),
        Some(Aggregate::Min) => text.push("aggregate", "min"),
        Some(Aggregate::Max) => text.push("aggregate", "max"),
        Some(Aggregate::Count) => text.push("aggregate", "count"),
    }
}

struct Fields(String);

impl Fields {
    fn push(&mut self, name: &str, value: &str) {
        writeln!(self.0, "{name} {}:{value}", value.len()).expect("a String takes all that is written");
    }
}

#[cfg(test)]
mod tests {
    use crate::Rule;

    fn key(rule: &str) -> String {
        let item = serde_json::from_str(rule).expect("a check item");
        Rule::compile(&item).expect("a good rule").key().to_string()
    }

    #[test]
    fn a_key_never_changes() {
        // Findings are stored by key: a change here makes every rule of every installation a new one.
        let rule = r#"{"check_item":"cpu busy","data_list":[{"name":"node_cpu_seconds_total","type":"kpi",
            "label":{"mode":"idle","cpu":"*"},"transform":"rate"}],"condition":"avg(60s) < 0.1","for":"5m"}"#;
        assert_eq!(key(rule), "6ddeb08d602579831f133927bb2dc5ac");
    }

    #[test]
    fn what_does_not_decide_does_not_count() {
        let plain = r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0 > 1 && max(60s) > 2"}"#;
        for same in [
            r#"{"check_item":"b","data_list":[{"name":"m","type":"kpi","label":{}}],"condition":"($0>1)&&(max(1m)>2)"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0 > 0x1 && max( 60 ) > 2",
                "plugin":"expression_rule_plugin","severity":"critical","enabled":false,"scope":{},"description":"d",
                "for":"0s","absent":"no_data"}"#,
        ] {
            assert_eq!(key(same), key(plain), "{same}");
        }
    }

    #[test]
    fn what_decides_counts() {
        let rules = [
            r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0>1"}"#,
            r#"{"check_item":"a","data_list":[{"name":"n"}],"condition":"$0>1"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0>2"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0>'1'"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0>1","for":"5m"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0>1","max_gap":"45s"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0>1","absent":"ignore"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m"},{"name":"n"}],"condition":"$0>1"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m","transform":"rate"}],"condition":"$0>1"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m","transform":"delta"}],"condition":"$0>1"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m","label":{"a":"*"}}],"condition":"$0>1"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m","label":{"a":"b"}}],"condition":"$0>1"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m","label":{"a":{"re":"b"}}}],"condition":"$0>1"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m","label":{"a":{"not_re":"b"}}}],"condition":"$0>1"}"#,
            r#"{"check_item":"a","data_list":[{"name":"m","label":{"a":{"re":"b","each":true}}}],"condition":"$0>1"}"#,
        ];
        let keys: std::collections::BTreeSet<String> = rules.iter().map(|rule| key(rule)).collect();
        assert_eq!(keys.len(), rules.len());
    }
}
