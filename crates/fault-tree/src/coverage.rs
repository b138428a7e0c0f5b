//! Coverage: which leaves of a tree can ever be true on a host, which are blind, and why.

use std::collections::{BTreeMap, BTreeSet};

use aops_api::Labels;
use aops_api::rule::{CheckItem, DataItem, DataKind, LabelValue};
use regex::Regex;
use serde::Serialize;

use crate::condition::Possible;
use crate::nearest::nearest_name;
use crate::tree::{Branch, ForEach, Node, NodeKind, Tree};

/// The key `"*"` of a rule's labels: every label that is not named.
const EVERY_OTHER_LABEL: &str = "*";

/// How many suggestions of a name are looked for: the work grows with the leaves and with the names there are.
const MOST_SUGGESTIONS: usize = 100;

/// A host and the series that exist there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostSeries {
    /// Its id, for the scope of rules.
    pub host: String,
    /// Its group, for the scope of rules; `None` = not known, then groups are not looked at.
    pub group: Option<String>,
    /// What exists.
    pub series: Vec<ExistingSeries>,
}

/// A series or log stream that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct ExistingSeries {
    /// Metric or stream.
    pub name: String,
    /// Which of the two.
    pub kind: DataKind,
    /// All its labels.
    pub labels: Labels,
}

/// What of a tree a host's series cover.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// The host.
    pub host: String,
    /// Whether a diagnosis there can find a cause at all.
    pub can_find_cause: bool,
    /// Every leaf, in tree order.
    pub leaves: Vec<LeafCoverage>,
    /// Paths of branches that can never be true there, in tree order.
    pub blind_branches: Vec<Vec<String>>,
}

/// Whether a leaf can be true.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeafCoverage {
    /// Names from the root to the leaf.
    pub path: Vec<String>,
    /// The rule it reads.
    pub check_item: String,
    /// Why it can never be true; `None` if it can.
    pub blind: Option<String>,
}

impl Tree {
    /// Which leaves can ever be true on a host, given the rules there are and the series that exist.
    pub fn coverage(&self, rules: &[CheckItem], host: &HostSeries) -> Coverage {
        let rules: BTreeMap<&str, &CheckItem> = rules
            .iter()
            .map(|rule| (rule.check_item.as_str(), rule))
            .collect();
        let mut by_name: BTreeMap<&str, Vec<&ExistingSeries>> = BTreeMap::new();
        for series in &host.series {
            by_name.entry(&series.name).or_default().push(series);
        }
        let mut surveyor = Surveyor {
            reach: BTreeMap::new(),
            labels: BTreeMap::new(),
            rules,
            host,
            by_name,
            suggestions_left: MOST_SUGGESTIONS,
            path: Vec::new(),
            coverage: Coverage {
                host: host.host.clone(),
                can_find_cause: false,
                leaves: Vec::new(),
                blind_branches: Vec::new(),
            },
        };
        surveyor.coverage.can_find_cause = surveyor.node(self.root()).can_be_true;
        surveyor.coverage
    }
}

struct Surveyor<'tree> {
    rules: BTreeMap<&'tree str, &'tree CheckItem>,
    host: &'tree HostSeries,
    /// What exists there.
    by_name: BTreeMap<&'tree str, Vec<&'tree ExistingSeries>>,
    suggestions_left: usize,
    /// Why a check item is blind, as far as it has been looked at.
    reach: BTreeMap<&'tree str, Option<String>>,
    /// For which labels a check item is evaluated for each value on the host, as far as it has been looked at.
    labels: BTreeMap<&'tree str, BTreeSet<&'tree str>>,
    path: Vec<&'tree str>,
    coverage: Coverage,
}

impl<'tree> Surveyor<'tree> {
    fn node(&mut self, node: &'tree Node) -> Possible {
        self.path.push(&node.name);
        let possible = match &node.kind {
            NodeKind::Leaf { check_item } => self.leaf(check_item),
            NodeKind::Branch(branch) => self.branch(node, branch),
        };
        self.path.pop();
        possible
    }

    fn shown_path(&self) -> Vec<String> {
        self.path.iter().map(|name| (*name).to_owned()).collect()
    }

