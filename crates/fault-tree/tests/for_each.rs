//! `for each` and `combine` by examples.

use std::collections::BTreeMap;

use aops_api::diagnosis::{LeafFinding, LeafSource, Outcome};
use aops_api::finding::{Evidence, FindingValue};
use aops_api::{Labels, TimeRange};
use aops_fault_tree::{Diagnosis, LeafInput, MAX_DIAGNOSED_NODES, Style, Tree, render_text};
use serde_json::{Value, json};

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    pairs.iter().map(owned).collect()
}

fn finding(value: FindingValue, labels: Labels) -> LeafFinding {
    LeafFinding {
        labels,
        value,
        range: TimeRange::new(0, 1_000),
        evidence: Evidence::default(),
        reason: String::new(),
    }
}

fn input(judged: &[Labels], findings: Vec<LeafFinding>) -> LeafInput {
    LeafInput {
        condition: "$0 > 1".to_owned(),
        findings,
        judged: judged.to_vec(),
        source: LeafSource::Findings,
        uncovered: Vec::new(),
    }
}

/// `disks`, for each device `busy && slow`; `slow` is of a rule without the label.
fn disks(combine: Option<&str>) -> Tree {
    let leaf = |name: &str| json!({ "node name": name, "value": null, "check item": name });
    let mut node = json!({
        "node name": "disks", "value": null, "for each": "device", "condition": "busy && slow", "advice": "look at it",
        "owner": "team a", "children": [leaf("busy"), leaf("slow")]
    });
    if let Some(combine) = combine {
        node["combine"] = json!(combine);
    }
    Tree::parse(&json!({
        "node name": "root", "value": null, "condition": "disks || busy", "children": [node, leaf("busy")]
    }))
    .expect("valid")
}

fn three_disks(busy: &[&str], slow: bool) -> BTreeMap<String, LeafInput> {
    let device = |name: &str| labels(&[("device", name)]);
    let abnormal = |name: &&str| finding(FindingValue::Abnormal, device(name));
    let slow = slow.then(|| finding(FindingValue::Abnormal, Labels::new()));
    BTreeMap::from([
        (
            "busy".to_owned(),
            input(
                &["sda", "sdb", "sdc"].map(device),
                busy.iter().map(abnormal).collect(),
            ),
        ),
        (
            "slow".to_owned(),
            input(&[Labels::new()], slow.into_iter().collect()),
        ),
    ])
}

fn draw(diagnosis: &Diagnosis) -> String {
    let show_time = |time_ms: i64| time_ms.to_string();
    let style = Style {
        show_time: &show_time,
        colour: false,
    };
    render_text(&diagnosis.report, &diagnosis.explanation, style)
}

#[test]
fn a_branch_has_one_copy_for_each_value() {
    let diagnosis = disks(None).diagnose(&three_disks(&["sdb"], true));
    let node = &diagnosis.report["children"][0];
    assert_eq!(node["node name"], "disks");
    assert_eq!(node["value"], true);
    assert_eq!(node["for each"], "device");
    let copies = node["children"].as_array().expect("a list");
    let outcome = |copy: &Value| {
        let leaves = copy["children"].as_array().expect("a list");
        let values: Vec<Value> = leaves.iter().map(|leaf| leaf["value"].clone()).collect();
        json!([copy["node name"], copy["value"], values])
    };
    assert_eq!(
        copies.iter().map(outcome).collect::<Vec<_>>(),
        [
            json!(["disks [sda]", false, [false, true]]),
            json!(["disks [sdb]", true, [true, true]]),
            json!(["disks [sdc]", false, [false, true]]),
        ]
    );
    assert_eq!(copies[1].get("for each"), None, "a copy is not copied again");
    assert_eq!(copies[1]["owner"], "team a");

    let explanation = &diagnosis.explanation;
    assert_eq!(explanation.cause_path, ["root", "disks", "disks [sdb]"]);
    assert_eq!(explanation.advice, "look at it");
    // A leaf outside reads all label sets, and says which.
    let outside = explanation.leaves.last().expect("there are leaves");
    assert!(outside.value);
    assert_eq!(outside.findings[0].labels, labels(&[("device", "sdb")]));
}

#[test]
fn any_needs_one_copy_and_all_needs_each() {
    for (combine, busy, expected) in [
        (None, vec!["sda"], true),
        (Some("any"), vec![], false),
        (Some("all"), vec!["sda", "sdb"], false),
        (Some("all"), vec!["sda", "sdb", "sdc"], true),
    ] {
        let diagnosis = disks(combine).diagnose(&three_disks(&busy, true));
        assert_eq!(
            diagnosis.report["children"][0]["value"], expected,
            "{combine:?} {busy:?}"
        );
    }
}

