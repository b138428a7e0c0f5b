//! One host and one tree of a task, with the rules that the tree reads there. Pure.

use std::sync::Arc;

use aops_api::diagnosis::OwnedTask;
use aops_api::rule::CheckItem;
use aops_api::{EvaluationKey, HostId, TaskId, TimeRange};
use aops_check_rule::Rule;
use aops_fault_tree::{Tree, TreeError};

use crate::error::DiagExecutorError;
use crate::request::JobRequest;

/// What is to be diagnosed.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) owner: String,
    pub(crate) task_id: TaskId,
    pub(crate) host_id: HostId,
    pub(crate) tree_name: String,
    /// An error when the pinned tree cannot be read: by a program that allows less than the one that pinned it.
    pub(crate) tree: Result<Tree, TreeError>,
    /// Of those that the tree names, the rules in effect on the host.
    pub(crate) rules: Vec<PinnedRule>,
    pub(crate) range: TimeRange,
    pub(crate) interval_ms: i64,
}

/// A rule as it was when the task was made.
#[derive(Clone, Debug)]
pub(crate) struct PinnedRule {
    pub(crate) check_item: String,
    pub(crate) condition: String,
    /// Under which its findings are stored.
    pub(crate) key: EvaluationKey,
    pub(crate) rule: Arc<Rule>,
}

impl Job {
    /// The job of a host and a tree that the message names.
    pub(crate) fn new(
        owned: &OwnedTask,
        request: &JobRequest,
        host_id: &HostId,
        tree_name: &str,
    ) -> Result<Self, DiagExecutorError> {
        let task = &owned.task;
        let not_of_task = |what: String| DiagExecutorError::NotOfTask {
            task_id: task.task_id.clone(),
            what,
        };
        if !task.host_list.contains(host_id) {
            return Err(not_of_task(format!("host {host_id}")));
        }
        let pinned = task.trees.iter().find(|tree| tree.tree_name == tree_name);
        let pinned = pinned.ok_or_else(|| not_of_task(format!("tree '{tree_name}'")))?;
        let tree = Tree::parse(&pinned.tree_content);
        let rules = tree
            .iter()
            .flat_map(Tree::check_items)
            .filter_map(|name| pinned_rule(owned, host_id, name))
            .collect();
        Ok(Self {
            owner: owned.username.clone(),
            task_id: task.task_id.clone(),
            host_id: host_id.clone(),
            tree_name: tree_name.to_owned(),
            tree,
            rules,
            range: request.range,
            interval_ms: request.interval_ms,
        })
    }

    /// The keys of the rules, each once.
    pub(crate) fn keys(&self) -> Vec<EvaluationKey> {
        let mut keys: Vec<EvaluationKey> = self.rules.iter().map(|rule| rule.key.clone()).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

/// The rule of a leaf. One that is missing, disabled, out of scope or no longer understood is missing data.
fn pinned_rule(owned: &OwnedTask, host_id: &HostId, name: &str) -> Option<PinnedRule> {
    let mut rules = owned.task.rules.iter();
    let pinned = rules.find(|rule| rule.item.check_item == name)?;
    if !is_in_effect(&pinned.item, host_id) {
        return None;
    }
    Some(PinnedRule {
        check_item: name.to_owned(),
        condition: pinned.item.condition.clone(),
        key: pinned.key.clone(),
        rule: Arc::new(Rule::compile(&pinned.item).ok()?),
    })
}

/// A pinned scope names hosts only: the scheduler spelt the groups out.
fn is_in_effect(item: &CheckItem, host_id: &HostId) -> bool {
    let is_in_scope = item
        .scope
        .as_ref()
        .is_none_or(|scope| scope.hosts.contains(host_id));
    item.enabled != Some(false) && is_in_scope
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A task of host `h` with the tree `slow` over `cpu` and `ram`, rules `cpu` and `ram` over the metric `m`.
    pub(crate) fn task(change: impl FnOnce(&mut Value)) -> OwnedTask {
        let leaf = |name: &str| json!({ "node name": name, "value": null, "check item": name });
        let root = json!({
            "node name": "host is slow", "value": null, "condition": "cpu || ram",
            "children": [leaf("cpu"), leaf("ram")]
        });
        let rule = |name: &str, key: &str| {
            json!({
                "key": key,
                "item": { "check_item": name, "data_list": [{ "name": "m" }], "condition": "$0 > 1" }
            })
        };
        let mut task = json!({
            "task_id": "t", "created_ms": 0, "host_list": ["h"], "range": [0, 100], "interval_ms": 10,
            "trees": [{ "tree_name": "slow", "tree_content": root }],
            "rules": [rule("cpu", "k1"), rule("ram", "k2")], "expected_report_num": 10
        });
        change(&mut task);
        serde_json::from_value(json!({ "username": "u", "task": task })).expect("a task")
    }

    pub(crate) fn job(owned: &OwnedTask, range: TimeRange, interval_ms: i64) -> Job {
        let request = JobRequest {
            task_id: owned.task.task_id.clone(),
            hosts: Vec::new(),
            trees: Vec::new(),
            range,
            interval_ms,
        };
        Job::new(owned, &request, &HostId::from("h"), "slow").expect("of the task")
    }

    fn rule_names(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let job = job(&task(change), TimeRange::new(0, 100), 10);
        job.rules.into_iter().map(|rule| rule.check_item).collect()
    }

    #[test]
    fn only_rules_in_effect_on_the_host_are_read() {
        assert_eq!(rule_names(|_| ()), ["cpu", "ram"]);
        assert_eq!(
            rule_names(|task| task["rules"][0]["item"]["enabled"] = json!(false)),
            ["ram"]
        );
        let elsewhere = json!({ "hosts": ["other"], "host_groups": [] });
        assert_eq!(
            rule_names(|task| task["rules"][1]["item"]["scope"] = elsewhere),
            ["cpu"]
        );
        assert_eq!(
            rule_names(|task| task["rules"][1]["item"]["condition"] = json!("$0 >")),
            ["cpu"]
        );
        assert_eq!(rule_names(|task| task["rules"] = json!([])), Vec::<String>::new());
    }

    #[test]
    fn equal_rules_are_asked_for_once() {
        let owned = task(|task| task["rules"][1]["key"] = json!("k1"));
        let job = job(&owned, TimeRange::new(0, 100), 10);
        assert_eq!(job.keys(), [EvaluationKey::from("k1")]);
    }

    #[test]
    fn a_tree_that_cannot_be_read_is_a_job_all_the_same() {
        let owned = task(|task| task["trees"][0]["tree_content"] = json!({ "node name": "x" }));
        let job = job(&owned, TimeRange::new(0, 100), 10);
        assert!(job.tree.is_err());
        assert!(job.rules.is_empty());
    }

    #[test]
    fn a_host_or_tree_that_is_not_the_tasks_is_refused() {
        let owned = task(|_| ());
        let request = JobRequest {
            task_id: TaskId::from("t"),
            hosts: Vec::new(),
            trees: Vec::new(),
            range: TimeRange::new(0, 100),
            interval_ms: 10,
        };
        let refusal = |host: &str, tree: &str| {
            let refused = Job::new(&owned, &request, &HostId::from(host), tree);
            refused.expect_err("refused").to_string()
        };
        assert_eq!(refusal("x", "slow"), "task t has no host x");
        assert_eq!(refusal("h", "x"), "task t has no tree 'x'");
    }
}
