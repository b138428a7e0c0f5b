//! Results from a file, for a test of a tree without a platform.

use std::collections::{BTreeMap, BTreeSet};

use aops_api::diagnosis::{LeafFinding, LeafSource};
use aops_api::finding::{Evidence, FindingValue};
use aops_api::{Labels, TimeRange};
use serde::Deserialize;
use serde_json::Value;

use crate::diagnosis::LeafInput;
use crate::error::ResultsError;
use crate::nearest::nearest_name;
use crate::tree::Tree;

/// A row of a file of results. What `aops checkrule --action test` prints has such rows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    check_item: String,
    value: String,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    host_id: Option<String>,
    /// Seconds.
    #[serde(default)]
    start: Option<f64>,
    #[serde(default)]
    end: Option<f64>,
    #[serde(default)]
    reason: String,
}

/// A rule that a test refused: nothing is known of it.
#[derive(Debug, Deserialize)]
struct Refused {
    check_item: String,
}

/// What a file of results comes to for a tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeavesFromResults {
    /// What leaves read, by check item.
    pub leaves: BTreeMap<String, LeafInput>,
    /// What is probably not meant: results that no leaf reads.
    pub remarks: Vec<String>,
}

/// How many results that no leaf reads are told.
const MOST_REMARKS: usize = 20;

/// What leaves read, from a file of results: a list of `{"check_item", "value", "labels"}`, or what `aops checkrule
/// --action test` prints. A check item that is not in it is normal; one whose rule the test refused is missing data. Of
/// results of several hosts, `host` says whose count.
pub fn leaves_from_results(
    tree: &Tree,
    results: &Value,
    host: Option<&str>,
) -> Result<LeavesFromResults, ResultsError> {
    let mut leaves: BTreeMap<String, LeafInput> = tree
        .check_items()
        .into_iter()
        .map(|check_item| {
            let normal = LeafInput {
                source: LeafSource::Given,
                ..LeafInput::default()
            };
            (check_item.to_owned(), normal)
        })
        .collect();
    let rows = rows(results)?;
    check_hosts(&rows, host)?;
    let refused = refused(results)?;
    let remarks = remarks(tree, &rows, &refused);
    for refused in &refused {
        if let Some(leaf) = leaves.get_mut(&refused.check_item) {
            leaf.source = LeafSource::NoRule;
        }
    }
    for (index, row) in rows.into_iter().enumerate() {
        let is_others = host.is_some() && row.host_id.is_some() && row.host_id.as_deref() != host;
        let Some(leaf) = leaves.get_mut(&row.check_item).filter(|_| !is_others) else {
            continue;
        };
        if row.value == "Normal" {
            leaf.judged.push(row.labels);
            continue;
        }
        let Some(value) = FindingValue::from_text(&row.value) else {
            return Err(ResultsError::Value {
                row: index,
                found: row.value,
            });
        };
        let milliseconds = |seconds: Option<f64>| (seconds.unwrap_or_default() * 1_000.0).round() as i64;
        leaf.findings.push(LeafFinding {
            labels: row.labels,
            value,
            range: TimeRange::new(milliseconds(row.start), milliseconds(row.end)),
            evidence: Evidence::default(),
            reason: row.reason,
        });
    }
    Ok(LeavesFromResults { leaves, remarks })
}

/// The check items of results that no leaf names, with the nearest that one does.
fn remarks(tree: &Tree, rows: &[Row], refused: &[Refused]) -> Vec<String> {
    let names = tree.check_items();
    let known: BTreeSet<&str> = names.iter().copied().collect();
    let told = rows.iter().map(|row| row.check_item.as_str());
    let told: BTreeSet<&str> = told
        .chain(refused.iter().map(|refused| refused.check_item.as_str()))
        .collect();
    let unread: Vec<&str> = told.difference(&known).copied().collect();
    let mut remarks: Vec<String> = unread
        .iter()
        .take(MOST_REMARKS)
        .map(|check_item| {
            let mut remark = format!("no leaf reads the results of \"{check_item}\"");
            if let Some(nearest) = nearest_name(check_item, &names) {
                remark.push_str(&format!("; did you mean \"{nearest}\"?"));
            }
            remark
        })
        .collect();
    if unread.len() > MOST_REMARKS {
        let more = unread.len() - MOST_REMARKS;
        remarks.push(format!("no leaf reads the results of {more} other check items"));
    }
    remarks
}

/// The rules that a test refused.
fn refused(results: &Value) -> Result<Vec<Refused>, ResultsError> {
    match results.get("fail_list") {
        None => Ok(Vec::new()),
        Some(list) => Vec::deserialize(list).map_err(|error| ResultsError::FailList(error.to_string())),
    }
}

fn rows(results: &Value) -> Result<Vec<Row>, ResultsError> {
    let list = match results {
        Value::Object(object) => object.get("check_result"),
        other => Some(other),
    };
    let Some(Value::Array(list)) = list else {
        return Err(ResultsError::Shape);
    };
    let rows = list.iter().enumerate().map(|(index, row)| {
        Row::deserialize(row).map_err(|error| ResultsError::Row {
            row: index,
            reason: error.to_string(),
        })
    });
    rows.collect()
}