    fn leaf(&mut self, check_item: &'tree str) -> Possible {
        if !self.reach.contains_key(check_item) {
            let blind = self.why_blind(check_item);
            self.reach.insert(check_item, blind);
        }
        let blind = self.reach.get(check_item).cloned().flatten();
        let possible = if blind.is_some() {
            Possible::ONLY_FALSE
        } else {
            Possible::EITHER
        };
        self.coverage.leaves.push(LeafCoverage {
            path: self.shown_path(),
            check_item: check_item.to_owned(),
            blind,
        });
        possible
    }

    fn branch(&mut self, node: &'tree Node, branch: &'tree Branch) -> Possible {
        // A branch stands before what is below it.
        let position = self.coverage.blind_branches.len();
        let first_leaf = self.coverage.leaves.len();
        let children: Vec<Possible> = branch.children.iter().map(|child| self.node(child)).collect();
        let mut possible = branch.condition.possible(&children);
        if let Some(for_each) = &branch.for_each
            && !self.has_copies(node, for_each)
        {
            possible = Possible::ONLY_FALSE;
            let reason = format!(
                "there is no copy of \"{}\": no rule below it is evaluated for each \"{}\" here",
                node.name, for_each.label
            );
            for leaf in &mut self.coverage.leaves[first_leaf..] {
                leaf.blind.get_or_insert_with(|| reason.clone());
            }
        }
        if !possible.can_be_true {
            let path = self.shown_path();
            self.coverage.blind_branches.insert(position, path);
        }
        possible
    }

    /// Whether a rule below stars the label, and the host has a series with it.
    fn has_copies(&mut self, node: &'tree Node, for_each: &ForEach) -> bool {
        let mut check_items = BTreeSet::new();
        node.each_check_item(&mut |check_item| {
            check_items.insert(check_item);
        });
        check_items.into_iter().any(|check_item| {
            let can_be_true = matches!(self.reach.get(check_item), Some(None));
            can_be_true && self.starred(check_item).contains(for_each.label.as_str())
        })
    }

    /// The labels for each value of which a rule is evaluated on the host.
    fn starred(&mut self, check_item: &'tree str) -> &BTreeSet<&'tree str> {
        let main = self.rules.get(check_item).and_then(|rule| rule.data_list.first());
        let by_name = &self.by_name;
        self.labels.entry(check_item).or_insert_with(|| {
            let Some((item, matcher)) = main.and_then(|item| Some((item, Matcher::new(item).ok()?))) else {
                return BTreeSet::new();
            };
            let named = by_name.get(item.name.as_str()).into_iter().flatten();
            let labels = named
                .filter(|series| matcher.matches(series))
                .flat_map(|series| series.labels.keys());
            labels
                .map(String::as_str)
                .filter(|label| stars(item, label))
                .collect()
        })
    }

    /// Why a leaf that reads this check item can never be true.
    fn why_blind(&mut self, check_item: &str) -> Option<String> {
        let Some(rule) = self.rules.get(check_item).copied() else {
            let mut reason = format!("there is no rule \"{check_item}\"");
            let names: Vec<&str> = self.rules.keys().copied().collect();
            if let Some(nearest) = self.suggestion(check_item, &names) {
                reason.push_str(&format!("; did you mean \"{nearest}\"?"));
            }
            return Some(reason);
        };
        if rule.enabled == Some(false) {
            return Some(format!("the rule \"{check_item}\" is disabled"));
        }
        if !is_in_scope(rule, self.host) {
            return Some(format!(
                "the rule \"{check_item}\" does not apply to this host: it is not in its scope"
            ));
        }
        rule.data_list.iter().find_map(|item| self.why_missing(item))
    }

    fn suggestion<'names>(&mut self, name: &str, names: &[&'names str]) -> Option<&'names str> {
        self.suggestions_left = self.suggestions_left.checked_sub(1)?;
        nearest_name(name, names)
    }

    /// Why the host has no series for a data item.
    fn why_missing(&mut self, item: &DataItem) -> Option<String> {
        let (what, other) = match item.kind {
            DataKind::Kpi => ("series", "series"),
            DataKind::Log => ("log", "logs"),
        };
        let named = self.by_name.get(item.name.as_str()).into_iter().flatten();
        let named: Vec<&ExistingSeries> = named.copied().filter(|series| series.kind == item.kind).collect();
        let Some(first) = named.first() else {
            let names: Vec<&str> = self.by_name.keys().copied().collect();
            let mut reason = format!("the host has no {what} \"{}\"", item.name);
            let nearest = self.suggestion(&item.name, &names);
            if let Some(nearest) = nearest.filter(|nearest| *nearest != item.name) {
                reason.push_str(&format!("; it has \"{nearest}\""));
            }
            return Some(reason);
        };
        let matcher = match Matcher::new(item) {
            Ok(matcher) => matcher,
            Err(reason) => return Some(reason),
        };
        if named.iter().any(|series| matcher.matches(series)) {
            return None;
        }
        let wanted = serde_json::to_string(&item.label).unwrap_or_default();
        let found = serde_json::to_string(&first.labels).unwrap_or_default();
        Some(format!(
            "the host has {} {other} \"{}\", none with the labels {wanted}; one has {found}",
            named.len(),
            item.name
        ))
    }
}

