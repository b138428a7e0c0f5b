//! Random trees and conditions against a naive evaluator that works on the structure they were made from.

use std::collections::BTreeMap;

use aops_api::diagnosis::{LeafFinding, LeafSource, Outcome};
use aops_api::finding::{Evidence, FindingValue};
use aops_api::{Labels, TimeRange};
use aops_fault_tree::{LeafInput, Style, Tree, render_text};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// A condition as it is meant; children are chosen by index.
#[derive(Clone, Debug)]
enum Meaning {
    Child(Index),
    Not(Box<Meaning>),
    And(Box<Meaning>, Box<Meaning>),
    Or(Box<Meaning>, Box<Meaning>),
}

#[derive(Clone, Debug)]
enum Shape {
    /// `None` = no such rule.
    Leaf(Option<Vec<FindingValue>>),
    Branch(Meaning, Vec<Shape>),
}

fn meaning() -> impl Strategy<Value = Meaning> {
    let child = any::<Index>().prop_map(Meaning::Child);
    child.prop_recursive(5, 16, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            inner.prop_map(|operand| Meaning::Not(Box::new(operand))),
            pair.clone()
                .prop_map(|(left, right)| Meaning::And(Box::new(left), Box::new(right))),
            pair.prop_map(|(left, right)| Meaning::Or(Box::new(left), Box::new(right))),
        ]
    })
}

fn shape() -> impl Strategy<Value = Shape> {
    let value = prop::sample::select(vec![
        FindingValue::Abnormal,
        FindingValue::NoData,
        FindingValue::InternalError,
    ]);
    let findings = prop::collection::vec(value, 0..3);
    let leaf = prop::option::weighted(0.9, findings).prop_map(Shape::Leaf);
    let tree = leaf.prop_recursive(4, 32, 4, |inner| branch(inner).boxed());
    branch(tree)
}

fn branch(child: impl Strategy<Value = Shape>) -> impl Strategy<Value = Shape> {
    (meaning(), prop::collection::vec(child, 1..5))
        .prop_map(|(meaning, children)| Shape::Branch(meaning, children))
}

fn child_name(position: usize) -> String {
    format!("节点 {position}")
}

/// Writes a condition so that reading it from left to right gives its meaning: what stands to the right of an operator
/// needs parentheses, what stands to the left does not.
fn write(meaning: &Meaning, children: usize) -> String {
    let parenthesised = |operand: &Meaning| match operand {
        Meaning::And(..) | Meaning::Or(..) => format!("( {})", write(operand, children)),
        _ => write(operand, children),
    };
    match meaning {
        Meaning::Child(index) => child_name(index.index(children)),
        Meaning::Not(operand) => format!("!{}", parenthesised(operand)),
        Meaning::And(left, right) => format!("{}&& {}", write(left, children), parenthesised(right)),
        Meaning::Or(left, right) => format!("{} ||{}", write(left, children), parenthesised(right)),
    }
}

