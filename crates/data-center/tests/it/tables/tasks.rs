use aops_api::account::Role;
use aops_api::diagnosis::{TaskGetRequest, TaskSaveRequest, TaskSort};
use aops_api::page::Direction;
use aops_api::read::Integer;
use aops_api::tree::TreeDocument;
use aops_api::{HostId, ReportId, TaskId, TimeRange};
use aops_data_center::Error;
use aops_data_center::account::Caller;
use aops_data_center::store::Tables;

use super::{NOW_MS, caller, changed_rule};
use crate::backend::{Backend, contract};

contract!(
    a_task_is_saved_once_and_pinned,
    unpublished_tasks_come_oldest_first,
    finished_reports_count_once,
    tasks_are_listed_for_whom_they_are,
);

fn task(id: &str, created_ms: i64, expected: u64) -> TaskSaveRequest {
    TaskSaveRequest {
        task_id: TaskId::from(id),
        created_ms,
        host_list: vec![HostId::from("h1"), HostId::from("h2")],
        trees: vec![TreeDocument {
            tree_name: "tree".to_owned(),
            tree_content: serde_json::json!({"node name": "root", "b": 1, "a": "x".repeat(100_000)}),
            description: String::new(),
        }],
        rules: vec![changed_rule("r", "k", serde_json::json!({"for": "5m"}))],
        range: TimeRange::new(10_000, 40_500),
        interval_ms: 10_000,
        expected_report_num: expected,
    }
}

async fn a_task_is_saved_once_and_pinned(backend: &Backend) {
    let tables = backend.open().await;
    let first = task("t1", NOW_MS, 8);
    tables.save_task("ann", &first).await.expect("saved");
    tables.save_task("ann", &first).await.expect("the same again");
    let other = task("t1", NOW_MS, 9);
    assert!(matches!(
        tables.save_task("ann", &other).await,
        Err(Error::Exists(_))
    ));
    assert!(matches!(
        tables.save_task("bob", &first).await,
        Err(Error::Exists(_))
    ));
    let pinned = backend
        .open()
        .await
        .pinned_task(&TaskId::from("t1"))
        .await
        .expect("read")
        .expect("there");
    assert_eq!((pinned.username.as_str(), pinned.task), ("ann", first));
    assert_eq!(tables.pinned_task(&TaskId::from("t2")).await.expect("read"), None);
}

