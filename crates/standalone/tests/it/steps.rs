//! What scenarios have in common: rules and trees imported, results read, a diagnosis carried out.

use aops_api::diagnosis::{DiagExecuteRequest, ProgressRequest, Report, ReportIdsRequest, ReportListRequest};
use aops_api::result::{ResultGetRequest, ResultRow};
use aops_api::rule::RuleImportRequest;
use aops_api::tree::TreeImportRequest;
use aops_api::{HostId, TaskId};
use aops_client::Platform;
use aops_test_platform::eventually;
use serde_json::{Value, json};

/// Imports rules; all have to be taken.
pub(crate) async fn import_rules(admin: &Platform, rules: Value) {
    let request: RuleImportRequest = serde_json::from_value(json!({ "check_items": rules })).expect("rules");
    let answer = admin.import_rules(&request).await.expect("answered");
    let answer = answer.succeeded().expect("imported");
    assert_eq!(answer.fail_list, Vec::<String>::new());
}

/// Imports a tree.
pub(crate) async fn import_tree(admin: &Platform, name: &str, root: Value) {
    let tree = json!({ "tree_name": name, "description": "", "tree_content": root });
    let request: TreeImportRequest = serde_json::from_value(json!({ "trees": [tree] })).expect("a tree");
    let answer = admin.import_trees(&request).await.expect("answered");
    let answer = answer.succeeded().expect("imported");
    assert_eq!(answer.succeed_list, [name]);
}

/// The anomalies of all rules.
pub(crate) async fn abnormal_results(admin: &Platform) -> Vec<ResultRow> {
    let request = ResultGetRequest {
        value: Some("Abnormal".to_owned()),
        ..ResultGetRequest::default()
    };
    // A search engine that is busy with all the tests at once may refuse for a moment.
    eventually("results", async || {
        let answer = admin.results(&request).await.expect("answered");
        answer.succeeded().ok().map(|answer| answer.check_result)
    })
    .await
}

/// Has `[start, end)` seconds diagnosed as one slice.
pub(crate) async fn execute(admin: &Platform, host: &HostId, tree: &str, start: i64, end: i64) -> TaskId {
    let request = DiagExecuteRequest {
        host_list: vec![host.clone()],
        time_range: vec![start.into(), end.into()],
        tree_list: vec![tree.to_owned()],
        interval: (end - start).into(),
    };
    let answer = admin.execute(&request).await.expect("answered");
    let answer = answer.succeeded().expect("executed");
    assert_eq!(answer.expected_report_num, 1);
    answer.task_id.expect("a task")
}

/// How many reports of a task are there.
pub(crate) async fn progress(admin: &Platform, task_id: &TaskId) -> u64 {
    let request = ProgressRequest {
        task_list: vec![task_id.clone()],
    };
    let answer = admin.progress(&request).await.expect("answered");
    answer.succeeded().expect("progress").result[0].progress
}

/// The only report of a task, once it is there.
pub(crate) async fn report(admin: &Platform, task_id: &TaskId) -> Report {
    eventually("the diagnosis", async || {
        (progress(admin, task_id).await == 1).then_some(())
    })
    .await;
    let list = ReportListRequest {
        task_id: Some(task_id.clone()),
        ..ReportListRequest::default()
    };
    let heads = admin.report_list(&list).await.expect("answered");
    let heads = heads.succeeded().expect("heads");
    assert_eq!((heads.total_count, heads.result.len()), (1, 1));
    let request = ReportIdsRequest {
        report_list: vec![heads.result[0].report_id.clone()],
    };
    let reports = admin.reports(&request).await.expect("answered");
    reports.succeeded().expect("a report").result.remove(0)
}

/// Diagnoses `[start, end)` seconds as one slice.
pub(crate) async fn diagnose(admin: &Platform, host: &HostId, tree: &str, start: i64, end: i64) -> Report {
    let task_id = execute(admin, host, tree, start, end).await;
    report(admin, &task_id).await
}
