//! Routes that check what comes in and pass it on.

use serde_json::json;

use crate::Scheduler;

#[tokio::test]
async fn requests_and_answers_pass_through_on_behalf_of_the_caller() {
    let test = Scheduler::start().await;
    let rows = |field: &str| json!({ "total_count": 0, "total_page": 0, field: [] });
    for (method, path, inner, body, payload) in [
        (
            "POST",
            "/diag/tree/get",
            "/data/diag/tree/get",
            json!({ "tree_list": [] }),
            json!({ "trees": [] }),
        ),
        (
            "DELETE",
            "/diag/tree/delete",
            "/data/diag/tree/delete",
            json!({ "tree_list": [] }),
            json!({}),
        ),
        (
            "POST",
            "/diag/task/get",
            "/data/diag/task/get",
            json!({ "task_list": ["t"], "time_range": [1, 2], "sort": "time", "direction": "desc" }),
            rows("task_infos"),
        ),
        (
            "POST",
            "/diag/progress/get",
            "/data/diag/process/query",
            json!({ "task_list": ["t"] }),
            json!({ "result": [{ "task_id": "t", "progress": 3 }] }),
        ),
        (
            "POST",
            "/diag/report/get",
            "/data/diag/report/get",
            json!({ "report_list": ["r"] }),
            json!({ "result": [] }),
        ),
        (
            "POST",
            "/diag/report/get_list",
            "/data/diag/report/get_list",
            json!({ "time_range": [1, 2], "task_id": "t", "sort": "start", "page": 1, "per_page": 50 }),
            rows("result"),
        ),
        (
            "DELETE",
            "/diag/report/delete",
            "/data/diag/report/delete",
            json!({ "report_list": [] }),
            json!({}),
        ),
    ] {
        test.data_center.succeed(inner, payload.clone());
        let answer = test.call(method, path, &body).await;
        let mut expected = json!({ "code": 200, "msg": "operation succeed" });
        let fields = payload.as_object().expect("an object").clone();
        expected.as_object_mut().expect("an object").extend(fields);
        assert_eq!(answer, expected, "{path}");
        let call = test.data_center.only_call(inner);
        assert_eq!((call.method.as_str(), &call.body), (method, &body), "{path}");
        assert_eq!(call.headers["access-token"], "user's token");
        assert_eq!(call.headers["x-service-credential"], "diag-scheduler:secret");
    }
}

#[tokio::test]
async fn wrong_fields_are_named_and_not_passed_on() {
    let test = Scheduler::start().await;
    for (path, body, part) in [
        (
            "/diag/task/get",
            json!({ "task_list": [] }),
            "task_list: must not be empty",
        ),
        (
            "/diag/task/get",
            json!({ "time_range": [1] }),
            "time_range: 1 numbers, not 2",
        ),
        (
            "/diag/task/get",
            json!({ "sort": "size" }),
            "sort: unknown variant",
        ),
        (
            "/diag/task/get",
            json!({ "page": 1, "per_page": 1001 }),
            "per_page: 1001 is not in",
        ),
        (
            "/diag/progress/get",
            json!({ "task_list": [] }),
            "task_list: must not be empty",
        ),
        (
            "/diag/report/get",
            json!({ "report_list": [] }),
            "report_list: must not be empty",
        ),
        (
            "/diag/report/get_list",
            json!({ "time_range": [] }),
            "time_range: 0 numbers, not 2",
        ),
        (
            "/diag/report/get_list",
            json!({ "task_id": "" }),
            "task_id: must not be empty",
        ),
        (
            "/diag/report/get_list",
            json!({ "page": 1 }),
            "per_page: missing beside page",
        ),
        ("/diag/tree/get", json!({}), "missing field `tree_list`"),
    ] {
        let answer = test.post(path, body).await;
        assert_eq!(answer["code"], 1000, "{path}: {answer}");
        assert!(
            answer["msg"].as_str().is_some_and(|msg| msg.contains(part)),
            "{path}: {answer}"
        );
    }
}