fn is_in_scope(rule: &CheckItem, host: &HostSeries) -> bool {
    let Some(scope) = &rule.scope else { return true };
    let is_in_group = match &host.group {
        Some(group) => scope.host_groups.contains(group),
        None => !scope.host_groups.is_empty(),
    };
    is_in_group || scope.hosts.iter().any(|id| id.as_str() == host.host)
}

/// Tells the series of a data item, its patterns compiled.
struct Matcher<'item> {
    item: &'item DataItem,
    patterns: BTreeMap<&'item str, Regex>,
}

impl<'item> Matcher<'item> {
    fn new(item: &'item DataItem) -> Result<Self, String> {
        let mut patterns = BTreeMap::new();
        for (name, wanted) in &item.label {
            if let LabelValue::Pattern { pattern, .. } = wanted {
                let anchored = Regex::new(&format!("^(?:{pattern})$"))
                    .map_err(|_| format!("the pattern \"{pattern}\" of label \"{name}\" is wrong"))?;
                patterns.insert(name.as_str(), anchored);
            }
        }
        Ok(Self { item, patterns })
    }

    fn matches(&self, series: &ExistingSeries) -> bool {
        let mut wanted = self.item.label.iter();
        series.name == self.item.name
            && series.kind == self.item.kind
            && wanted.all(|(name, wanted)| name == EVERY_OTHER_LABEL || self.meets(name, wanted, series))
    }

    fn meets(&self, name: &str, wanted: &LabelValue, series: &ExistingSeries) -> bool {
        let found = series.labels.get(name).map_or("", String::as_str);
        match wanted {
            LabelValue::Text(text) => found == text,
            LabelValue::Each => !found.is_empty(),
            LabelValue::Pattern { negated, each, .. } => {
                let is_match = self
                    .patterns
                    .get(name)
                    .is_some_and(|pattern| pattern.is_match(found));
                is_match != *negated && !(*each && found.is_empty())
            }
        }
    }
}

