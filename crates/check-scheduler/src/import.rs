//! What of an import can be stored: a pure decision over the rules that were sent.

use std::collections::BTreeSet;

use aops_api::rule::{CheckItem, ImportReason, KeyedRule};
use aops_check_rule::{MAX_NAME_CHARACTERS, Rule};

/// Most rules of one import.
const MOST_RULES: usize = 10_000;

/// An import, sorted out.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SortedOut {
    /// Rules that compile, with their keys.
    pub(crate) accepted: Vec<KeyedRule>,
    /// Rules that do not, and why.
    pub(crate) refused: Vec<ImportReason>,
    /// What looks wrong in rules that compile.
    pub(crate) warnings: Vec<ImportReason>,
}

/// Checks rules without compiling them, which is cheap, and trims their names. What is wrong in shape, or named twice,
/// refuses the import as a whole: the error is `field: reason`.
pub(crate) fn check(items: &mut [CheckItem]) -> Result<(), String> {
    if items.len() > MOST_RULES {
        return Err(format!(
            "check_items: {} rules, not at most {MOST_RULES}",
            items.len()
        ));
    }
    let mut names = BTreeSet::new();
    for (index, item) in items.iter_mut().enumerate() {
        item.check_item = item.check_item.trim().to_owned();
        check_shape(item).map_err(|(field, reason)| format!("check_items[{index}].{field}: {reason}"))?;
        if !names.insert(item.check_item.clone()) {
            let name = &item.check_item;
            return Err(format!(
                "check_items[{index}].check_item: '{name}' is there twice"
            ));
        }
    }
    Ok(())
}

/// Sorts checked rules by whether they compile. That may take long.
pub(crate) fn sort_out(items: Vec<CheckItem>) -> SortedOut {
    let mut sorted = SortedOut::default();
    for item in items {
        match Rule::compile(&item) {
            Ok(rule) => {
                let warnings = rule.warnings().iter().map(|warning| ImportReason {
                    check_item: Some(item.check_item.clone()),
                    tree_name: None,
                    reason: warning.reason.clone(),
                    line: warning.line,
                    column: warning.column,
                });
                sorted.warnings.extend(warnings);
                sorted.accepted.push(KeyedRule {
                    key: rule.key().clone(),
                    item,
                });
            }
            Err(error) => sorted.refused.push(ImportReason {
                check_item: Some(item.check_item),
                tree_name: None,
                reason: error.reason,
                line: error.line,
                column: error.column,
            }),
        }
    }
    sorted
}

fn check_shape(item: &CheckItem) -> Result<(), (String, String)> {
    let refuse = |field: &str, reason: &str| Err((field.to_owned(), reason.to_owned()));
    let name = &item.check_item;
    let length = name.chars().count();
    if !(1..=MAX_NAME_CHARACTERS).contains(&length) {
        return refuse(
            "check_item",
            &format!("{length} characters, not 1 to {MAX_NAME_CHARACTERS}"),
        );
    }
    if name.contains(|letter: char| letter.is_control() || letter == ',') {
        return refuse("check_item", "a comma or a control character is not allowed");
    }
    if item.condition.trim().is_empty() {
        return refuse("condition", "must not be empty");
    }
    for (index, data_item) in item.data_list.iter().enumerate() {
        if data_item.name.trim().is_empty() {
            return refuse(&format!("data_list[{index}].name"), "must not be empty");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(name: &str, condition: &str) -> CheckItem {
        let text = json!({"check_item": name, "condition": condition, "data_list": [{"name": "m"}]});
        serde_json::from_value(text).expect("a rule")
    }

    #[test]
    fn rules_that_compile_are_accepted_and_the_others_say_why() {
        let mut items = vec![item(" a ", "$0 > 1"), item("b", "$0 >"), item("c", "$0 > 1")];
        check(&mut items).expect("in shape");
        let sorted = sort_out(items);
        assert_eq!(sorted.accepted[0].item.check_item, "a");
        assert_eq!(
            sorted.accepted[0].key, sorted.accepted[1].key,
            "equal rules have equal keys"
        );
        assert_eq!(sorted.refused.len(), 1);
        let refused = &sorted.refused[0];
        assert_eq!(refused.check_item.as_deref(), Some("b"));
        assert!(!refused.reason.is_empty());
        assert_eq!(refused.line, Some(1));
        assert!(refused.column.is_some());
    }

    #[test]
    fn rules_with_warnings_are_accepted_and_the_warnings_say_where() {
        let items = vec![item("a", "$0 > 1"), item("b", "$0 > 1 &&\n$0 != 'x'")];
        let sorted = sort_out(items);
        assert_eq!((sorted.accepted.len(), sorted.refused.len()), (2, 0));
        assert_eq!(sorted.warnings.len(), 1, "{:?}", sorted.warnings);
        let warning = &sorted.warnings[0];
        assert_eq!(warning.check_item.as_deref(), Some("b"));
        assert!(!warning.reason.is_empty());
        assert_eq!(warning.line, Some(2));
        assert!(warning.column.is_some());
    }

    #[test]
    fn what_is_wrong_in_shape_refuses_the_whole() {
        let long = "x".repeat(129);
        let mut nameless = item("a", "$0 > 1");
        nameless.data_list[0].name.clear();
        for (mut items, expected) in [
            (
                vec![item("", "$0 > 1")],
                "check_items[0].check_item: 0 characters",
            ),
            (
                vec![item(&long, "$0 > 1")],
                "check_items[0].check_item: 129 characters",
            ),
            (vec![item("a,b", "$0 > 1")], "check_items[0].check_item: a comma"),
            (
                vec![item("a", " ")],
                "check_items[0].condition: must not be empty",
            ),
            (
                vec![nameless],
                "check_items[0].data_list[0].name: must not be empty",
            ),
            (
                vec![item("a", "$0 > 1"), item("a ", "$0 > 2")],
                "check_items[1].check_item: 'a' is there twice",
            ),
        ] {
            let refusal = check(&mut items).expect_err("refused");
            assert!(refusal.starts_with(expected), "{refusal}");
        }
        assert_eq!(check(&mut []), Ok(()));
    }

    #[test]
    fn an_import_has_a_limited_number_of_rules() {
        let mut items: Vec<CheckItem> = (0..=10_000)
            .map(|number| item(&number.to_string(), "$0 > 1"))
            .collect();
        assert_eq!(
            check(&mut items),
            Err("check_items: 10001 rules, not at most 10000".to_owned())
        );
        items.pop();
        assert_eq!(check(&mut items), Ok(()));
    }
}