#[test]
fn without_a_value_it_is_false_and_unsupported() {
    let leaves = BTreeMap::from([
        ("busy".to_owned(), input(&[], vec![])),
        ("slow".to_owned(), input(&[Labels::new()], vec![])),
    ]);
    for combine in [None, Some("all")] {
        let diagnosis = disks(combine).diagnose(&leaves);
        let node = &diagnosis.report["children"][0];
        assert_eq!((&node["value"], &node["children"]), (&json!(false), &json!([])));
        assert_eq!(diagnosis.explanation.unsupported[1], ["root", "disks"]);
        assert!(draw(&diagnosis).contains("[~] disks   "));
    }
}

#[test]
fn what_is_said_of_the_rule_as_a_whole_is_said_of_each_copy() {
    let mut leaves = three_disks(&["sda"], true);
    let busy = leaves.get_mut("busy").expect("there");
    busy.findings.push(finding(FindingValue::NoData, Labels::new()));
    let report = disks(None).diagnose(&leaves).report;
    let copies = &report["children"][0]["children"];
    assert_eq!(copies[0]["children"][0]["value"], true);
    assert_eq!(copies[1]["children"][0]["msg"], "No data");
}

#[test]
fn a_value_that_a_rule_was_not_judged_for_is_missing_data_there() {
    let mut leaves = three_disks(&["sda"], true);
    let other = |name: &str| labels(&[("device", name)]);
    leaves.insert("slow".to_owned(), input(&[other("sda")], vec![]));
    let report = disks(None).diagnose(&leaves).report;
    let copies = &report["children"][0]["children"];
    assert_eq!(copies[0]["children"][1]["value"], false);
    assert_eq!(copies[1]["children"][1]["msg"], "No data");
    // A file of results need not tell what is normal.
    leaves.get_mut("slow").expect("there").source = LeafSource::Given;
    let report = disks(None).diagnose(&leaves).report;
    assert_eq!(
        report["children"][0]["children"][1]["children"][1]["value"],
        false
    );
}

#[test]
fn inner_copies_take_the_values_that_go_with_the_outer_ones() {
    let leaf = json!({ "node name": "full", "value": null, "check item": "full" });
    let inner = json!({
        "node name": "mounts", "value": null, "for each": "mount", "condition": "full", "children": [leaf]
    });
    let tree = Tree::parse(&json!({
        "node name": "root", "value": null, "for each": "device", "combine": "all", "condition": "mounts",
        "children": [inner]
    }))
    .expect("valid");
    let sets = [("sda", "/"), ("sda", "/home"), ("sdb", "/var")]
        .map(|(device, mount)| labels(&[("device", device), ("mount", mount)]));
    let full = vec![
        finding(FindingValue::Abnormal, sets[1].clone()),
        finding(FindingValue::Abnormal, sets[2].clone()),
    ];
    let leaves = BTreeMap::from([("full".to_owned(), input(&sets, full))]);
    let diagnosis = tree.diagnose(&leaves);
    assert_eq!(
        draw(&diagnosis),
        "[x] root   all of 2, for each device\n\
         ├─ [x] root [sda]\n\
         │  └─ [x] mounts   any of 2, for each mount\n\
         │     ├─ [x] mounts [/home]\n\
         │     │  └─ [x] full   full: $0 > 1\n\
         │     │         Abnormal {device=\"sda\", mount=\"/home\"} since 0 until 1000\n\
         │     └─ [ ] mounts [/]\n\
         │        └─ [ ] full   full: $0 > 1\n\
         └─ [x] root [sdb]\n\
         \u{20}  └─ [x] mounts   any of 1, for each mount\n\
         \u{20}     └─ [x] mounts [/var]\n\
         \u{20}        └─ [x] full   full: $0 > 1\n\
         \u{20}               Abnormal {device=\"sdb\", mount=\"/var\"} since 0 until 1000\n\
         [x] true   [ ] false   [?] without data, counts as false   [~] false for lack of data   [!] true for lack of data\n\
         \n\
         cause: root / root [sda] / mounts / mounts [/home]\n\
         also true: root / root [sdb]\n"
    );
}

