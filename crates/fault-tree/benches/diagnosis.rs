//! How long a diagnosis and an import take. Targets: a tree of 100 nodes over one hour of one host's findings 2 ms, one of
//! 10,000 nodes (as many as a tree may have) 50 ms, an import of 1,000 trees 1 s.

use std::collections::BTreeMap;
use std::hint::black_box;

use aops_api::diagnosis::{LeafFinding, LeafSource};
use aops_api::finding::{DecidingSample, Evidence, ExpressionValue, FindingValue};
use aops_api::{Labels, TimeRange};
use aops_fault_tree::{LeafInput, Style, Tree, read_workbook, render_text, write_workbook};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};

/// That of the programs.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const HOUR_MS: i64 = 3_600_000;

/// A tree of about `nodes` nodes: branches of nine leaves each below groups of ten.
fn content(nodes: usize) -> Value {
    let branches = (nodes / 10).max(1);
    let branch = |number: usize| {
        let leaves: Vec<Value> = (0..9)
            .map(|leaf| {
                json!({ "node name": format!("leaf {leaf}"), "value": null, "check item": format!("rule {number} {leaf}") })
            })
            .collect();
        json!({
            "node name": format!("branch {number}"), "value": null, "description": "what it means",
            "condition": "(leaf 0 || leaf 1 || leaf 2) && !leaf 3 || (leaf 4 && leaf 5) || leaf 6 || leaf 7 || leaf 8",
            "advice": "what to do", "children": leaves
        })
    };
    let groups: Vec<Value> = (0..branches.div_ceil(10))
        .map(|group| {
            let children: Vec<Value> = (group * 10..branches.min(group * 10 + 10)).map(branch).collect();
            let names: Vec<&str> = children
                .iter()
                .filter_map(|child| child["node name"].as_str())
                .collect();
            json!({
                "node name": format!("group {group}"), "value": null, "condition": names.join(" || "),
                "children": children
            })
        })
        .collect();
    let names: Vec<&str> = groups
        .iter()
        .filter_map(|child| child["node name"].as_str())
        .collect();
    json!({ "node name": "root", "value": null, "condition": names.join(" || "), "children": groups })
}

/// What a busy hour leaves: each third rule abnormal on four devices, twelve times.
fn hour(tree: &Tree) -> BTreeMap<String, LeafInput> {
    let device = |number: i64| Labels::from([("device".to_owned(), format!("sd{number}"))]);
    let finding = |number: i64| {
        let start_ms = number * 70_000;
        let sample = DecidingSample {
            time_ms: start_ms,
            margin: Some(0.1),
            values: vec![ExpressionValue {
                expression: "$0".to_owned(),
                value: "0.98".to_owned(),
            }],
        };
        LeafFinding {
            labels: device(number % 4),
            value: FindingValue::Abnormal,
            range: TimeRange::new(start_ms, (start_ms + 30_000).min(HOUR_MS)),
            evidence: Evidence::of(sample),
            reason: String::new(),
        }
    };
    let input = |position: usize| LeafInput {
        condition: "max(60s) > 0.9".to_owned(),
        findings: (0..48)
            .filter(|_| position.is_multiple_of(3))
            .map(finding)
            .collect(),
        judged: (0..4).map(device).collect(),
        source: LeafSource::Findings,
        uncovered: Vec::new(),
    };
    let items = tree.check_items().into_iter().enumerate();
    items
        .map(|(position, item)| (item.to_owned(), input(position)))
        .collect()
}

fn diagnose(criterion: &mut Criterion) {
    for nodes in [100, 9_800] {
        let tree = Tree::parse(&content(nodes)).expect("valid");
        let leaves = hour(&tree);
        criterion.bench_function(&format!("diagnose {nodes} nodes, one hour"), |bencher| {
            bencher.iter(|| tree.diagnose(black_box(&leaves)));
        });
        let diagnosis = tree.diagnose(&leaves);
        let show_time = |time_ms: i64| time_ms.to_string();
        let style = Style {
            show_time: &show_time,
            colour: false,
        };
        criterion.bench_function(&format!("draw {nodes} nodes"), |bencher| {
            bencher.iter(|| render_text(black_box(&diagnosis.report), &diagnosis.explanation, style));
        });
    }
    let mut copied = content(10);
    copied["children"][0]["for each"] = json!("device");
    let tree = Tree::parse(&copied).expect("valid");
    let mut leaves = hour(&tree);
    for leaf in leaves.values_mut() {
        let devices = (0..100).map(|number| Labels::from([("device".to_owned(), format!("sd{number}"))]));
        leaf.judged = devices.collect();
    }
    criterion.bench_function("diagnose 10 nodes for each of 100 disks", |bencher| {
        bencher.iter(|| tree.diagnose(black_box(&leaves)));
    });
}

fn import(criterion: &mut Criterion) {
    let text = content(100).to_string();
    criterion.bench_function("import 1,000 trees of 100 nodes", |bencher| {
        bencher.iter(|| {
            for _ in 0..1_000 {
                let content: Value = serde_json::from_str(black_box(&text)).expect("JSON");
                let tree = Tree::read(&content).expect("valid");
                black_box(tree.warnings(None));
            }
        });
    });
    let mut one_name_each = content(100);
    for branch in one_name_each["children"][0]["children"]
        .as_array_mut()
        .expect("a list")
    {
        let number = branch["node name"].as_str().expect("a name").to_owned();
        let condition = branch["condition"]
            .as_str()
            .expect("a text")
            .replace("leaf", &number);
        branch["condition"] = json!(condition);
        for leaf in branch["children"].as_array_mut().expect("a list") {
            let name = leaf["node name"]
                .as_str()
                .expect("a name")
                .replace("leaf", &number);
            leaf["node name"] = json!(name);
        }
    }
    let workbook = write_workbook(&one_name_each).expect("it fits").bytes;
    criterion.bench_function("read a workbook of 100 nodes", |bencher| {
        bencher.iter(|| read_workbook(black_box(&workbook)).expect("valid"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = diagnose, import
}
criterion_main!(benches);
