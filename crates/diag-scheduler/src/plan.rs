//! What a request for a diagnosis comes to: a pure decision over what was asked and what there is.

use std::collections::BTreeSet;

use aops_api::diagnosis::{DiagExecuteRequest, TaskSaveRequest, slice_count};
use aops_api::host::HostInfo;
use aops_api::read::Integer;
use aops_api::rule::{CheckItem, KeyedRule, Scope};
use aops_api::tree::{TreeDocument, TreeRow};
use aops_api::{HostId, TaskId, TimeRange};
use aops_check_rule::Rule;
use aops_fault_tree::Tree;

/// Last second of the year 9999: what lies beyond is a mistake, and room for arithmetic is left.
const LATEST_SECOND: i64 = 253_402_300_799;

/// A request whose fields make sense, in milliseconds, each host and tree once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) hosts: Vec<HostId>,
    pub(crate) trees: Vec<String>,
    pub(crate) range: TimeRange,
    pub(crate) interval_ms: i64,
}

/// Checks the fields of a request. The error is `field: reason`.
pub(crate) fn read(request: DiagExecuteRequest) -> Result<Wanted, String> {
    if request.host_list.is_empty() {
        return Err("host_list: must not be empty".to_owned());
    }
    let [start, end] = request.time_range.as_slice() else {
        let count = request.time_range.len();
        return Err(format!("time_range: {count} numbers, not 2"));
    };
    if request.tree_list.is_empty() {
        return Err("tree_list: must not be empty".to_owned());
    }
    let range = TimeRange::new(
        to_ms("time_range[0]", *start, 0)?,
        to_ms("time_range[1]", *end, 0)?,
    );
    Ok(Wanted {
        hosts: each_once(request.host_list),
        trees: each_once(request.tree_list),
        range,
        interval_ms: to_ms("interval", request.interval, 1)?,
    })
}

fn to_ms(field: &str, seconds: Integer, smallest: i64) -> Result<i64, String> {
    let seconds = seconds.0;
    if !(smallest..=LATEST_SECOND).contains(&seconds) {
        return Err(format!(
            "{field}: {seconds} is not in {smallest}..={LATEST_SECOND}"
        ));
    }
    Ok(seconds * 1_000)
}

fn each_once<T: Ord + Clone>(elements: Vec<T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    elements
        .into_iter()
        .filter(|element| seen.insert(element.clone()))
        .collect()
}

/// Why a diagnosis cannot be run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The range is empty.
    NoTime,
    /// None of the hosts is known.
    NoHost,
    /// None of the trees is known.
    NoTree,
    /// It would make so many reports.
    TooMany(u64),
}

/// What of a request can be run: known hosts and trees, as they are now.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) hosts: Vec<HostInfo>,
    pub(crate) trees: Vec<TreeDocument>,
    pub(crate) range: TimeRange,
    pub(crate) interval_ms: i64,
    pub(crate) expected_report_num: u64,
}

/// Keeps what is known, in the order asked for. `hosts` and `trees` are those that the caller may see.
pub(crate) fn plan(
    wanted: Wanted,
    hosts: Vec<HostInfo>,
    trees: Vec<TreeRow>,
    max_reports: u64,
) -> Result<Plan, Refusal> {
    let slices = slice_count(wanted.range, wanted.interval_ms);
    if slices == 0 {
        return Err(Refusal::NoTime);
    }
    let hosts: Vec<HostInfo> = wanted
        .hosts
        .iter()
        .filter_map(|id| hosts.iter().find(|host| host.host_id == *id))
        .cloned()
        .collect();
    if hosts.is_empty() {
        return Err(Refusal::NoHost);
    }
    let trees: Vec<TreeDocument> = wanted
        .trees
        .iter()
        .filter_map(|name| trees.iter().find(|tree| tree.tree_name == *name))
        .map(|tree| TreeDocument {
            tree_name: tree.tree_name.clone(),
            tree_content: tree.tree_content.clone(),
            description: tree.description.clone(),
        })
        .collect();
    if trees.is_empty() {
        return Err(Refusal::NoTree);
    }
    let expected_report_num = slices
        .saturating_mul(hosts.len() as u64)
        .saturating_mul(trees.len() as u64);
    if expected_report_num > max_reports {
        return Err(Refusal::TooMany(expected_report_num));
    }
    Ok(Plan {
        hosts,
        trees,
        range: wanted.range,
        interval_ms: wanted.interval_ms,
        expected_report_num,
    })
}

