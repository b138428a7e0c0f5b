//! `aops diag`.

use aops_test_server::FakeServer;
use serde_json::json;
use tokio::sync::mpsc;

use crate::{Ran, aops, run};

const DIAG: [&str; 11] = [
    "diag",
    "--host_list",
    "h",
    "--tree_list",
    "slow",
    "--start",
    "60",
    "--end",
    "80",
    "--interval",
    "10",
];

fn accepting() -> FakeServer {
    let server = FakeServer::start();
    server.succeed(
        "/diag/execute",
        json!({ "task_id": "t", "expected_report_num": 2 }),
    );
    let head = |id, start| {
        json!({
            "report_id": id, "task_id": "t", "host_id": "h", "tree_name": "slow", "start": start, "end": start + 10
        })
    };
    let payload = json!({ "total_count": 2, "total_page": 1, "result": [head("r1", 60), head("r2", 70)] });
    server.succeed("/diag/report/get_list", payload);
    server
}

#[tokio::test]
async fn a_diagnosis_is_followed_to_its_end() {
    let server = accepting();
    let mut progress = 0;
    server.answer_with("/diag/progress/get", move |_| {
        progress += 1;
        json!({ "code": 200, "msg": "", "result": [{ "task_id": "t", "progress": progress }] })
    });
    let ran = run(&server, &DIAG).await.expect_code(0);
    assert_eq!(ran.stderr, "task t: 2 reports expected\n");
    let first_column: Vec<_> = ran
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(first_column, ["REPORT_ID", "r1", "r2"]);
    assert_eq!(
        server.only_call("/diag/execute").body,
        json!({ "host_list": ["h"], "time_range": [60, 80], "tree_list": ["slow"], "interval": 10 })
    );
    let progress_calls = server.calls("/diag/progress/get");
    assert_eq!(progress_calls.len(), 2);
    assert_eq!(progress_calls[0].body, json!({ "task_list": ["t"] }));
    assert_eq!(
        server.only_call("/diag/report/get_list").body,
        json!({ "task_id": "t", "sort": "start", "page": 1, "per_page": 1000 })
    );
}

#[tokio::test]
async fn a_platform_that_fails_for_a_moment_does_not_end_the_waiting() {
    let server = accepting();
    let mut asked = 0;
    server.answer_with("/diag/progress/get", move |_| {
        asked += 1;
        if asked == 1 {
            // Not an answer of a platform, as from a proxy in front of one that restarts.
            return json!("away");
        }
        json!({ "code": 200, "msg": "", "result": [{ "task_id": "t", "progress": 2 }] })
    });
    let ran = run(&server, &DIAG).await.expect_code(0);
    assert!(ran.stdout.contains("r2"));
}

#[tokio::test]
async fn without_waiting_the_task_is_printed() {
    let server = accepting();
    let mut arguments = DIAG.to_vec();
    arguments.push("--no-wait");
    let ran = run(&server, &arguments).await.expect_code(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("t\n", ""));
    assert_eq!(server.calls("/diag/progress/get"), []);

    arguments.extend(["--output", "json"]);
    let ran = run(&server, &arguments).await.expect_code(0);
    assert_eq!(ran.json()["expected_report_num"], 2);
}

#[tokio::test]
async fn the_future_is_not_diagnosed() {
    let server = accepting();
    let arguments = [
        "diag",
        "--host_list",
        "h",
        "--tree_list",
        "slow",
        "--end",
        "9999999999",
        "--no-wait",
    ];
    let mut arguments = arguments.to_vec();
    arguments.extend(["--start", "60"]);
    let ran = run(&server, &arguments).await.expect_code(0);
    assert!(
        ran.stderr.contains("the end lies in the future"),
        "{}",
        ran.stderr
    );
    let end = server.only_call("/diag/execute").body["time_range"][1].clone();
    assert!(end.as_i64().expect("number") < 9_999_999_999);
}

#[tokio::test]
async fn a_diagnosis_that_cannot_be_run_is_refused_with_advice() {
    let server = FakeServer::start();
    let refusal = json!({ "code": 1301, "msg": "Task execution failed: No valid host." });
    server.answer("/diag/execute", refusal);
    let ran = run(&server, &DIAG).await.expect_code(1);
    assert_eq!(
        ran.stderr,
        "error 1301: Task execution failed: No valid host.\nsee which hosts there are: aops host --action query\n"
    );
}

#[tokio::test]
async fn ctrl_c_stops_the_waiting_and_says_how_to_go_on() {
    let server = accepting();
    let (asked, mut was_asked) = mpsc::unbounded_channel();
    server.answer_with("/diag/progress/get", move |_| {
        let _ = asked.send(());
        json!({ "code": 200, "msg": "", "result": [{ "task_id": "t", "progress": 0 }] })
    });
    let child = aops(server.url(), &DIAG).spawn().expect("the program starts");
    was_asked.recv().await.expect("it waits");
    let pid = child.id().expect("it runs").to_string();
    let killed = std::process::Command::new("kill").args(["-INT", &pid]).status();
    assert!(killed.expect("there is a kill").success());
    let output = child.wait_with_output().await.expect("it ends");
    let ran = Ran::from(output).expect_code(130);
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr
            .ends_with("the diagnosis goes on. Its reports: aops report --action get --task_id t\n"),
        "{}",
        ran.stderr
    );
}
