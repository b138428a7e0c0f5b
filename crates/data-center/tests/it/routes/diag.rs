use aops_api::code::Empty;
use aops_api::diagnosis::{
    Explanation, PinnedTaskRequest, ProgressRequest, Report, ReportIdsRequest, ReportListRequest,
    ReportSaveRequest, ReportSort, TaskGetRequest, TaskPublishedRequest, TaskSaveRequest,
};
use aops_api::page::Direction;
use aops_api::read::Integer;
use aops_api::tree::{TreeDocument, TreeImportRequest, TreeListRequest};
use aops_api::{Code, HostId, ReportId, TaskId, TimeRange};
use aops_client::DataCenter;
use serde_json::json;

use crate::center::{Center, NOW_MS, config, refused};

fn task(id: &str) -> TaskSaveRequest {
    TaskSaveRequest {
        task_id: TaskId::from(id),
        created_ms: NOW_MS,
        host_list: vec![HostId::from("h")],
        trees: Vec::new(),
        rules: Vec::new(),
        range: TimeRange::new(0, 30_000),
        interval_ms: 10_000,
        expected_report_num: 3,
    }
}

fn report(id: &str, tree_name: &str, start: i64) -> Report {
    Report {
        report_id: ReportId::from(id),
        task_id: TaskId::from("t"),
        host_id: HostId::from("h"),
        tree_name: tree_name.to_owned(),
        start,
        end: start + 10,
        report: json!({"node name": "root", "b": 1, "a": 2, "value": true}),
        explanation: Explanation::default(),
    }
}

fn ids(ids: &[&str]) -> ReportIdsRequest {
    ReportIdsRequest {
        report_list: ids.iter().map(|id| ReportId::from(*id)).collect(),
    }
}

async fn progress(caller: &DataCenter) -> u64 {
    let request = ProgressRequest {
        task_list: vec![TaskId::from("t")],
    };
    caller.progress(&request).await.expect("counted").result[0].progress
}

async fn listed(caller: &DataCenter, request: ReportListRequest) -> Vec<String> {
    let answer = caller.report_list(&request).await.expect("listed");
    assert!(answer.total_count >= answer.result.len() as u64);
    answer
        .result
        .into_iter()
        .map(|head| head.report_id.as_str().to_owned())
        .collect()
}

#[tokio::test]
async fn from_a_task_to_its_reports() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start(config(folder.path())).await;
    let admin = center.admin().await;
    admin.save_task(&task("t")).await.expect("saved");
    let unpublished = center
        .service
        .unpublished_tasks(&Empty {})
        .await
        .expect("listed")
        .tasks;
    assert_eq!(
        (unpublished[0].username.as_str(), &unpublished[0].task),
        ("admin", &task("t"))
    );
    let published = TaskPublishedRequest {
        task_id: TaskId::from("t"),
    };
    center
        .service
        .mark_task_published(&published)
        .await
        .expect("marked");
    assert!(
        center
            .service
            .unpublished_tasks(&Empty {})
            .await
            .expect("listed")
            .tasks
            .is_empty()
    );
    let pinned = PinnedTaskRequest {
        task_id: TaskId::from("t"),
    };
    assert!(
        center
            .service
            .pinned_task(&pinned)
            .await
            .expect("read")
            .task
            .is_some()
    );

    let save = async |username: &str, reports: Vec<Report>| {
        let request = ReportSaveRequest {
            username: username.to_owned(),
            reports,
        };
        center.service.save_reports(&request).await.expect("saved");
    };
    save("admin", vec![report("r1", "b", 0), report("r2", "a", 10)]).await;
    save("admin", vec![report("r2", "a", 10), report("r3", "c", 20)]).await;
    save(
        "bob",
        vec![Report {
            task_id: TaskId::from("of bob"),
            ..report("r4", "d", 5)
        }],
    )
    .await;
    assert_eq!(progress(&admin).await, 3);
    let tasks = admin
        .tasks(&TaskGetRequest::default())
        .await
        .expect("listed")
        .task_infos;
    assert_eq!((tasks[0].cur_report_num, tasks[0].expected_report_num), (3, 3));

    let read = admin
        .reports(&ids(&["r3", "unknown", "r1"]))
        .await
        .expect("read")
        .result;
    assert_eq!(
        read,
        [report("r3", "c", 20), report("r1", "b", 0)],
        "in the order asked for"
    );
    let of_task = || ReportListRequest {
        task_id: Some(TaskId::from("t")),
        ..ReportListRequest::default()
    };
    let by_tree = ReportListRequest {
        sort: Some(ReportSort::TreeName),
        direction: Some(Direction::Desc),
        page: Some(Integer(1)),
        per_page: Some(Integer(2)),
        ..of_task()
    };
    assert_eq!(listed(&admin, by_tree).await, ["r3", "r1"]);
    let of_time = ReportListRequest {
        time_range: Some(vec![Integer(10), Integer(15)]),
        tree_list: Some(vec!["a".to_owned(), "b".to_owned()]),
        host_list: Some(vec![HostId::from("h")]),
        ..ReportListRequest::default()
    };
    assert_eq!(listed(&admin, of_time).await, ["r2"]);

    admin.delete_reports(&ids(&["r1"])).await.expect("deleted");
    assert_eq!(listed(&admin, of_task()).await, ["r2", "r3"]);
    assert_eq!(progress(&admin).await, 3, "a deleted report is a finished one");
    save("admin", vec![report("r1", "b", 0)]).await;
    assert_eq!(
        listed(&admin, of_task()).await,
        ["r2", "r3"],
        "a job told twice brings nothing back"
    );
    let odd = ReportListRequest {
        time_range: Some(vec![Integer(1)]),
        ..ReportListRequest::default()
    };
    assert_eq!(refused(admin.report_list(&odd).await).0, Code::ParamError);
    center.stop().await;
}

#[tokio::test]
async fn trees_come_back_as_they_were_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start(config(folder.path())).await;
    let admin = center.admin().await;
    let content = json!({"node name": "root", "z": [1, 2.50, null], "a": {"b": "c"}});
    let tree = TreeDocument {
        tree_name: "tree".to_owned(),
        tree_content: content.clone(),
        description: "for people".to_owned(),
    };
    let added = admin
        .add_trees(&TreeImportRequest { trees: vec![tree] })
        .await
        .expect("added");
    assert_eq!(added.succeed_list, ["tree"]);
    let listed = admin
        .trees(&TreeListRequest::default())
        .await
        .expect("listed")
        .trees;
    assert_eq!(listed[0].tree_content.to_string(), content.to_string());
    assert_eq!(listed[0].description, "for people");
    let delete = TreeListRequest {
        tree_list: vec!["tree".to_owned()],
    };
    admin.delete_trees(&delete).await.expect("deleted");
    assert!(
        admin
            .trees(&TreeListRequest::default())
            .await
            .expect("listed")
            .trees
            .is_empty()
    );
    center.stop().await;
}
