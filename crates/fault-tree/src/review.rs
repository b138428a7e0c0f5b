//! What is allowed in a tree but probably not meant: warnings.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::condition::Possible;
use crate::nearest::{misspelt, nearest_name};
use crate::tree::{Branch, Node, NodeKind, Tree, key};

/// How many warnings of a tree are told.
pub const MAX_WARNINGS: usize = 100;

/// How many names that no rule has are compared with all rules: the work grows with both.
const MOST_SUGGESTIONS: usize = 100;

const KNOWN_KEYS: [&str; 10] = [
    key::NAME,
    key::VALUE,
    key::CHECK_ITEM,
    key::MESSAGE,
    key::CONDITION,
    key::DESCRIPTION,
    key::ADVICE,
    key::CHILDREN,
    key::FOR_EACH,
    key::COMBINE,
];

/// What is probably not meant, and where. Displayed as `host is slow / cpu busy: reason`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeWarning {
    /// Names from the root to the node.
    pub path: Vec<String>,
    /// What is odd, what it comes to, what may have been meant.
    pub reason: String,
}

impl std::fmt::Display for TreeWarning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path.join(" / "), self.reason)
    }
}

/// The names of the rules that there are.
#[derive(Debug)]
pub struct RuleNames {
    names: BTreeSet<String>,
    suggestions_left: usize,
}

impl RuleNames {
    /// Leaves are compared with these names.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self {
            names: names.into_iter().collect(),
            suggestions_left: MOST_SUGGESTIONS,
        }
    }

    /// Why a leaf of this check item is blind; `None` if there is such a rule.
    fn missing(&mut self, check_item: &str) -> Option<String> {
        if self.names.contains(check_item) {
            return None;
        }
        let mut reason =
            format!("there is no rule \"{check_item}\": until there is one, this leaf is without data");
        if self.suggestions_left > 0 {
            self.suggestions_left -= 1;
            let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
            if let Some(nearest) = nearest_name(check_item, &names) {
                reason.push_str(&format!("; did you mean \"{nearest}\"?"));
            }
        }
        Some(reason)
    }
}

impl Tree {
    /// What is probably not meant, in tree order, up to [`MAX_WARNINGS`]. Without `rules`, whether leaves have one is
    /// not looked at.
    pub fn warnings(&self, rules: Option<&mut RuleNames>) -> Vec<TreeWarning> {
        let mut reviewer = Reviewer {
            path: Vec::new(),
            labels: Vec::new(),
            rules,
            told_rules: BTreeSet::new(),
            possible: HashMap::new(),
            warnings: Vec::new(),
        };
        reviewer.possible(self.root());
        reviewer.node(self.root(), self.content());
        reviewer.warnings
    }
}

struct Reviewer<'tree, 'rules> {
    path: Vec<&'tree str>,
    /// Labels of the `for each` around.
    labels: Vec<&'tree str>,
    rules: Option<&'rules mut RuleNames>,
    /// Missing rules that have been told: once is enough.
    told_rules: BTreeSet<&'tree str>,
    /// What each branch can become at all.
    possible: HashMap<*const Node, Possible>,
    warnings: Vec<TreeWarning>,
}

