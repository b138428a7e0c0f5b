//! The diagnosis fixture of the specification, H.4 row 40, and the explanation of it.

use std::collections::BTreeMap;

use aops_api::diagnosis::{LeafFinding, LeafSource, Outcome};
use aops_api::finding::{DecidingSample, Evidence, FindingValue};
use aops_api::{Labels, TimeRange};
use aops_fault_tree::{Diagnosis, LeafInput, Tree};
use serde_json::Value;

const TREE: &str = include_str!("data/tree_example.json");
const DIAGNOSED: &str = include_str!("data/tree_example_diagnosed.json");

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("the fixture is JSON")
}

fn tree() -> Tree {
    Tree::parse(&json(TREE)).expect("the fixture is valid")
}

fn finding(value: FindingValue, start_ms: i64, margin: Option<f64>) -> LeafFinding {
    let sample = DecidingSample {
        time_ms: start_ms,
        margin,
        values: vec![],
    };
    LeafFinding {
        labels: Labels::new(),
        value,
        range: TimeRange::new(start_ms, start_ms + 1_000),
        evidence: Evidence::of(sample),
        reason: String::new(),
    }
}

fn input(findings: Vec<LeafFinding>) -> LeafInput {
    LeafInput {
        condition: "$0 > 1".to_owned(),
        findings,
        source: LeafSource::Findings,
        ..LeafInput::default()
    }
}

/// Abnormal {1, 3, 6, 9}, No data {5, 8}, Internal error {7}, the others normal.
fn leaves_of_the_specification() -> BTreeMap<String, LeafInput> {
    (1..=9)
        .map(|number| {
            let findings = match number {
                1 | 3 | 6 | 9 => vec![finding(FindingValue::Abnormal, 0, None)],
                5 | 8 => vec![finding(FindingValue::NoData, 0, None)],
                7 => vec![finding(FindingValue::InternalError, 0, None)],
                _ => vec![],
            };
            (format!("check_item{number}"), input(findings))
        })
        .collect()
}

fn bytes(diagnosis: &Diagnosis) -> (String, String) {
    (
        serde_json::to_string(&diagnosis.report).expect("JSON"),
        serde_json::to_string(&diagnosis.explanation).expect("JSON"),
    )
}

#[test]
fn the_fixture_is_diagnosed_to_the_letter() {
    let diagnosis = tree().diagnose(&leaves_of_the_specification());
    // As text, so that the order of the keys counts.
    assert_eq!(diagnosis.report.to_string(), json(DIAGNOSED).to_string());
}

#[test]
fn a_diagnosed_tree_can_be_imported_and_diagnosed_again() {
    let again = Tree::parse(&json(DIAGNOSED)).expect("valid");
    let diagnosis = again.diagnose(&leaves_of_the_specification());
    assert_eq!(diagnosis.report.to_string(), json(DIAGNOSED).to_string());
}

#[test]
fn the_fixture_is_explained() {
    let explanation = tree().diagnose(&leaves_of_the_specification()).explanation;
    let root = "重启类故障树（简）";
    assert_eq!(explanation.outcome, Outcome::CauseFound);
    assert_eq!(explanation.cause_path, [root, "硬件问题", "硬件问题1"]);
    // The last branch on the path says nothing; the one above it does.
    assert_eq!(explanation.description, "出现硬件问题");
    assert_eq!(explanation.advice, "ccc ddd");

    let ruled_out: Vec<&str> = explanation
        .ruled_out
        .iter()
        .filter_map(|path| path.last().map(String::as_str))
        .collect();
    let false_branches = [
        "硬件子问题1",
        "硬件子问题2",
        "硬件子问题3",
        "软件问题",
        "软件问题1",
        "软件子问题1",
        "软件子问题2",
        "内核问题",
    ];
    assert_eq!(ruled_out, false_branches);

    let unsupported: Vec<&str> = explanation
        .unsupported
        .iter()
        .filter_map(|path| path.last().map(String::as_str))
        .collect();
    let resting_on_missing_data = [
        "检查项5",
        "软件问题",
        "软件问题1",
        "软件子问题1",
        "软件子问题2",
        "检查项7",
        "内核问题",
        "检查项8",
    ];
    assert_eq!(unsupported, resting_on_missing_data);

    let leaves: Vec<&str> = explanation
        .leaves
        .iter()
        .map(|leaf| leaf.check_item.as_str())
        .collect();
    let in_tree_order = [
        "check_item1",
        "check_item2",
        "check_item3",
        "check_item3",
        "check_item4",
        "check_item5",
        "check_item6",
        "check_item7",
        "check_item8",
        "check_item9",
    ];
    assert_eq!(leaves, in_tree_order);
    assert_eq!(
        explanation.leaves[0].path,
        [root, "硬件问题", "硬件问题1", "检查项1"]
    );
    assert_eq!(explanation.leaves[0].condition, "$0 > 1");
    assert!(explanation.leaves[0].value);
    assert!(!explanation.leaves[5].value);
}