fn check_hosts(rows: &[Row], host: Option<&str>) -> Result<(), ResultsError> {
    let hosts: BTreeSet<&str> = rows.iter().filter_map(|row| row.host_id.as_deref()).collect();
    let names = || hosts.iter().take(8).copied().collect::<Vec<_>>().join(", ");
    match host {
        None if hosts.len() > 1 => Err(ResultsError::SeveralHosts(names())),
        Some(host) if !hosts.is_empty() && !hosts.contains(host) => Err(ResultsError::NoSuchHost {
            host: host.to_owned(),
            hosts: names(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree() -> Tree {
        let leaf = |name: &str| json!({ "node name": name, "value": null, "check item": name });
        Tree::parse(&json!({
            "node name": "root", "value": null, "condition": "a || b", "children": [leaf("a"), leaf("b")]
        }))
        .expect("valid")
    }

    fn read(results: &Value, host: Option<&str>) -> Result<BTreeMap<String, LeafInput>, String> {
        leaves_from_results(&tree(), results, host)
            .map(|read| read.leaves)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_refused_rule_is_missing_data() {
        let results = json!({
            "check_result": [], "fail_list": [{ "check_item": "a", "reason": "condition: …" }]
        });
        let read = leaves_from_results(&tree(), &results, None).expect("valid");
        let sources = ["a", "b"].map(|name| read.leaves[name].source);
        assert_eq!(sources, [LeafSource::NoRule, LeafSource::Given]);
        let diagnosis = tree().diagnose(&read.leaves);
        assert_eq!(diagnosis.report["children"][0]["msg"], "No data");
        let wrong = json!({ "check_result": [], "fail_list": [1] });
        assert!(leaves_from_results(&tree(), &wrong, None).is_err());
    }

    #[test]
    fn results_that_no_leaf_reads_are_told_with_the_nearest_name() {
        let row = |name: &str| json!({ "check_item": name, "value": "Abnormal" });
        let content = json!({
            "node name": "root", "value": null, "condition": "x",
            "children": [{ "node name": "x", "value": null, "check item": "cpu busy" }]
        });
        let tree = Tree::parse(&content).expect("valid");
        let results = json!([row("cpu bsy"), row("cpu busy"), row("zzz")]);
        let read = leaves_from_results(&tree, &results, None).expect("valid");
        assert_eq!(
            read.remarks,
            [
                "no leaf reads the results of \"cpu bsy\"; did you mean \"cpu busy\"?",
                "no leaf reads the results of \"zzz\""
            ]
        );
    }

    #[test]
    fn what_is_not_told_is_normal_and_what_no_leaf_reads_does_not_count() {
        let results = json!([
            { "check_item": "a", "value": "No data" },
            { "check_item": "a", "value": "Normal", "labels": { "device": "sda" } },
            { "check_item": "c", "value": "Abnormal" },
        ]);
        let leaves = read(&results, None).expect("valid");
        assert_eq!(leaves.len(), 2);
        assert_eq!(leaves["a"].findings[0].value, FindingValue::NoData);
        assert_eq!(
            leaves["a"].judged,
            [Labels::from([("device".to_owned(), "sda".to_owned())])]
        );
        let normal = (leaves["b"].findings.len(), leaves["b"].source);
        assert_eq!(normal, (0, LeafSource::Given));
    }

    #[test]
    fn results_of_a_rule_test_are_taken_for_one_host() {
        let row = |host: &str, value: &str| {
            json!({
                "host_id": host, "check_item": "a", "labels": {}, "start": 60.5, "end": 70, "value": value, "reason": "r"
            })
        };
        let one = json!({ "check_result": [row("h1", "Abnormal")], "fail_list": [] });
        let leaves = read(&one, None).expect("valid");
        assert_eq!(leaves["a"].findings[0].range, TimeRange::new(60_500, 70_000));
        assert_eq!(leaves["a"].findings[0].reason, "r");

        let two = json!([row("h1", "Abnormal"), row("h2", "No data")]);
        assert_eq!(
            read(&two, None).expect_err("refused"),
            "the results are of several hosts (h1, h2): say which one counts"
        );
        let leaves = read(&two, Some("h2")).expect("valid");
        assert_eq!(leaves["a"].findings[0].value, FindingValue::NoData);
        assert_eq!(
            read(&two, Some("h3")).expect_err("refused"),
            "there is no result of host h3; there are results of h1, h2"
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_row() {
        for (results, expected) in [
            (json!({}), "expected a list of results"),
            (json!("x"), "expected a list of results"),
            (json!([{ "check_item": "a" }]), "result 1: missing field `value`"),
            (
                json!([{ "check_item": "a", "value": "Normal" }, { "check_item": "a", "value": "abnormal" }]),
                "result 2: the value \"abnormal\" is none of \"Abnormal\", \"No data\", \"Internal error\", \"Normal\"",
            ),
            (
                json!([{ "check_item": "a", "value": "Normal", "label": {} }]),
                "result 1: unknown field `label`",
            ),
        ] {
            let refusal = read(&results, None).expect_err("refused");
            assert!(refusal.starts_with(expected), "{refusal}");
        }
    }
}