impl Plan {
    /// Names of the rules that the trees read, each once. A tree that can no longer be read names none.
    pub(crate) fn check_items(&self) -> Vec<String> {
        let names = self
            .trees
            .iter()
            .filter_map(|tree| Tree::parse(&tree.tree_content).ok())
            .flat_map(|tree| {
                tree.check_items()
                    .into_iter()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect();
        each_once(names)
    }

    /// The task to be saved: it holds all that decides its outcome.
    pub(crate) fn into_task(
        self,
        task_id: TaskId,
        created_ms: i64,
        rules: Vec<CheckItem>,
    ) -> TaskSaveRequest {
        let rules = rules
            .into_iter()
            .filter_map(|rule| pin_rule(rule, &self.hosts))
            .collect();
        TaskSaveRequest {
            task_id,
            created_ms,
            host_list: self.hosts.into_iter().map(|host| host.host_id).collect(),
            trees: self.trees,
            rules,
            range: self.range,
            interval_ms: self.interval_ms,
            expected_report_num: self.expected_report_num,
        }
    }
}

/// A rule with its key, and with its scope spelt out as hosts of the task, since groups may change. A rule that can no
/// longer be compiled is left out: its leaves are missing data.
fn pin_rule(mut item: CheckItem, hosts: &[HostInfo]) -> Option<KeyedRule> {
    let key = Rule::compile(&item).ok()?.key().clone();
    if let Some(scope) = &item.scope {
        let hosts = hosts
            .iter()
            .filter(|host| {
                scope.hosts.contains(&host.host_id) || scope.host_groups.contains(&host.host_group_name)
            })
            .map(|host| host.host_id.clone())
            .collect();
        item.scope = Some(Scope {
            host_groups: Vec::new(),
            hosts,
        });
    }
    Some(KeyedRule { key, item })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(change: impl FnOnce(&mut Value)) -> Result<Wanted, String> {
        let mut body = json!({
            "host_list": ["h1", "h2", "h1"], "time_range": [10, "100"], "tree_list": ["t", "t"], "interval": 10
        });
        change(&mut body);
        read(serde_json::from_value(body).expect("of the right types"))
    }

    fn host(id: &str, group: &str) -> HostInfo {
        HostInfo {
            host_id: HostId::from(id),
            host_name: id.to_owned(),
            host_group_name: group.to_owned(),
            public_ip: "127.0.0.1".to_owned(),
            ssh_port: 22,
            management: false,
            status: "online".to_owned(),
            revision: 0,
        }
    }

    fn tree(name: &str, check_items: &[&str]) -> TreeRow {
        let leaves: Vec<Value> = check_items
            .iter()
            .map(|item| json!({ "node name": item, "value": null, "check item": item }))
            .collect();
        TreeRow {
            tree_name: name.to_owned(),
            tree_content: json!({
                "node name": "root", "value": null, "condition": check_items.join(" || "), "children": leaves
            }),
            description: String::new(),
            tag: Vec::new(),
        }
    }

    fn rule(name: &str, scope: Value) -> CheckItem {
        let mut body = json!({ "check_item": name, "data_list": [{ "name": "m" }], "condition": "$0 > 1" });
        if !scope.is_null() {
            body["scope"] = scope;
        }
        serde_json::from_value(body).expect("a rule")
    }

    #[test]
    fn fields_are_checked_and_doubles_dropped() {
        let wanted = request(|_| ()).expect("valid");
        assert_eq!(wanted.hosts, [HostId::from("h1"), HostId::from("h2")]);
        assert_eq!(wanted.trees, ["t"]);
        assert_eq!(wanted.range, TimeRange::new(10_000, 100_000));
        assert_eq!(wanted.interval_ms, 10_000);
        type Change = fn(&mut Value);
        let changes: [(Change, &str); 8] = [
            (
                |body| body["host_list"] = json!([]),
                "host_list: must not be empty",
            ),
            (
                |body| body["tree_list"] = json!([]),
                "tree_list: must not be empty",
            ),
            (
                |body| body["time_range"] = json!([1]),
                "time_range: 1 numbers, not 2",
            ),
            (
                |body| body["time_range"] = json!([1, 2, 3]),
                "time_range: 3 numbers, not 2",
            ),
            (
                |body| body["time_range"] = json!([-1, 2]),
                "time_range[0]: -1 is not in 0",
            ),
            (
                |body| body["time_range"] = json!([1, i64::MAX]),
                "time_range[1]: 9223372036854775807",
            ),
            (|body| body["interval"] = json!(0), "interval: 0 is not in 1"),
            (
                |body| body["interval"] = json!(i64::MAX),
                "interval: 9223372036854775807",
            ),
        ];
        for (change, expected) in changes {
            let refusal = request(change).expect_err("refused");
            assert!(refusal.starts_with(expected), "{refusal}");
        }
    }

    /// Specification H.4 row 43: 2 known and 1 unknown host, 1 known tree, `[10, 100]` by 10.
    #[test]
    fn what_is_unknown_is_dropped_and_the_rest_counted() {
        let wanted = request(|body| {
            body["host_list"] = json!(["h2", "unknown", "h1"]);
            body["tree_list"] = json!(["unknown", "t"]);
        })
        .expect("valid");
        let hosts = vec![host("h1", "g"), host("h2", "g"), host("h3", "g")];
        let plan = plan(wanted, hosts, vec![tree("t", &["a"])], 18).expect("can be run");
        assert_eq!(plan.expected_report_num, 18);
        let task = plan.into_task(TaskId::from("task"), 5, Vec::new());
        assert_eq!(task.host_list, [HostId::from("h2"), HostId::from("h1")]);
        assert_eq!(task.trees.len(), 1);
        assert_eq!((task.created_ms, task.interval_ms), (5, 10_000));
    }

    #[test]
    fn refusals_come_in_the_order_of_the_specification() {
        let hosts = || vec![host("h1", "g")];
        let trees = || vec![tree("t", &["a"])];
        let empty = request(|body| body["time_range"] = json!([100, 100])).expect("valid");
        assert_eq!(plan(empty.clone(), vec![], vec![], 9), Err(Refusal::NoTime));
        let backward = request(|body| body["time_range"] = json!([100, 10])).expect("valid");
        assert_eq!(plan(backward, hosts(), trees(), 9), Err(Refusal::NoTime));
        let wanted = request(|_| ()).expect("valid");
        assert_eq!(plan(wanted.clone(), vec![], vec![], 9), Err(Refusal::NoHost));
        assert_eq!(plan(wanted.clone(), hosts(), vec![], 9), Err(Refusal::NoTree));
        assert!(plan(wanted.clone(), hosts(), trees(), 9).is_ok());
        assert_eq!(plan(wanted, hosts(), trees(), 8), Err(Refusal::TooMany(9)));
        let endless = request(|body| body["time_range"] = json!([0, LATEST_SECOND])).expect("valid");
        assert_eq!(
            plan(endless, hosts(), trees(), 8),
            Err(Refusal::TooMany(25_340_230_080))
        );
    }

    #[test]
    fn rules_are_pinned_with_key_and_scope() {
        let wanted = request(|_| ()).expect("valid");
        let hosts = vec![host("h1", "web"), host("h2", "db")];
        let trees = vec![tree("t", &["a", "b", "a2"])];
        let plan = plan(wanted, hosts, trees, 100).expect("can be run");
        assert_eq!(plan.check_items(), ["a", "b", "a2"]);
        let mut broken = rule("broken", Value::Null);
        broken.condition = "$0 >".to_owned();
        let rules = vec![
            rule("a", Value::Null),
            rule("b", json!({ "host_groups": ["db"], "hosts": ["h9"] })),
            broken,
        ];
        let task = plan.into_task(TaskId::from("task"), 5, rules);
        let names: Vec<&str> = task
            .rules
            .iter()
            .map(|rule| rule.item.check_item.as_str())
            .collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(
            task.rules[0].key, task.rules[1].key,
            "equal conditions share a key"
        );
        assert_eq!(task.rules[0].item.scope, None);
        assert_eq!(
            task.rules[1].item.scope,
            Some(Scope {
                host_groups: vec![],
                hosts: vec![HostId::from("h2")]
            })
        );
    }
}
