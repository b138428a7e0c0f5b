//! What of an import can be stored: a pure decision over the trees that were sent.

use std::collections::BTreeSet;

use aops_api::rule::ImportReason;
use aops_api::tree::TreeDocument;
use aops_fault_tree::{RuleNames, Tree};

/// Most trees of one import.
const MOST_TREES: usize = 10_000;
/// Most warnings of one import.
const MOST_WARNINGS: usize = 1_000;
/// Longest name, in characters.
const LONGEST_NAME: usize = 128;

/// An import, sorted out.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SortedOut {
    /// Trees that are valid.
    pub(crate) accepted: Vec<TreeDocument>,
    /// The same, parsed.
    pub(crate) parsed: Vec<(String, Tree)>,
    /// Trees that are not, and why.
    pub(crate) refused: Vec<ImportReason>,
}

impl SortedOut {
    /// Names of the rules that the valid trees read, each once.
    pub(crate) fn check_items(&self) -> BTreeSet<String> {
        let items = self.parsed.iter().flat_map(|(_, tree)| tree.check_items());
        items.map(str::to_owned).collect()
    }
}

/// What is probably not meant in trees that are valid. Without `rules`, whether leaves have one is not looked at.
pub(crate) fn warnings(parsed: &[(String, Tree)], mut rules: Option<RuleNames>) -> Vec<ImportReason> {
    let mut warnings = Vec::new();
    for (name, tree) in parsed {
        let of_tree = tree.warnings(rules.as_mut()).into_iter();
        warnings.extend(of_tree.map(|warning| ImportReason {
            tree_name: Some(name.clone()),
            reason: warning.to_string(),
            ..ImportReason::default()
        }));
    }
    warnings.truncate(MOST_WARNINGS);
    warnings
}

/// Checks trees without parsing them, which is cheap, and trims their names. What is wrong in shape, or named twice,
/// refuses the import as a whole: the error is `field: reason`.
pub(crate) fn check(trees: &mut [TreeDocument]) -> Result<(), String> {
    if trees.is_empty() {
        return Err("trees: must not be empty".to_owned());
    }
    if trees.len() > MOST_TREES {
        return Err(format!("trees: {} trees, not at most {MOST_TREES}", trees.len()));
    }
    let mut names = BTreeSet::new();
    for (index, tree) in trees.iter_mut().enumerate() {
        tree.tree_name = tree.tree_name.trim().to_owned();
        check_shape(tree).map_err(|(field, reason)| format!("trees[{index}].{field}: {reason}"))?;
        if !names.insert(tree.tree_name.clone()) {
            let name = &tree.tree_name;
            return Err(format!("trees[{index}].tree_name: '{name}' is there twice"));
        }
    }
    Ok(())
}

/// Sorts checked trees by whether they are valid. That may take long.
pub(crate) fn sort_out(trees: Vec<TreeDocument>) -> SortedOut {
    let mut sorted = SortedOut::default();
    for tree in trees {
        match Tree::parse(&tree.tree_content) {
            Ok(parsed) => {
                sorted.parsed.push((tree.tree_name.clone(), parsed));
                sorted.accepted.push(tree);
            }
            Err(error) => sorted.refused.push(ImportReason {
                check_item: None,
                tree_name: Some(tree.tree_name),
                reason: error.to_string(),
                line: None,
                column: error.column,
            }),
        }
    }
    sorted
}

fn check_shape(tree: &TreeDocument) -> Result<(), (&'static str, String)> {
    let name = &tree.tree_name;
    let length = name.chars().count();
    if !(1..=LONGEST_NAME).contains(&length) {
        return Err((
            "tree_name",
            format!("{length} characters, not 1 to {LONGEST_NAME}"),
        ));
    }
    if name.contains(|letter: char| letter.is_control() || letter == ',') {
        let reason = "a comma or a control character is not allowed";
        return Err(("tree_name", reason.to_owned()));
    }
    match tree.tree_content.as_object() {
        Some(root) if !root.is_empty() => Ok(()),
        Some(_) => Err(("tree_content", "must not be empty".to_owned())),
        None => Err(("tree_content", "must be an object".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn content(condition: &str) -> Value {
        let leaf = json!({ "node name": "cpu", "value": null, "check item": "cpu_busy" });
        json!({ "node name": "slow", "value": null, "condition": condition, "children": [leaf] })
    }

    fn tree(name: &str, tree_content: Value) -> TreeDocument {
        TreeDocument {
            tree_name: name.to_owned(),
            tree_content,
            description: String::new(),
        }
    }

    #[test]
    fn valid_trees_are_accepted_and_the_others_say_why() {
        let mut trees = vec![tree(" a ", content("cpu")), tree("b", content("cpu && disk"))];
        check(&mut trees).expect("in shape");
        let sorted = sort_out(trees);
        assert_eq!(sorted.accepted, [tree("a", content("cpu"))]);
        let [refused] = sorted.refused.as_slice() else {
            panic!("one is refused: {:?}", sorted.refused);
        };
        assert_eq!(refused.tree_name.as_deref(), Some("b"));
        assert_eq!(refused.check_item, None);
        assert_eq!(refused.column, Some(8));
        assert!(refused.reason.starts_with("slow: "), "{}", refused.reason);
    }

    #[test]
    fn what_is_probably_not_meant_is_told_with_the_tree() {
        let mut odd = content("cpu");
        odd["children"] = json!([
            odd["children"][0], { "node name": "ram", "value": null, "check item": "ram_full" }
        ]);
        let sorted = sort_out(vec![tree("a", content("cpu")), tree("b", odd)]);
        let rules = RuleNames::new(["cpu_busy".to_owned(), "ram_ful".to_owned()]);
        let told: Vec<String> = warnings(&sorted.parsed, Some(rules))
            .into_iter()
            .map(|warning| format!("{}: {}", warning.tree_name.unwrap_or_default(), warning.reason))
            .collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("b: slow / ram: unreachable"), "{told:?}");
        assert!(told[1].ends_with("did you mean \"ram_ful\"?"), "{told:?}");
        assert_eq!(warnings(&sorted.parsed, None).len(), 1);
    }

    #[test]
    fn what_is_wrong_in_shape_refuses_the_whole() {
        for (mut trees, expected) in [
            (vec![], "trees: must not be empty"),
            (
                vec![tree(" ", content("cpu"))],
                "trees[0].tree_name: 0 characters",
            ),
            (
                vec![tree(&"x".repeat(129), content("cpu"))],
                "trees[0].tree_name: 129 characters",
            ),
            (vec![tree("a,b", content("cpu"))], "trees[0].tree_name: a comma"),
            (
                vec![tree("a\tb", content("cpu"))],
                "trees[0].tree_name: a comma or a control",
            ),
            (
                vec![tree("a", json!([]))],
                "trees[0].tree_content: must be an object",
            ),
            (
                vec![tree("a", json!({}))],
                "trees[0].tree_content: must not be empty",
            ),
            (
                vec![tree("a", content("cpu")), tree("a ", content("cpu"))],
                "trees[1].tree_name: 'a' is there twice",
            ),
        ] {
            let refusal = check(&mut trees).expect_err("refused");
            assert!(refusal.starts_with(expected), "{refusal}");
        }
    }

    #[test]
    fn an_import_has_a_limited_number_of_trees() {
        let mut trees: Vec<TreeDocument> = (0..=10_000)
            .map(|number| tree(&number.to_string(), content("cpu")))
            .collect();
        assert_eq!(
            check(&mut trees),
            Err("trees: 10001 trees, not at most 10000".to_owned())
        );
        trees.pop();
        assert_eq!(check(&mut trees), Ok(()));
    }
}
