//! `aops host`, `aops check` and the lists of `aops report`.

use aops_test_server::FakeServer;
use serde_json::json;

use crate::run;

#[tokio::test]
async fn hosts_are_listed() {
    let server = FakeServer::start();
    let host = json!({
        "host_id": "1f", "host_name": "机器", "host_group_name": "local", "public_ip": "127.0.0.1",
        "ssh_port": 22, "management": false, "status": "online", "revision": 3
    });
    let payload = json!({ "total_count": 3, "total_page": 3, "host_infos": [host] });
    server.succeed("/manage/host/get", payload.clone());
    let arguments = [
        "host",
        "--action",
        "query",
        "--host_group_name",
        "local",
        "--management",
        "False",
        "--sort",
        "host_name",
        "--direction",
        "desc",
        "--page",
        "1",
        "--per_page",
        "1",
    ];
    let ran = run(&server, &arguments).await.expect_code(0);
    assert_eq!(
        ran.stdout,
        "HOST_ID  HOST_NAME  HOST_GROUP_NAME  PUBLIC_IP  SSH_PORT  MANAGEMENT  STATUS\n\
         1f       机器       local            127.0.0.1  22        false       online\n"
    );
    assert_eq!(ran.stderr, "1 of 3; see more with --page and --per_page\n");
    assert_eq!(
        server.only_call("/manage/host/get").body,
        json!({
            "host_group_list": ["local"], "management": false, "sort": "host_name", "direction": "desc",
            "page": 1, "per_page": 1
        })
    );

    let ran = run(&server, &[&arguments[..], &["--output", "json"]].concat())
        .await
        .expect_code(0);
    let mut expected = json!({ "code": 200, "msg": "operation succeed" });
    expected
        .as_object_mut()
        .expect("object")
        .extend(payload.as_object().expect("object").clone());
    assert_eq!(ran.json(), expected);
}

#[tokio::test]
async fn anomalies_are_listed_in_local_time_with_what_decided() {
    let server = FakeServer::start();
    let sample = json!({
        "time_ms": 1_795_252_272_000_i64, "margin": 0.08, "values": [{ "expression": "$0", "value": "0.98" }]
    });
    let common = json!({
        "host_id": "1f", "condition": "$0 > 0.9", "description": "", "plugin": "", "severity": null,
        "data_list": [], "start": 1_795_252_270, "end": 1_795_252_320
    });
    let with = |more: serde_json::Value| {
        let mut row = common.clone();
        row.as_object_mut()
            .expect("object")
            .extend(more.as_object().expect("object").clone());
        row
    };
    let abnormal = with(json!({
        "result_id": "r1", "check_item": "cpu", "labels": { "cpu": "0" }, "value": "Abnormal",
        "evidence": { "first": sample, "worst": sample, "last": sample }, "reason": ""
    }));
    let no_data = with(json!({
        "result_id": "r2", "check_item": "disk", "labels": {}, "value": "No data",
        "evidence": { "first": null, "worst": null, "last": null }, "reason": "the host never had the series"
    }));
    let payload = json!({ "total_count": 2, "total_page": 1, "check_result": [abnormal, no_data] });
    server.succeed("/check/result/get", payload);
    let arguments = [
        "check",
        "--start",
        "20261121-09:00:00",
        "--end",
        "2026-11-21T11:00:00+01:00",
        "--sort",
        "check_item",
    ];
    let ran = run(&server, &arguments).await.expect_code(0);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(
        lines[1],
        "1f       cpu         Abnormal  cpu=\"0\"  2026-11-21 09:11:10+00:00  2026-11-21 09:12:00+00:00  $0 = 0.98"
    );
    assert!(
        lines[2].ends_with("the host never had the series"),
        "{}",
        lines[2]
    );
    assert_eq!(
        server.only_call("/check/result/get").body,
        json!({
            "time_range": [1_795_251_600, 1_795_255_200], "check_items": [], "host_list": [], "sort": "check_item",
            "page": 1, "per_page": 1000
        })
    );
}