async fn unpublished_tasks_come_oldest_first(backend: &Backend) {
    let tables = backend.open().await;
    for (id, created_ms) in [("t1", 30), ("t2", 10), ("t3", 20)] {
        tables
            .save_task("ann", &task(id, created_ms, 1))
            .await
            .expect("saved");
    }
    let unpublished = async || {
        let tasks = tables.unpublished_tasks().await.expect("listed");
        tasks
            .into_iter()
            .map(|task| task.task.task_id.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(unpublished().await, ["t2", "t3", "t1"]);
    for _ in 0..2 {
        tables.mark_published(&TaskId::from("t3")).await.expect("marked");
    }
    tables
        .mark_published(&TaskId::from("unknown"))
        .await
        .expect("nothing to mark");
    assert_eq!(unpublished().await, ["t2", "t1"]);
}

fn reports(ids: &[(&str, &str)]) -> Vec<(TaskId, ReportId)> {
    ids.iter()
        .map(|(task, report)| (TaskId::from(*task), ReportId::from(*report)))
        .collect()
}

async fn progress(tables: &Tables, caller: &Caller, ids: &[&str]) -> Vec<u64> {
    let ids: Vec<TaskId> = ids.iter().map(|id| TaskId::from(*id)).collect();
    let rows = tables.progress(caller, &ids).await.expect("counted");
    assert_eq!(
        rows.iter().map(|row| row.task_id.clone()).collect::<Vec<_>>(),
        ids
    );
    rows.into_iter().map(|row| row.progress).collect()
}

async fn finished_reports_count_once(backend: &Backend) {
    let tables = backend.open().await;
    let (ann, bob, admin) = (
        caller("ann", Role::User),
        caller("bob", Role::User),
        caller("root", Role::Admin),
    );
    for id in ["t1", "t2"] {
        tables
            .save_task("ann", &task(id, NOW_MS, 4))
            .await
            .expect("saved");
    }
    tables
        .mark_finished(&reports(&[("t1", "r1"), ("t1", "r2")]))
        .await
        .expect("marked");
    tables
        .mark_finished(&reports(&[("t1", "r2"), ("t2", "r3")]))
        .await
        .expect("marked");
    tables.mark_finished(&[]).await.expect("nothing to mark");
    assert_eq!(
        progress(&tables, &ann, &["t2", "unknown", "t1", "t2"]).await,
        [1, 0, 2, 1]
    );
    assert_eq!(progress(&tables, &bob, &["t1"]).await, [0]);
    assert_eq!(progress(&tables, &admin, &["t1"]).await, [2]);
    let asked = reports(&[("t1", "r1"), ("t1", "r9"), ("t2", "r3"), ("t2", "r1")]);
    let finished = tables.finished_reports(&asked).await.expect("read");
    assert_eq!(
        finished.into_iter().collect::<Vec<_>>(),
        [ReportId::from("r1"), ReportId::from("r3")]
    );
}

async fn tasks_are_listed_for_whom_they_are(backend: &Backend) {
    let tables = backend.open().await;
    for (owner, id, created_ms, expected) in [
        ("ann", "t1", 3_000, 5),
        ("ann", "t2", 1_999, 9),
        ("ann", "t3", 2_000, 7),
        ("bob", "t4", 4_000, 1),
    ] {
        tables
            .save_task(owner, &task(id, created_ms, expected))
            .await
            .expect("saved");
    }
    tables
        .mark_finished(&reports(&[("t3", "r1"), ("t3", "r2"), ("t2", "r3")]))
        .await
        .expect("marked");
    let ids = async |caller: &Caller, request: TaskGetRequest| {
        let tasks = tables.tasks(caller, &request).await.expect("listed");
        tasks
            .into_iter()
            .map(|task| task.task_id.as_str().to_owned())
            .collect::<Vec<_>>()
    };
    let (ann, admin) = (caller("ann", Role::User), caller("root", Role::Admin));
    let all = TaskGetRequest::default;
    let sorted = |sort, direction| TaskGetRequest {
        sort: Some(sort),
        direction: Some(direction),
        ..all()
    };
    assert_eq!(ids(&ann, all()).await, ["t2", "t3", "t1"]);
    assert_eq!(ids(&admin, all()).await, ["t2", "t3", "t1", "t4"]);
    assert_eq!(
        ids(&ann, sorted(TaskSort::Time, Direction::Desc)).await,
        ["t1", "t3", "t2"]
    );
    assert_eq!(
        ids(&ann, sorted(TaskSort::Expected, Direction::Asc)).await,
        ["t1", "t3", "t2"]
    );
    assert_eq!(
        ids(&ann, sorted(TaskSort::Current, Direction::Desc)).await,
        ["t3", "t2", "t1"]
    );
    let of_time = TaskGetRequest {
        time_range: Some(vec![Integer(2), Integer(3)]),
        ..all()
    };
    assert_eq!(
        ids(&ann, of_time).await,
        ["t3", "t1"],
        "both ends included, in seconds"
    );
    let named = TaskGetRequest {
        task_list: Some(vec![TaskId::from("t4"), TaskId::from("t1")]),
        ..all()
    };
    assert_eq!(ids(&ann, named).await, ["t1"]);
    let rows = tables
        .tasks(&ann, &sorted(TaskSort::Current, Direction::Desc))
        .await
        .expect("listed");
    let first = &rows[0];
    assert_eq!((first.time, first.time_range), (2, [10, 40]));
    assert_eq!((first.expected_report_num, first.cur_report_num), (7, 2));
    assert_eq!(first.tree_list, ["tree"]);
    assert_eq!(first.host_list.len(), 2);
}
