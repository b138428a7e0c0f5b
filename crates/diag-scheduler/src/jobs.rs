//! A task, cut into jobs: one message for each host and tree. Pure.

use aops_api::diagnosis::OwnedTask;
use aops_api::message::{DiagnoseExecuteReq, VERSION};
use aops_bus::Message;

/// The messages of a task: by host, then by tree. The same task gives the same messages, ids included.
pub(crate) fn messages(owned: &OwnedTask) -> impl Iterator<Item = Result<Message, serde_json::Error>> + '_ {
    let task = &owned.task;
    let pairs = task
        .host_list
        .iter()
        .flat_map(move |host| task.trees.iter().map(move |tree| (host, &tree.tree_name)));
    pairs.map(move |(host, tree)| {
        let id = format!("diagnose/{}/{host}/{tree}", task.task_id);
        let job = DiagnoseExecuteReq {
            version: VERSION,
            id: id.clone(),
            username: owned.username.clone(),
            task_id: task.task_id.clone(),
            host_list: vec![host.clone()],
            time_range: task.range,
            fault_tree: vec![tree.clone()],
            interval: Some(task.interval_ms),
        };
        Ok(Message {
            key: host.to_string(),
            id,
            payload: serde_json::to_value(job)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aops_api::diagnosis::{TaskSaveRequest, slice_count};
    use aops_api::tree::TreeDocument;
    use aops_api::{HostId, TaskId, TimeRange};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn task(hosts: usize, trees: usize, range: TimeRange, interval_ms: i64) -> OwnedTask {
        let trees: Vec<TreeDocument> = (0..trees)
            .map(|number| TreeDocument {
                tree_name: format!("t{number}"),
                tree_content: json!({}),
                description: String::new(),
            })
            .collect();
        let host_list: Vec<HostId> = (0..hosts)
            .map(|number| HostId::new(format!("h{number}")))
            .collect();
        let jobs = (host_list.len() * trees.len()) as u64;
        OwnedTask {
            username: "admin".to_owned(),
            task: TaskSaveRequest {
                task_id: TaskId::from("task"),
                created_ms: 0,
                host_list,
                trees,
                rules: Vec::new(),
                range,
                interval_ms,
                expected_report_num: jobs * slice_count(range, interval_ms),
            },
        }
    }

    #[test]
    fn a_job_says_all_that_its_executor_needs() {
        let task = task(1, 1, TimeRange::new(10_000, 100_000), 7_000);
        let messages: Vec<Message> = messages(&task).collect::<Result<_, _>>().expect("JSON");
        let expected = Message {
            key: "h0".to_owned(),
            id: "diagnose/task/h0/t0".to_owned(),
            payload: json!({
                "version": 1, "id": "diagnose/task/h0/t0", "username": "admin", "task_id": "task",
                "host_list": ["h0"], "time_range": [10_000, 100_000], "fault_tree": ["t0"], "interval": 7_000
            }),
        };
        assert_eq!(messages, [expected]);
    }

    proptest! {
        #[test]
        fn every_host_and_tree_is_one_job_and_the_slices_of_all_are_what_is_expected(
            hosts in 0_usize..6, trees in 0_usize..6, start_ms in 0_i64..1_000, length_ms in 1_i64..1_000,
            interval_ms in 1_i64..500,
        ) {
            let task = task(hosts, trees, TimeRange::new(start_ms, start_ms + length_ms), interval_ms);
            let messages: Vec<Message> = messages(&task).collect::<Result<_, _>>().expect("JSON");
            let mut slices = 0;
            let mut pairs = BTreeSet::new();
            for message in &messages {
                let job: DiagnoseExecuteReq =
                    serde_json::from_value(message.payload.clone()).expect("readable");
                prop_assert_eq!((job.host_list.len(), job.fault_tree.len()), (1, 1));
                prop_assert_eq!(job.host_list[0].as_str(), &message.key);
                slices += slice_count(job.time_range, job.interval.expect("given"));
                pairs.insert((job.host_list[0].clone(), job.fault_tree[0].clone()));
            }
            prop_assert_eq!(pairs.len(), hosts * trees);
            prop_assert_eq!(messages.len(), hosts * trees);
            prop_assert_eq!(slices, task.task.expected_report_num);
        }
    }
}