#[tokio::test]
async fn reports_are_listed_by_task_or_by_time() {
    let server = FakeServer::start();
    let head = json!({
        "report_id": "r", "task_id": "t", "host_id": "h", "tree_name": "slow", "start": 60, "end": 70
    });
    let payload = json!({ "total_count": 1, "total_page": 1, "result": [head] });
    server.succeed("/diag/report/get_list", payload);
    let ran = run(&server, &["report", "--action", "get", "--task_id", "t"])
        .await
        .expect_code(0);
    assert_eq!(
        ran.stdout,
        "REPORT_ID  HOST_ID  TREE_NAME  START                      END\n\
         r          h        slow       1970-01-01 00:01:00+00:00  1970-01-01 00:01:10+00:00\n"
    );
    let arguments = [
        "report",
        "--action",
        "get",
        "--host_list",
        "h",
        "--tree_list",
        "slow",
        "--start",
        "0",
        "--end",
        "90",
    ];
    run(&server, &arguments).await.expect_code(0);
    let bodies: Vec<_> = server
        .calls("/diag/report/get_list")
        .into_iter()
        .map(|call| call.body)
        .collect();
    assert_eq!(
        bodies,
        [
            json!({ "task_id": "t", "sort": "start", "page": 1, "per_page": 1000 }),
            json!({
                "time_range": [0, 90], "host_list": ["h"], "tree_list": ["slow"], "sort": "start",
                "page": 1, "per_page": 1000
            }),
        ]
    );
}

#[tokio::test]
async fn reports_are_shown_whole_and_missing_ones_named() {
    let server = FakeServer::start();
    let leaf = json!({ "node name": "cpu", "value": false, "check item": "cpu_busy", "msg": "" });
    let report =
        json!({ "node name": "host is slow", "value": false, "condition": "cpu", "children": [leaf] });
    let explanation = json!({
        "outcome": "cause_not_found", "cause_path": [], "description": "", "advice": "",
        "leaves": [{
            "path": ["host is slow", "cpu"], "check_item": "cpu_busy", "condition": "$0 > 0.9", "value": false,
            "findings": [], "source": "findings"
        }],
        "ruled_out": [["host is slow"]], "unsupported": []
    });
    let row = json!({
        "report_id": "r", "task_id": "t", "host_id": "h", "tree_name": "slow", "start": 60, "end": 70,
        "report": report, "explanation": explanation
    });
    server.succeed("/diag/report/get", json!({ "result": [row] }));
    let ran = run(&server, &["report", "--action", "get", "--report_list", "r"])
        .await
        .expect_code(0);
    assert_eq!(
        ran.stdout,
        "report r\n\
         host h, tree slow, from 1970-01-01 00:01:00+00:00 until 1970-01-01 00:01:10+00:00\n\
         \n\
         [ ] host is slow\n\
         └─ [ ] cpu   cpu_busy: $0 > 0.9\n\
         [x] true   [ ] false   [?] without data, counts as false   [~] false for lack of data   [!] true for lack of data\n\
         \n\
         cause not found; ruled out: host is slow\n"
    );
    let arguments = ["report", "--action", "get", "--report_list", "r", "--format"];
    let ran = run(&server, &[&arguments[..], &["markdown"]].concat())
        .await
        .expect_code(0);
    assert!(
        ran.stdout.starts_with("# report r: host h, tree slow, from 1970")
            && ran
                .stdout
                .contains("\n**Cause not found.**\n\n## Ruled out\n\n- host is slow\n"),
        "{}",
        ran.stdout
    );
    let ran = run(&server, &[&arguments[..], &["json"]].concat())
        .await
        .expect_code(0);
    assert_eq!(ran.json()["result"][0]["report"], report);
    let ran = run(&server, &["report", "--action", "get", "--report_list", "r,s"])
        .await
        .expect_code(1);
    assert!(ran.stdout.starts_with("report r\n"));
    assert_eq!(ran.stderr, "error: there is no report s\n");
    assert_eq!(
        server.calls("/diag/report/get")[3].body,
        json!({ "report_list": ["r", "s"] })
    );
}

#[tokio::test]
async fn reports_are_deleted_by_id() {
    let server = FakeServer::start();
    server.succeed("/diag/report/delete", json!({}));
    let arguments = ["report", "--action", "delete", "--report_list", "r,s"];
    let ran = run(&server, &arguments).await.expect_code(0);
    assert_eq!(ran.stdout, "deleted\n");
    let call = server.only_call("/diag/report/delete");
    assert_eq!(
        (call.method.as_str(), call.body),
        ("DELETE", json!({ "report_list": ["r", "s"] }))
    );
}