/// Ten nodes over a hundred disks.
#[test]
fn many_copies_stay_readable() {
    let leaf = |name: &str| json!({ "node name": name, "value": null, "check item": name });
    let branch = |name: &str, leaves: [&str; 2]| {
        json!({
            "node name": name, "value": null, "condition": leaves.join("||"), "children": leaves.map(leaf)
        })
    };
    let mut disk = json!({
        "node name": "disk", "value": null, "for each": "device", "condition": "load || wear || faults",
        "children": [branch("load", ["busy", "slow"]), branch("wear", ["old", "worn"]), branch("faults", ["dead", "ill"])]
    });
    disk["description"] = json!("A disk is in the way.");
    let tree = Tree::parse(&json!({
        "node name": "root", "value": null, "condition": "disk", "children": [disk]
    }))
    .expect("valid");
    let sets: Vec<Labels> = (1..=100)
        .map(|number| labels(&[("device", &format!("sd{number}"))]))
        .collect();
    let leaves: BTreeMap<String, LeafInput> = tree
        .check_items()
        .into_iter()
        .map(|item| {
            let found = match item {
                "busy" => vec![6, 16, 50],
                "dead" => vec![99],
                _ => vec![],
            };
            let findings = found
                .into_iter()
                .map(|disk: usize| finding(FindingValue::Abnormal, sets[disk].clone()));
            (item.to_owned(), input(&sets, findings.collect()))
        })
        .collect();
    let text = draw(&tree.diagnose(&leaves));
    assert!(text.lines().count() < 50, "{text}");
    assert!(
        text.contains("├─ [x] 2 more like disk [sd7]: [sd17], [sd51]\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "└─ [ ] 95 more like disk [sd1]: [sd2], [sd3], [sd4], [sd5], [sd6], [sd8], [sd9], [sd10], …\n"
        ),
        "{text}"
    );
}

#[test]
fn leaves_that_read_the_same_tell_it_once() {
    let children: Vec<Value> = (0..2_000)
        .map(|number| json!({ "node name": format!("n{number}"), "value": null, "check item": "busy" }))
        .collect();
    let tree = Tree::parse(&json!({
        "node name": "root", "value": null, "condition": "n0", "children": children
    }))
    .expect("valid");
    let explanation = tree.diagnose(&three_disks(&["sda", "sdb"], false)).explanation;
    assert_eq!(explanation.leaves[0].findings.len(), 2);
    let later = &explanation.leaves[1_999];
    assert_eq!((later.same_as, later.findings.len()), (Some(0), 0));
    assert_eq!(explanation.read_by(later).findings.len(), 2);
    let bytes = serde_json::to_vec(&explanation).expect("JSON").len();
    assert!(bytes < 400_000, "{bytes} bytes");
}

#[test]
fn a_leaf_holds_the_worst_findings_and_counts_the_rest() {
    let findings = (0..1_000).map(|number| {
        let device = format!("sd{number}");
        let value = if number == 999 {
            FindingValue::Abnormal
        } else {
            FindingValue::NoData
        };
        finding(value, labels(&[("device", &device)]))
    });
    let leaves = BTreeMap::from([("busy".to_owned(), input(&[], findings.collect()))]);
    let explanation = disks(None).diagnose(&leaves).explanation;
    let outside = explanation.leaves.last().expect("there are leaves");
    assert_eq!(outside.findings[0].value, FindingValue::Abnormal);
    assert_eq!((outside.findings.len(), outside.findings_left_out), (20, 980));
}

#[test]
fn a_tree_that_would_grow_too_large_fails_with_the_reason() {
    let sets: Vec<Labels> = (0..MAX_DIAGNOSED_NODES / 3)
        .map(|number| labels(&[("device", &number.to_string())]))
        .collect();
    let leaves = BTreeMap::from([("busy".to_owned(), input(&sets, vec![]))]);
    let diagnosis = disks(None).diagnose(&leaves);
    assert_eq!(diagnosis.report, json!({}));
    assert_eq!(diagnosis.explanation.outcome, Outcome::Failed);
    assert!(diagnosis.explanation.reason.contains("more than 100000 nodes"));
}

#[test]
fn a_report_holds_a_limited_number_of_findings() {
    let name = |number: usize| format!("n{number}");
    let children: Vec<Value> = (0..3_000)
        .map(|number| json!({ "node name": name(number), "value": null, "check item": name(number) }))
        .collect();
    let tree = Tree::parse(&json!({
        "node name": "root", "value": null, "condition": "n2999", "children": children
    }))
    .expect("valid");
    let findings = vec![finding(FindingValue::Abnormal, Labels::new()); 30];
    let leaves = (0..3_000).map(|number| (name(number), input(&[], findings.clone())));
    let explanation = tree.diagnose(&leaves.collect()).explanation;
    let total: usize = explanation.leaves.iter().map(|leaf| leaf.findings.len()).sum();
    assert_eq!(total, 100 * 20 + 2_899 + 20, "the last leaf contributes");
    assert!(
        explanation
            .leaves
            .iter()
            .all(|leaf| leaf.findings.len() as u64 + leaf.findings_left_out == 30)
    );
}
