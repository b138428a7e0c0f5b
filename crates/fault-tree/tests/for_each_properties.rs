//! `for each` and `combine`: random trees against a naive evaluator written from the contract.

use std::collections::{BTreeMap, BTreeSet};

use aops_api::diagnosis::{LeafFinding, LeafSource};
use aops_api::finding::{Evidence, FindingValue};
use aops_api::{Labels, TimeRange};
use aops_fault_tree::{LeafInput, Tree};
use proptest::prelude::*;
use serde_json::{Value, json};

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

const LABELS: [&str; 2] = ["device", "cpu"];
const RULES: [&str; 3] = ["r0", "r1", "r2"];

/// The value of a condition, given those of the children; `None` is unknown.
type Meaning = fn(&[Option<bool>]) -> Option<bool>;

/// Conditions over children `c0`, `c1`, `c2`, and what they mean.
const CONDITIONS: [(&str, Meaning); 4] = [
    ("c0", |values| values[0]),
    ("!c0", |values| values[0].map(|value| !value)),
    ("c0 || c1 && c2", |values| {
        and(or(values[0], values[1]), values[2])
    }),
    ("c0 && !c1 || c2", |values| {
        or(and(values[0], values[1].map(|value| !value)), values[2])
    }),
];

fn and(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(left: Option<bool>, right: Option<bool>) -> Option<bool> {
    and(left.map(|value| !value), right.map(|value| !value)).map(|value| !value)
}

#[derive(Clone, Debug)]
enum Shape {
    Leaf(usize),
    Branch(usize, Option<(usize, bool)>, Vec<Shape>),
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = (0..RULES.len()).prop_map(Shape::Leaf);
    let tree = leaf.prop_recursive(3, 24, 3, |inner| branch(inner.boxed()).boxed());
    branch(tree.boxed())
}

fn branch(child: BoxedStrategy<Shape>) -> impl Strategy<Value = Shape> {
    let copies = prop::option::of((0..LABELS.len(), any::<bool>()));
    (0..CONDITIONS.len(), copies, prop::collection::vec(child, 3))
        .prop_map(|(condition, copies, children)| Shape::Branch(condition, copies, children))
}

fn content(shape: &Shape, name: &str) -> Value {
    match shape {
        Shape::Leaf(rule) => json!({ "node name": name, "value": null, "check item": RULES[*rule] }),
        Shape::Branch(condition, copies, children) => {
            let children: Vec<Value> = children
                .iter()
                .enumerate()
                .map(|(position, child)| content(child, &format!("c{position}")))
                .collect();
            let mut node = json!({
                "node name": name, "value": null, "condition": CONDITIONS[*condition].0, "children": children
            });
            if let Some((label, all)) = copies {
                node["for each"] = json!(LABELS[*label]);
                if *all {
                    node["combine"] = json!("all");
                }
            }
            node
        }
    }
}

fn label_set() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map(prop::sample::select(LABELS.to_vec()), 0..3_u8, 0..=2).prop_map(|set| {
        set.into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_string()))
            .collect()
    })
}

fn rule_input() -> impl Strategy<Value = Option<LeafInput>> {
    let value = prop::sample::select(vec![
        FindingValue::Abnormal,
        FindingValue::NoData,
        FindingValue::InternalError,
    ]);
    let found = (value, label_set()).prop_map(|(value, labels)| finding(value, labels));
    let known = (
        prop::collection::vec(label_set(), 0..4),
        prop::collection::vec(found, 0..3),
    )
        .prop_map(|(judged, findings)| input(&judged, findings));
    prop::option::weighted(0.9, known)
}

type Known = BTreeMap<String, LeafInput>;

/// A node as the contract has it: its value, its value with missing data unknown, and names and values of all below.
struct Expected {
    value: bool,
    supported: Option<bool>,
    drawn: Value,
}

fn naive(shape: &Shape, name: &str, binding: &Labels, known: &Known) -> Expected {
    match shape {
        Shape::Leaf(rule) => naive_leaf(known.get(RULES[*rule]), name, binding),
        Shape::Branch(_, Some((label, all)), _) => {
            naive_copies(shape, name, LABELS[*label], *all, binding, known)
        }
        Shape::Branch(..) => naive_branch(shape, name, binding, known),
    }
}

fn sets(input: &LeafInput) -> Vec<Labels> {
    let found = input.findings.iter().map(|finding| finding.labels.clone());
    input.judged.iter().cloned().chain(found).collect()
}