impl<'tree> Reviewer<'tree, '_> {
    fn warn(&mut self, reason: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(TreeWarning {
                path: self.path.iter().map(|name| (*name).to_owned()).collect(),
                reason,
            });
        }
    }

    /// What a node can become, and all below it.
    fn possible(&mut self, node: &Node) -> Possible {
        let NodeKind::Branch(branch) = &node.kind else {
            return Possible::EITHER;
        };
        let children: Vec<Possible> = branch.children.iter().map(|child| self.possible(child)).collect();
        let mut possible = branch.condition.possible(&children);
        // A branch without copies is false.
        possible.can_be_false |= branch.for_each.is_some();
        self.possible.insert(std::ptr::from_ref(node), possible);
        possible
    }

    fn node(&mut self, node: &'tree Node, content: &'tree Value) {
        self.path.push(&node.name);
        self.keys(content);
        match &node.kind {
            NodeKind::Leaf { check_item } => self.leaf(check_item),
            NodeKind::Branch(branch) => self.branch(branch, content),
        }
        self.path.pop();
    }

    fn keys(&mut self, content: &Value) {
        let Some(object) = content.as_object() else {
            return;
        };
        let unknown = object.keys().map(String::as_str);
        let unknown: Vec<&str> = unknown.filter(|key| !KNOWN_KEYS.contains(key)).collect();
        for known in KNOWN_KEYS
            .into_iter()
            .filter(|known| !object.contains_key(*known))
        {
            if let Some(found) = misspelt(known, &unknown) {
                self.warn(format!(
                    "the key \"{found}\" is kept and means nothing; did you mean \"{known}\"?"
                ));
            }
        }
    }

    fn leaf(&mut self, check_item: &'tree str) {
        let Some(rules) = &mut self.rules else { return };
        if self.told_rules.contains(check_item) {
            return;
        }
        if let Some(reason) = rules.missing(check_item) {
            self.told_rules.insert(check_item);
            self.warn(reason);
        }
    }

    fn branch(&mut self, branch: &'tree Branch, content: &'tree Value) {
        self.condition(branch);
        let label = branch.for_each.as_ref().map(|for_each| for_each.label.as_str());
        if let Some(label) = label {
            if self.labels.contains(&label) {
                self.warn(format!(
                    "a branch above has \"for each\": \"{label}\" already: here there is one copy, of the same value"
                ));
            }
            self.labels.push(label);
        }
        let contents = content[key::CHILDREN].as_array();
        for (child, content) in branch.children.iter().zip(contents.into_iter().flatten()) {
            self.node(child, content);
        }
        if label.is_some() {
            self.labels.pop();
        }
    }

    fn condition(&mut self, branch: &'tree Branch) {
        let names: Vec<&str> = branch.children.iter().map(|child| child.name.as_str()).collect();
        if let Some(reading) = branch.condition.reading_of_odd(&names) {
            self.warn(format!(
                "the condition lacks an operator or a name: {}; it is read as: {reading}",
                branch.condition_text.trim()
            ));
        }
        if let Some(reading) = branch.condition.reading_of_mixed(&names) {
            self.warn(format!(
                "the condition mixes \"&&\" and \"||\" without parentheses; it is read from left to right: {reading}"
            ));
        }
        let children = branch.children.iter();
        let possible = children.map(|child| self.possible.get(&std::ptr::from_ref(child)).copied());
        let possible: Vec<Possible> = possible
            .map(|possible| possible.unwrap_or(Possible::EITHER))
            .collect();
        let oddities = branch.condition.oddities(&possible);
        if let Some(value) = oddities.constant {
            let since = match oddities.constant_children.first() {
                Some(child) => format!(
                    "as \"{}\" is always {}",
                    names[*child], possible[*child].can_be_true
                ),
                None => "whatever its children are".to_owned(),
            };
            self.warn(format!(
                "the condition is always {value}, {since}: {}",
                branch.condition_text.trim()
            ));
        }
        for child in oddities.unnamed {
            self.warn_of_child(&branch.children[child], "does not name this node");
        }
        if oddities.constant.is_none() {
            for child in oddities.irrelevant {
                self.warn_of_child(&branch.children[child], "gives the same whatever this node is");
            }
        }
    }

    /// A child that does not matter cannot be reached by a diagnosis.
    fn warn_of_child(&mut self, child: &'tree Node, what_the_condition_does: &str) {
        let below = match child.kind {
            NodeKind::Leaf { .. } => "it",
            NodeKind::Branch(_) => "it and all below",
        };
        self.path.push(&child.name);
        self.warn(format!(
            "unreachable: the condition above {what_the_condition_does}, so {below} can never be part of a cause"
        ));
        self.path.pop();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn leaf(name: &str) -> Value {
        json!({"node name": name, "value": null, "check item": name})
    }

    fn branch(name: &str, condition: &str, children: Vec<Value>) -> Value {
        json!({"node name": name, "value": null, "condition": condition, "children": children})
    }

    fn warnings(content: &Value, rules: Option<&[&str]>) -> Vec<String> {
        let mut names = rules.map(|names| RuleNames::new(names.iter().map(|name| (*name).to_owned())));
        let tree = Tree::parse(content).expect("valid");
        let warnings = tree.warnings(names.as_mut());
        warnings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_tree_that_is_as_meant_has_no_warning() {
        let tree = branch("root", "a || (b && c)", vec![leaf("a"), leaf("b"), leaf("c")]);
        assert_eq!(warnings(&tree, None), Vec::<String>::new());
        assert_eq!(warnings(&tree, Some(&["a", "b", "c", "d"])), Vec::<String>::new());
    }

    #[test]
    fn mixed_operators_are_shown_as_they_are_read() {
        let tree = branch("root", "a || b && c", vec![leaf("a"), leaf("b"), leaf("c")]);
        assert_eq!(
            warnings(&tree, None),
            [
                "root: the condition mixes \"&&\" and \"||\" without parentheses; it is read from left to right: \
              (a || b) && c"
            ]
        );
    }

    #[test]
    fn what_cannot_be_reached_is_told() {
        let inner = branch("inner", "x && !x", vec![leaf("x")]);
        let tree = branch("root", "a || (a && b)", vec![leaf("a"), leaf("b"), inner]);
        assert_eq!(
            warnings(&tree, None),
            [
                "root / inner: unreachable: the condition above does not name this node, so it and all below can never \
                 be part of a cause",
                "root / b: unreachable: the condition above gives the same whatever this node is, so it can never be \
                 part of a cause",
                "root / inner: the condition is always false, whatever its children are: x && !x",
            ]
        );
    }

    #[test]
    fn a_check_beside_what_is_always_false_cannot_be_reached() {
        let inner = || branch("in", "x && !x", vec![leaf("x")]);
        let always = "root / in: the condition is always false, whatever its children are: x && !x";
        let both = branch("root", "in && a", vec![inner(), leaf("a")]);
        assert_eq!(
            warnings(&both, None),
            [
                "root: the condition is always false, as \"in\" is always false: in && a",
                always
            ]
        );
        let beside = branch("root", "in && a || b", vec![inner(), leaf("a"), leaf("b")]);
        assert_eq!(
            warnings(&beside, None)[1..],
            [
                "root / a: unreachable: the condition above gives the same whatever this node is, so it can never be part \
                 of a cause",
                always
            ]
        );
    }

    #[test]
    fn a_condition_that_lacks_something_is_shown_as_it_is_read() {
        let of = |condition: &str| {
            let tree = branch("root", condition, vec![leaf("a"), leaf("b")]);
            warnings(&tree, None).swap_remove(0)
        };
        assert_eq!(
            of("a || b &&"),
            "root: the condition lacks an operator or a name: a || b &&; it is read as: a || b"
        );
        assert!(of("a (b)").ends_with("it is read as: (b)"), "{}", of("a (b)"));
        assert!(of("()").ends_with("it is read as: nothing, which is false"));
    }

    #[test]
    fn a_missing_rule_is_told_once_with_the_nearest_name() {
        let tree = branch(
            "root",
            "cpu_bsy || b",
            vec![leaf("cpu_bsy"), branch("b", "cpu_bsy", vec![leaf("cpu_bsy")])],
        );
        assert_eq!(
            warnings(&tree, Some(&["cpu_busy", "disk_slow"])),
            [
                "root / cpu_bsy: there is no rule \"cpu_bsy\": until there is one, this leaf is without data; did you mean \
              \"cpu_busy\"?"
            ]
        );
    }

    #[test]
    fn misspelt_keys_and_repeated_labels_are_told() {
        let mut inner = branch("inner", "x", vec![leaf("x")]);
        inner["for each"] = json!("device");
        let mut tree = branch("root", "inner", vec![inner]);
        tree["for each"] = json!("device");
        tree["advise"] = json!("do this");
        tree["owner"] = json!("team a");
        assert_eq!(
            warnings(&tree, None),
            [
                "root: the key \"advise\" is kept and means nothing; did you mean \"advice\"?",
                "root / inner: a branch above has \"for each\": \"device\" already: here there is one copy, of the \
                 same value",
            ]
        );
    }

    #[test]
    fn warnings_are_limited() {
        let children = (0..500).map(|number| leaf(&format!("n{number}"))).collect();
        assert_eq!(
            warnings(&branch("root", "n0", children), None).len(),
            MAX_WARNINGS
        );
    }
}