fn one_leaf() -> Tree {
    Tree::parse(&serde_json::json!({
        "node name": "root", "value": null, "condition": "leaf",
        "children": [{"node name": "leaf", "value": null, "check item": "item", "owner": ["kept"]}]
    }))
    .expect("valid")
}

#[test]
fn abnormal_weighs_more_than_no_data_and_that_more_than_internal_error() {
    use FindingValue::{Abnormal, InternalError, NoData};
    for (values, value, message) in [
        (vec![], Value::Bool(false), ""),
        (vec![InternalError], Value::Null, "Internal error"),
        (vec![InternalError, NoData], Value::Null, "No data"),
        (vec![InternalError, NoData, Abnormal], Value::Bool(true), ""),
    ] {
        let findings = values.iter().map(|value| finding(*value, 0, None)).collect();
        let leaves = BTreeMap::from([("item".to_owned(), input(findings))]);
        let report = one_leaf().diagnose(&leaves).report;
        let leaf = &report["children"][0];
        assert_eq!(leaf["value"], value, "{values:?}");
        assert_eq!(leaf["msg"], message, "{values:?}");
        assert_eq!(leaf["owner"], serde_json::json!(["kept"]));
        assert_eq!(report["value"], Value::Bool(value == Value::Bool(true)));
    }
}

#[test]
fn a_leaf_without_a_rule_is_missing_data() {
    for leaves in [
        BTreeMap::new(),
        BTreeMap::from([("item".to_owned(), LeafInput::default())]),
    ] {
        let diagnosis = one_leaf().diagnose(&leaves);
        assert_eq!(diagnosis.report["children"][0]["value"], Value::Null);
        assert_eq!(diagnosis.report["children"][0]["msg"], "No data");
        let explanation = diagnosis.explanation;
        assert_eq!(explanation.outcome, Outcome::CauseNotFound);
        assert!(explanation.cause_path.is_empty());
        assert_eq!(explanation.leaves[0].source, LeafSource::NoRule);
        assert_eq!(explanation.unsupported.len(), 2);
    }
}

#[test]
fn findings_come_worst_first_whatever_their_order() {
    use FindingValue::{Abnormal, InternalError, NoData};
    let mut findings = vec![
        finding(Abnormal, 0, Some(5.0)),
        finding(Abnormal, 7, Some(0.5)),
        finding(Abnormal, 9, Some(0.5)),
        finding(Abnormal, 3, None),
        finding(NoData, 1, None),
        finding(InternalError, 0, Some(9.0)),
    ];
    let sorted = findings.clone();
    let diagnose = |findings: Vec<LeafFinding>| {
        let leaves = BTreeMap::from([("item".to_owned(), input(findings))]);
        one_leaf().diagnose(&leaves)
    };
    let expected = bytes(&diagnose(findings.clone()));
    for _ in 0..findings.len() {
        findings.rotate_left(1);
        let diagnosis = diagnose(findings.clone());
        assert_eq!(diagnosis.explanation.leaves[0].findings, sorted);
        assert_eq!(bytes(&diagnosis), expected);
    }
}

#[test]
fn the_cause_path_passes_by_what_did_not_contribute() {
    let leaf = |name: &str| serde_json::json!({"node name": name, "value": null, "check item": name});
    let branch = |name: &str, leaf_name: &str| {
        serde_json::json!({
            "node name": name, "value": null, "condition": leaf_name, "advice": format!("mend {name}"),
            "children": [leaf(leaf_name)]
        })
    };
    let tree = Tree::parse(&serde_json::json!({
        "node name": "root", "value": null, "condition": "symptom && !off && other || lone && cause",
        "children": [
            leaf("symptom"), branch("off", "is off"), branch("other", "is other"), branch("lone", "is lone"),
            branch("cause", "is cause")
        ]
    }))
    .expect("valid");
    let diagnose = |true_leaves: &[&str]| {
        let leaves = tree
            .check_items()
            .into_iter()
            .map(|item| {
                let findings = if true_leaves.contains(&item) {
                    vec![finding(FindingValue::Abnormal, 0, None)]
                } else {
                    vec![]
                };
                (item.to_owned(), input(findings))
            })
            .collect();
        tree.diagnose(&leaves).explanation
    };

    let explanation = diagnose(&["symptom", "is other", "is cause"]);
    assert_eq!(explanation.cause_path, ["root", "other"]);
    assert_eq!(explanation.advice, "mend other");

    // `off` is true and first, but stands under `!`; `other` is true, but did not decide.
    let explanation = diagnose(&["symptom", "is off", "is other", "is lone", "is cause"]);
    assert_eq!(explanation.cause_path, ["root", "lone"]);
}

/// A leaf without a condition on a branch, and one that names a grandchild (H.4 row 41): refused at import. What is
/// pinned all the same, such as by a later version, makes an empty report.
#[test]
fn what_cannot_be_evaluated_is_an_empty_report_with_a_reason() {
    let diagnosis = Diagnosis::failed("root: the condition is empty");
    assert_eq!(diagnosis.report, serde_json::json!({}));
    assert_eq!(diagnosis.explanation.outcome, Outcome::Failed);
    assert_eq!(diagnosis.explanation.reason, "root: the condition is empty");
}