fn naive_leaf(input: Option<&LeafInput>, name: &str, binding: &Labels) -> Expected {
    let value = input.and_then(|input| {
        let mut relevant = binding.clone();
        relevant.retain(|label, _| sets(input).iter().any(|set| set.contains_key(label)));
        let is_mine = |set: &Labels| {
            relevant
                .iter()
                .all(|(label, value)| set.get(label).is_none_or(|found| found == value))
        };
        let mine: Vec<&LeafFinding> = input
            .findings
            .iter()
            .filter(|finding| is_mine(&finding.labels))
            .collect();
        if mine.iter().any(|finding| finding.value == FindingValue::Abnormal) {
            return Some(true);
        }
        let was_judged = relevant.is_empty()
            || input.judged.iter().any(|set| {
                relevant
                    .iter()
                    .all(|(label, value)| set.get(label) == Some(value))
            });
        (mine.is_empty() && was_judged).then_some(false)
    });
    Expected {
        value: value == Some(true),
        supported: value,
        drawn: json!([name, value]),
    }
}

fn naive_branch(shape: &Shape, name: &str, binding: &Labels, known: &Known) -> Expected {
    let Shape::Branch(condition, _, children) = shape else {
        unreachable!("a branch");
    };
    let children: Vec<Expected> = children
        .iter()
        .enumerate()
        .map(|(position, child)| naive(child, &format!("c{position}"), binding, known))
        .collect();
    let meaning = CONDITIONS[*condition].1;
    let values: Vec<Option<bool>> = children.iter().map(|child| Some(child.value)).collect();
    let supported: Vec<Option<bool>> = children.iter().map(|child| child.supported).collect();
    let value = meaning(&values) == Some(true);
    let drawn: Vec<Value> = children.into_iter().map(|child| child.drawn).collect();
    Expected {
        value,
        supported: meaning(&supported),
        drawn: json!([name, value, drawn]),
    }
}

fn naive_copies(
    shape: &Shape,
    name: &str,
    label: &str,
    all: bool,
    binding: &Labels,
    known: &Known,
) -> Expected {
    let mut rules = BTreeSet::new();
    rules_below(shape, &mut rules);
    let mut values = BTreeSet::new();
    for input in rules.into_iter().filter_map(|rule| known.get(RULES[rule])) {
        for set in sets(input) {
            let goes_with_outer = binding
                .iter()
                .all(|(label, value)| set.get(label).is_none_or(|found| found == value));
            values.extend(set.get(label).filter(|_| goes_with_outer).cloned());
        }
    }
    let copies: Vec<Expected> = values
        .iter()
        .map(|value| {
            let mut inner = binding.clone();
            inner.insert(label.to_owned(), value.clone());
            naive_branch(shape, &format!("{name} [{value}]"), &inner, known)
        })
        .collect();
    let operator = if all { and } else { or };
    let supported = copies.iter().map(|copy| copy.supported).reduce(operator);
    let value = copies.iter().map(|copy| Some(copy.value)).reduce(operator) == Some(Some(true));
    let drawn: Vec<Value> = copies.into_iter().map(|copy| copy.drawn).collect();
    Expected {
        value,
        supported: supported.flatten(),
        drawn: json!([name, value, drawn]),
    }
}

fn rules_below(shape: &Shape, rules: &mut BTreeSet<usize>) {
    match shape {
        Shape::Leaf(rule) => {
            rules.insert(*rule);
        }
        Shape::Branch(_, _, children) => {
            for child in children {
                rules_below(child, rules);
            }
        }
    }
}

fn drawn(report: &Value) -> Value {
    match report["children"].as_array() {
        None => json!([report["node name"], report["value"]]),
        Some(children) => {
            let children: Vec<Value> = children.iter().map(drawn).collect();
            json!([report["node name"], report["value"], children])
        }
    }
}

proptest! {
    #[test]
    fn any_tree_with_copies_is_diagnosed_as_the_naive_evaluator_says(
        shape in shape(), inputs in prop::array::uniform3(rule_input()),
    ) {
        let known: Known = RULES
            .iter()
            .zip(inputs)
            .filter_map(|(rule, input)| Some((rule.to_string(), input?)))
            .collect();
        let tree = Tree::parse(&content(&shape, "root")).expect("valid");
        let diagnosis = tree.diagnose(&known);
        let expected = naive(&shape, "root", &Labels::new(), &known);
        prop_assert_eq!(drawn(&diagnosis.report).to_string(), expected.drawn.to_string());
        let explanation = &diagnosis.explanation;
        let is_unsupported = explanation.unsupported.iter().any(|path| path.len() == 1);
        prop_assert_eq!(is_unsupported, expected.supported.is_none());
        prop_assert_eq!(explanation.cause_path.is_empty(), !expected.value);

        // Rules of which no leaf contributes do not matter.
        let mut changed = known.clone();
        for (rule, input) in &mut changed {
            if !explanation.leaves.iter().any(|leaf| leaf.contributes && leaf.check_item == *rule) {
                input.judged = sets(input);
                input.findings.clear();
            }
        }
        prop_assert_eq!(&tree.diagnose(&changed).report["value"], &json!(expected.value));

        let again = tree.diagnose(&known);
        prop_assert_eq!(
            serde_json::to_vec(&again.explanation).expect("JSON"), serde_json::to_vec(explanation).expect("JSON")
        );
    }
}