/// Three-valued: `None` is unknown.
fn naive(meaning: &Meaning, children: &[Option<bool>]) -> Option<bool> {
    match meaning {
        Meaning::Child(index) => children[index.index(children.len())],
        Meaning::Not(operand) => naive(operand, children).map(|value| !value),
        Meaning::And(left, right) => match (naive(left, children), naive(right, children)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Meaning::Or(left, right) => match (naive(left, children), naive(right, children)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
    }
}

/// What is expected of a tree, gathered on the way down.
#[derive(Default)]
struct Expected {
    leaves: BTreeMap<String, LeafInput>,
    ruled_out: Vec<Vec<String>>,
    unsupported: Vec<Vec<String>>,
}

/// The tree as imported, as expected in the report, its value, and its value with missing data unknown.
struct Built {
    imported: Value,
    diagnosed: Value,
    value: bool,
    supported: Option<bool>,
}

fn build(shape: &Shape, path: &[String], expected: &mut Expected) -> Built {
    match shape {
        Shape::Leaf(findings) => build_leaf(findings.as_deref(), path, expected),
        Shape::Branch(meaning, children) => build_branch(meaning, children, path, expected),
    }
}

fn build_leaf(findings: Option<&[FindingValue]>, path: &[String], expected: &mut Expected) -> Built {
    let name = path.last().expect("not empty");
    let item = path.join(".");
    let has = |value| findings.is_some_and(|findings| findings.contains(&value));
    let (value, message) = if has(FindingValue::Abnormal) {
        (Some(true), "")
    } else if findings.is_none() || has(FindingValue::NoData) {
        (None, "No data")
    } else if has(FindingValue::InternalError) {
        (None, "Internal error")
    } else {
        (Some(false), "")
    };
    if value.is_none() {
        expected.unsupported.push(path.to_vec());
    }
    if let Some(findings) = findings {
        let input = LeafInput {
            condition: "$0 > 1".to_owned(),
            findings: findings.iter().map(|value| finding(*value)).collect(),
            source: LeafSource::Evaluated,
            ..LeafInput::default()
        };
        expected.leaves.insert(item.clone(), input);
    }
    Built {
        imported: json!({"check item": item, "value": null, "note": {"kept": 1}, "node name": name}),
        diagnosed: json!({
            "check item": item, "value": value, "note": {"kept": 1}, "node name": name, "msg": message
        }),
        value: value == Some(true),
        supported: value,
    }
}

fn build_branch(meaning: &Meaning, children: &[Shape], path: &[String], expected: &mut Expected) -> Built {
    let mut below = Expected::default();
    let built: Vec<Built> = children
        .iter()
        .enumerate()
        .map(|(position, child)| {
            let mut child_path = path.to_vec();
            child_path.push(child_name(position));
            build(child, &child_path, &mut below)
        })
        .collect();
    let values: Vec<Option<bool>> = built.iter().map(|child| Some(child.value)).collect();
    let supported: Vec<Option<bool>> = built.iter().map(|child| child.supported).collect();
    let value = naive(meaning, &values).expect("all are known");
    let supported = naive(meaning, &supported);
    if !value {
        expected.ruled_out.push(path.to_vec());
    }
    if supported.is_none() {
        expected.unsupported.push(path.to_vec());
    }
    expected.ruled_out.append(&mut below.ruled_out);
    expected.unsupported.append(&mut below.unsupported);
    expected.leaves.append(&mut below.leaves);

    let node = |value: Value, children: Vec<Value>| {
        json!({
            "children": children,
            "condition": write(meaning, built.len()),
            "value": value,
            "node name": path.last().expect("not empty"),
        })
    };
    let imported = built.iter().map(|child| child.imported.clone()).collect();
    let diagnosed = built.iter().map(|child| child.diagnosed.clone()).collect();
    Built {
        imported: node(Value::Null, imported),
        diagnosed: node(Value::Bool(value), diagnosed),
        value,
        supported,
    }
}

fn finding(value: FindingValue) -> LeafFinding {
    LeafFinding {
        labels: Labels::new(),
        value,
        range: TimeRange::new(0, 1_000),
        evidence: Evidence::default(),
        reason: String::new(),
    }
}

proptest! {
    #[test]
    fn any_tree_is_diagnosed_as_the_naive_evaluator_says(shape in shape()) {
        let mut expected = Expected::default();
        let built = build(&shape, &["root".to_owned()], &mut expected);
        let tree = Tree::parse(&built.imported).expect("valid");
        let diagnosis = tree.diagnose(&expected.leaves);
        prop_assert_eq!(diagnosis.report.to_string(), built.diagnosed.to_string());

        let explanation = &diagnosis.explanation;
        let outcome = if built.value { Outcome::CauseFound } else { Outcome::CauseNotFound };
        prop_assert_eq!(explanation.outcome, outcome);
        prop_assert_eq!(&explanation.ruled_out, &expected.ruled_out);
        prop_assert_eq!(&explanation.unsupported, &expected.unsupported);
        prop_assert_eq!(explanation.cause_path.is_empty(), !built.value);
        for end in 1..=explanation.cause_path.len() {
            prop_assert!(!explanation.ruled_out.contains(&explanation.cause_path[..end].to_vec()));
        }

        let again = tree.diagnose(&expected.leaves);
        let bytes = serde_json::to_vec(explanation).expect("JSON");
        prop_assert_eq!(serde_json::to_vec(&again.explanation).expect("JSON"), bytes);
        let show_time = |time_ms: i64| time_ms.to_string();
        let style = Style { show_time: &show_time, colour: false };
        let text = render_text(&diagnosis.report, explanation, style);
        let first_line = match (built.value, built.supported) {
            (true, Some(_)) => "[x] root\n",
            (true, None) => "[!] root\n",
            (false, Some(_)) => "[ ] root\n",
            (false, None) => "[~] root\n",
        };
        prop_assert!(text.starts_with(first_line), "{}", text);
    }
}
