//! Any text as a condition: it is read or refused at a place inside it, and what is read is read again the same.

use aops_api::rule::CheckItem;
use aops_check_rule::Rule;

/// The body of the fuzz target of this name.
pub(crate) fn rule_condition(bytes: &[u8]) {
    let Ok(condition) = std::str::from_utf8(bytes) else {
        return;
    };
    let text = r#"{"check_item":"r","data_list":[{"name":"m"},{"name":"n"}],"condition":""}"#;
    let mut item: CheckItem = serde_json::from_str(text).expect("a check item");
    item.condition = condition.to_owned();
    match Rule::compile(&item) {
        Ok(rule) => {
            assert!(rule.look_back_ms(15_000) >= 0);
            // Parentheses around the whole change nothing that decides.
            item.condition = format!("({condition})");
            if let Ok(enclosed) = Rule::compile(&item) {
                assert_eq!(enclosed.key(), rule.key());
            }
        }
        Err(refusal) => {
            assert!(!refusal.reason.is_empty());
            let (Some(line), Some(column)) = (refusal.line, refusal.column) else {
                return;
            };
            let line = condition
                .split('\n')
                .nth(line as usize - 1)
                .expect("a line of the condition");
            assert!(column as usize <= line.chars().count() + 1);
        }
    }
}