/// Whether a rule with this main item is evaluated for each value of a label.
fn stars(item: &DataItem, label: &str) -> bool {
    match item.label.get(label) {
        Some(LabelValue::Each) => true,
        Some(LabelValue::Pattern { each, .. }) => *each,
        Some(LabelValue::Text(_)) => false,
        None => item.label.contains_key(EVERY_OTHER_LABEL),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn leaf(name: &str) -> Value {
        json!({ "node name": name, "value": null, "check item": name })
    }

    fn rule(name: &str, metric: &str, label: Value) -> CheckItem {
        serde_json::from_value(json!({
            "check_item": name, "data_list": [{ "name": metric, "label": label }], "condition": "$0 > 1"
        }))
        .expect("a rule")
    }

    fn series(name: &str, labels: &[(&str, &str)]) -> ExistingSeries {
        ExistingSeries {
            name: name.to_owned(),
            kind: DataKind::Kpi,
            labels: labels
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
        }
    }

    fn host(series: Vec<ExistingSeries>) -> HostSeries {
        HostSeries {
            host: "h".to_owned(),
            group: None,
            series,
        }
    }

    fn tree(condition: &str, leaves: &[&str]) -> Tree {
        let children: Vec<Value> = leaves.iter().map(|name| leaf(name)).collect();
        Tree::parse(
            &json!({ "node name": "root", "value": null, "condition": condition, "children": children }),
        )
        .expect("valid")
    }

    fn blind(coverage: &Coverage) -> Vec<Option<&str>> {
        coverage.leaves.iter().map(|leaf| leaf.blind.as_deref()).collect()
    }

    #[test]
    fn blind_leaves_say_why() {
        let mut off = rule("off", "cpu", json!({}));
        off.enabled = Some(false);
        let mut elsewhere = rule("elsewhere", "cpu", json!({}));
        elsewhere.scope = Some(serde_json::from_value(json!({ "hosts": ["x"] })).expect("a scope"));
        let rules = [
            rule("seen", "cpu", json!({ "mode": { "re": "id.*" } })),
            rule("other_metric", "cpus", json!({})),
            rule("other_label", "cpu", json!({ "mode": "user" })),
            off,
            elsewhere,
        ];
        let names = ["seen", "see", "other_metric", "other_label", "off", "elsewhere"];
        let coverage =
            tree("seen || see", &names).coverage(&rules, &host(vec![series("cpu", &[("mode", "idle")])]));
        assert!(coverage.can_find_cause);
        assert_eq!(
            blind(&coverage),
            [
                None,
                Some("there is no rule \"see\"; did you mean \"seen\"?"),
                Some("the host has no series \"cpus\"; it has \"cpu\""),
                Some(
                    "the host has 1 series \"cpu\", none with the labels {\"mode\":\"user\"}; one has {\"mode\":\"idle\"}"
                ),
                Some("the rule \"off\" is disabled"),
                Some("the rule \"elsewhere\" does not apply to this host: it is not in its scope"),
            ]
        );
    }

    #[test]
    fn suggestions_have_a_budget() {
        let names: Vec<String> = (0..300).map(|number| format!("rule {number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rules = [rule("rule", "cpu", json!({}))];
        let coverage = tree("rule 1", &names).coverage(&rules, &host(vec![]));
        let suggested = blind(&coverage);
        let suggested = suggested
            .iter()
            .flatten()
            .filter(|reason| reason.contains("did you mean"));
        assert_eq!(suggested.count(), MOST_SUGGESTIONS);
    }

    #[test]
    fn a_branch_is_blind_if_its_condition_can_never_hold() {
        let rules = [rule("a", "m", json!({}))];
        let host = host(vec![series("m", &[])]);
        for (condition, can_find_cause) in [
            ("a || b", true),
            ("a && b", false),
            ("b", false),
            ("!b", true),
            ("a && !a || b", false),
        ] {
            let coverage = tree(condition, &["a", "b"]).coverage(&rules, &host);
            assert_eq!(coverage.can_find_cause, can_find_cause, "{condition}");
            assert_eq!(coverage.blind_branches.is_empty(), can_find_cause, "{condition}");
        }
    }

    #[test]
    fn copies_need_a_rule_that_is_evaluated_for_each_value() {
        let tree = Tree::parse(&json!({
            "node name": "root", "value": null, "for each": "device", "condition": "busy", "children": [leaf("busy")]
        }))
        .expect("valid");
        let host = host(vec![series("disk", &[("device", "sda")])]);
        let reach = |label: Value| tree.coverage(&[rule("busy", "disk", label)], &host);
        for label in [json!({ "device": "*" }), json!({ "*": "*" })] {
            assert!(reach(label).can_find_cause);
        }
        let coverage = reach(json!({ "device": "sda" }));
        assert!(!coverage.can_find_cause);
        assert_eq!(
            blind(&coverage),
            [Some(
                "there is no copy of \"root\": no rule below it is evaluated for each \"device\" here"
            )]
        );
    }
}
