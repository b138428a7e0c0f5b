//! Any text as a condition.

use std::collections::BTreeMap;

use aops_fault_tree::Tree;
use serde_json::{Value, json};

/// The text is refused at a column that it has, or it is a condition: reviewed, diagnosed, always with the same outcome.
pub(crate) fn tree_condition(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let names = ["a", "b", "a b", "硬件 问题", "R&D|x"];
    let leaf = |name: &str| json!({ "node name": name, "value": null, "check item": "rule" });
    let children: Vec<Value> = names.iter().map(|name| leaf(name)).collect();
    let content = json!({ "node name": "root", "value": null, "condition": text, "children": children });
    match Tree::read(&content) {
        Err(errors) => {
            let [error] = errors.as_slice() else {
                panic!("one condition is wrong once: {errors:?}");
            };
            let column = error.column.expect("a condition has columns") as usize;
            assert!(
                (1..=text.chars().count() + 1).contains(&column),
                "{error:?} in {text:?}"
            );
        }
        Ok(tree) => {
            let warnings = tree.warnings(None);
            assert_eq!(warnings, tree.warnings(None));
            let missing = BTreeMap::new();
            let diagnosis = tree.diagnose(&missing);
            assert_eq!(diagnosis, tree.diagnose(&missing));
            assert!(diagnosis.report["value"].is_boolean());
        }
    }
}
