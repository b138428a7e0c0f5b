//! Lists longer than a page, in every form.

use aops_test_server::FakeServer;
use serde_json::{Value, json};

use crate::{Ran, run};

const COUNT: i64 = 10_000;
const QUERY: [&str; 3] = ["group", "--action", "query"];

fn group(number: i64) -> Value {
    json!({ "host_group_name": format!("group {number}"), "description": "", "host_count": number })
}

/// Groups 1 to [`COUNT`], page by page; the last pages may fail.
fn server(failing_page: i64) -> FakeServer {
    let server = FakeServer::start();
    server.answer_with("/manage/host/group/get", move |call| {
        let field = |name: &str| call.body[name].as_i64().expect("a number");
        let (page, per_page) = (field("page"), field("per_page"));
        if page == failing_page {
            return json!({ "code": 1101, "msg": "connect to database error" });
        }
        let first = (page - 1) * per_page + 1;
        let last = (first + per_page - 1).min(COUNT);
        let rows: Vec<Value> = (first..=last).map(group).collect();
        json!({
            "code": 200, "msg": "operation succeed", "total_count": COUNT, "total_page": COUNT / per_page,
            "host_group_infos": rows
        })
    });
    server
}

fn rows_of(answer: &Value) -> &[Value] {
    answer["host_group_infos"].as_array().expect("rows")
}

#[tokio::test]
async fn ten_thousand_rows_are_fetched_page_by_page() {
    let server = server(0);
    let ran = run(&server, &QUERY).await.expect_code(0);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 10_001);
    assert!(lines[10_000].starts_with("group 10000"), "{}", lines[10_000]);
    assert_eq!(ran.stderr, "");
    let calls = server.calls("/manage/host/group/get");
    assert_eq!(calls.len(), 10);
    assert!(calls.iter().all(|call| call.body["per_page"] == 1_000));
}

#[tokio::test]
async fn as_json_all_pages_are_one_answer() {
    let server = server(0);
    let ran = run(&server, &[&QUERY[..], &["--output", "json"]].concat())
        .await
        .expect_code(0);
    let answer = ran.json();
    assert_eq!(
        (&answer["code"], &answer["total_count"], &answer["total_page"]),
        (&json!(200), &json!(COUNT), &json!(1))
    );
    assert_eq!(rows_of(&answer).len(), 10_000);
    assert_eq!(rows_of(&answer)[9_999], group(10_000));
}

#[tokio::test]
async fn as_yaml_it_is_the_same_answer() {
    let server = server(0);
    let ran = run(&server, &[&QUERY[..], &["--output", "yaml"]].concat())
        .await
        .expect_code(0);
    assert!(
        ran.stdout.starts_with(
            "code: 200\nmsg: operation succeed\ntotal_count: 10000\ntotal_page: 1\nhost_group_infos:\n"
        ),
        "{}",
        &ran.stdout[..200]
    );
    let answer = read_yaml(&ran);
    assert_eq!(rows_of(&answer).len(), 10_000);
    assert_eq!(rows_of(&answer)[9_999], group(10_000));

    let empty = FakeServer::start();
    let payload = json!({ "total_count": 0, "total_page": 0, "host_group_infos": [] });
    empty.succeed("/manage/host/group/get", payload.clone());
    let ran = run(&empty, &[&QUERY[..], &["--output", "yaml"]].concat())
        .await
        .expect_code(0);
    assert_eq!(read_yaml(&ran)["host_group_infos"], json!([]));
    let ran = run(&empty, &[&QUERY[..], &["--output", "json"]].concat())
        .await
        .expect_code(0);
    assert_eq!(ran.json()["host_group_infos"], json!([]));
}

fn read_yaml(ran: &Ran) -> Value {
    serde_saphyr::from_str(&ran.stdout).expect("YAML")
}

#[tokio::test]
async fn a_page_that_was_asked_for_is_the_only_one() {
    let server = server(0);
    let ran = run(
        &server,
        &[&QUERY[..], &["--page", "2", "--per_page", "50"]].concat(),
    )
    .await
    .expect_code(0);
    assert_eq!(ran.stdout.lines().count(), 51);
    assert_eq!(ran.stderr, "50 of 10000; see more with --page and --per_page\n");
    assert_eq!(server.calls("/manage/host/group/get").len(), 1);
}

#[tokio::test]
async fn a_page_that_fails_fails_the_command_and_leaves_nothing_that_looks_whole() {
    let server = server(3);
    let ran = run(&server, &QUERY).await.expect_code(5);
    assert_eq!(ran.stdout.lines().count(), 2_001);
    assert!(ran.stderr.starts_with("error 1101: "), "{}", ran.stderr);
    let ran = run(&server, &[&QUERY[..], &["--output", "json"]].concat())
        .await
        .expect_code(5);
    serde_json::from_str::<Value>(&ran.stdout).expect_err("cut short");
}

#[tokio::test]
async fn a_refusal_is_a_whole_answer() {
    let server = FakeServer::start();
    let refusal = json!({ "code": 1201, "msg": "the session is invalid" });
    server.answer("/manage/host/group/get", refusal.clone());
    let ran = run(&server, &[&QUERY[..], &["--output", "json"]].concat())
        .await
        .expect_code(4);
    assert_eq!(ran.json(), refusal);
}
