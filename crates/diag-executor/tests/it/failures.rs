//! What happens to jobs that cannot be carried out, now or ever.

use serde_json::json;

use crate::{Executor, START_MS, message, task};

#[tokio::test]
async fn a_data_center_that_was_away_is_asked_again() {
    let mut test = Executor::new().await;
    let mut asked = 0;
    test.data_center.answer_with("/data/diag/task/pinned", move |_| {
        asked += 1;
        // More often than a refusal would be borne.
        if asked < 5 {
            return json!({ "code": 1101, "msg": "connect to database error" });
        }
        json!({ "code": 200, "msg": "", "task": task() })
    });
    let reports = test.diagnose_until(START_MS + 10_000).await;
    assert_eq!(reports.len(), 1);
}

#[tokio::test]
async fn what_is_no_job_becomes_a_dead_letter() {
    let test = Executor::new().await;
    test.publish(json!({ "username": "u", "task_id": 1 })).await;
    let reason = test.reason_of_dead_letter().await;
    assert!(reason.contains("invalid type: integer `1`"), "{reason}");
    assert_eq!(test.data_center.calls("/data/diag/task/pinned"), []);
}

#[tokio::test]
async fn a_job_of_no_task_becomes_a_dead_letter() {
    let test = Executor::new().await;
    test.data_center
        .succeed("/data/diag/task/pinned", json!({ "task": null }));
    test.publish(message(START_MS + 10_000)).await;
    assert_eq!(test.reason_of_dead_letter().await, "there is no task t");
    assert_eq!(test.data_center.calls("/data/diag/report/save"), []);
}

#[tokio::test]
async fn a_host_that_is_not_the_tasks_is_not_diagnosed() {
    let test = Executor::new().await;
    let mut foreign = message(START_MS + 10_000);
    foreign["host_list"] = json!(["h", "somebody else's"]);
    test.publish(foreign).await;
    assert_eq!(
        test.reason_of_dead_letter().await,
        "task t has no host somebody else's"
    );
    assert_eq!(test.data_center.calls("/data/diag/report/save"), []);
}

#[tokio::test]
async fn a_job_that_is_refused_again_and_again_ends_with_failed_reports() {
    let mut test = Executor::new().await;
    let refusal = json!({ "code": 1000, "msg": "request parameter error: keys: no" });
    test.data_center.answer("/data/check/finding/query", refusal);
    test.publish(message(START_MS + 20_000)).await;
    let reason = test.reason_of_dead_letter().await;
    assert_eq!(
        reason,
        "reading findings failed: 1000 request parameter error: keys: no"
    );
    assert_eq!(test.data_center.calls("/data/check/finding/query").len(), 2);
    let saved = test.saved.recv().await.expect("saved");
    let reports = saved["reports"].as_array().expect("a list");
    assert_eq!(reports.len(), 2, "progress reaches what is expected");
    for report in reports {
        assert_eq!(report["explanation"]["outcome"], "failed");
    }
}

#[tokio::test]
async fn a_job_that_makes_the_data_center_fail_each_time_is_given_up() {
    let mut test = Executor::new().await;
    let failure = json!({ "code": 500, "msg": "server error" });
    test.data_center.answer("/data/check/finding/query", failure);
    test.publish(message(START_MS + 10_000)).await;
    test.reason_of_dead_letter().await;
    assert_eq!(test.data_center.calls("/data/check/finding/query").len(), 2);
    let saved = test.saved.recv().await.expect("saved");
    assert_eq!(saved["reports"][0]["explanation"]["outcome"], "failed");
}
