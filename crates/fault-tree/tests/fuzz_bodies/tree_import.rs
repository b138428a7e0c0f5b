//! Any bytes as a file of a tree.

use std::collections::BTreeMap;

use aops_fault_tree::{Tree, read_workbook, write_workbook};
use serde_json::Value;

/// The bytes are refused, or they are a tree: it is diagnosed, and goes into a workbook and back, or is refused there.
pub(crate) fn tree_import(bytes: &[u8]) {
    let content = match serde_json::from_slice(bytes) {
        Ok(content) => content,
        Err(_) => match read_workbook(bytes) {
            Ok(workbook) => workbook.content,
            Err(_) => return,
        },
    };
    let tree = match Tree::read(&content) {
        Ok(tree) => tree,
        Err(errors) => {
            assert!(!errors.is_empty());
            return;
        }
    };
    tree.warnings(None);
    let diagnosis = tree.diagnose(&BTreeMap::new());
    // A report travels as text.
    let text = diagnosis.report.to_string();
    assert_eq!(
        serde_json::from_str::<Value>(&text).ok().as_ref(),
        Some(&diagnosis.report)
    );
    if let Ok(written) = write_workbook(&content) {
        let read = read_workbook(&written.bytes)
            .expect("what was written can be read")
            .content;
        let again = Tree::read(&read).expect("what was written is valid");
        assert_eq!(again.check_items(), tree.check_items());
    }
}
