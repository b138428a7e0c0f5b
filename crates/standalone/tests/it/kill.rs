//! `kill -9` under work: everything that was acknowledged is there after the restart, and nothing is there twice.

use std::collections::BTreeSet;

use aops_api::account::LoginRequest;
use aops_api::diagnosis::{DiagExecuteRequest, ProgressRequest, ReportListRequest};
use aops_api::host::HostGetRequest;
use aops_api::result::ResultGetRequest;
use aops_api::rule::{RuleGetRequest, RuleImportRequest};
use aops_api::tree::{TreeImportRequest, TreeListRequest};
use aops_api::{HostId, TaskId};
use aops_client::Platform;
use aops_service::Clock;
use aops_test_platform::{Engines, eventually};
use serde_json::json;

use crate::process::{PASSWORD, started};
use crate::scenarios;

scenarios!(what_was_acknowledged_survives,);

async fn log_in(url: &str) -> Platform {
    let anonymous = Platform::new(url);
    let request = LoginRequest {
        username: "admin".to_owned(),
        password: PASSWORD.to_owned(),
    };
    let answer = anonymous
        .login(&request)
        .await
        .expect("answered")
        .succeeded()
        .expect("logged in");
    anonymous.with_token(answer.access_token)
}

fn rules(round: u32) -> RuleImportRequest {
    let item = |number: u32| {
        json!({
            "check_item": format!("rule {round}.{number}"),
            "data_list": [{ "name": "node_load1" }],
            "condition": format!("$0 >= 0 && {round} >= 0 && {number} >= 0")
        })
    };
    serde_json::from_value(json!({ "check_items": [item(0), item(1)] })).expect("rules")
}

fn tree(round: u32) -> TreeImportRequest {
    serde_json::from_value(json!({ "trees": [{
        "tree_name": format!("tree {round}"), "description": "", "tree_content": {
            "node name": "root", "value": null, "condition": "leaf", "description": "", "advice": "", "children": [
                { "node name": "leaf", "value": null, "check item": format!("rule {round}.0"), "msg": "" }
            ]
        }
    }]}))
    .expect("a tree")
}

fn diagnosis(host: &HostId, round: u32, now_seconds: i64) -> DiagExecuteRequest {
    DiagExecuteRequest {
        host_list: vec![host.clone()],
        time_range: vec![(now_seconds - 600).into(), now_seconds.into()],
        tree_list: vec![format!("tree {round}")],
        interval: 10.into(),
    }
}

/// What the platform has acknowledged.
#[derive(Default)]
struct Acknowledged {
    rules: BTreeSet<String>,
    trees: BTreeSet<String>,
    tasks: Vec<(TaskId, u64)>,
}

async fn what_was_acknowledged_survives(engines: &Engines) {
    let temp = tempfile::tempdir().expect("temp folder");
    let folder = temp.path().join("data");
    let mut acknowledged = Acknowledged::default();

    for round in 0..3 {
        let (mut child, url) = started(&folder, engines).await;
        let admin = log_in(&url).await;
        let host = eventually("this machine to be a host", async || {
            let hosts = admin
                .hosts(&HostGetRequest::default())
                .await
                .expect("answered")
                .succeeded()
                .expect("hosts");
            hosts.host_infos.first().map(|host| host.host_id.clone())
        })
        .await;

        let answer = admin
            .import_rules(&rules(round))
            .await
            .expect("answered")
            .succeeded()
            .expect("imported");
        acknowledged.rules.extend(answer.succeed_list);
        let answer = admin
            .import_trees(&tree(round))
            .await
            .expect("answered")
            .succeeded()
            .expect("imported");
        acknowledged.trees.extend(answer.succeed_list);
        for _ in 0..3 {
            let request = diagnosis(&host, round, Clock::system().now_ms() / 1000);
            let answer = admin
                .execute(&request)
                .await
                .expect("answered")
                .succeeded()
                .expect("executed");
            acknowledged
                .tasks
                .push((answer.task_id.expect("a task"), answer.expected_report_num));
        }
        // In the middle of three diagnoses, of scraping and of checking.
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }

    let (mut child, url) = started(&folder, engines).await;
    let admin = log_in(&url).await;
    let answer = admin
        .rules(&RuleGetRequest::default())
        .await
        .expect("answered")
        .succeeded()
        .expect("rules");
    let names: BTreeSet<String> = answer
        .check_items
        .into_iter()
        .map(|item| item.check_item)
        .collect();
    assert_eq!(names, acknowledged.rules);
    let answer = admin
        .trees(&TreeListRequest::default())
        .await
        .expect("answered")
        .succeeded()
        .expect("trees");
    let names: BTreeSet<String> = answer.trees.into_iter().map(|tree| tree.tree_name).collect();
    assert_eq!(names, acknowledged.trees);

    // Every diagnosis is finished, with as many reports as were promised, and not one more.
    for (task_id, expected) in &acknowledged.tasks {
        let request = ProgressRequest {
            task_list: vec![task_id.clone()],
        };
        eventually("the diagnosis to be finished", async || {
            let answer = admin
                .progress(&request)
                .await
                .expect("answered")
                .succeeded()
                .expect("progress");
            assert!(answer.result[0].progress <= *expected);
            (answer.result[0].progress == *expected).then_some(())
        })
        .await;
        let request = ReportListRequest {
            task_id: Some(task_id.clone()),
            ..ReportListRequest::default()
        };
        let answer = admin
            .report_list(&request)
            .await
            .expect("answered")
            .succeeded()
            .expect("heads");
        let ids: BTreeSet<_> = answer.result.iter().map(|head| head.report_id.clone()).collect();
        assert_eq!((answer.total_count, ids.len() as u64), (*expected, *expected));
    }

    // No two intervals of one rule and label set overlap: nothing was said twice.
    let request = ResultGetRequest {
        check_items: vec!["rule 0.0".to_owned()],
        ..ResultGetRequest::default()
    };
    let mut rows = admin
        .results(&request)
        .await
        .expect("answered")
        .succeeded()
        .expect("results")
        .check_result;
    rows.sort_by_key(|row| (row.start, row.end));
    assert!(
        rows.windows(2).all(|pair| pair[0].end <= pair[1].start + 1),
        "{rows:?}"
    );
    child.kill().expect("killed");
    child.wait().expect("reaped");
}
