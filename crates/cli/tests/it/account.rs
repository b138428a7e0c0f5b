//! `aops account`.

use aops_test_server::FakeServer;
use serde_json::json;

use crate::{aops, run, run_with_input};

const LOGIN: [&str; 5] = ["account", "--action", "login", "--username", "admin"];

#[tokio::test]
async fn a_login_prints_the_answer_as_json() {
    let server = FakeServer::start();
    server.succeed("/manage/account/login", json!({ "access_token": "t" }));
    let mut arguments = LOGIN.to_vec();
    arguments.extend(["--password", "p"]);
    let ran = run(&server, &arguments).await.expect_code(0);
    assert_eq!(
        ran.json(),
        json!({
            "code": 200, "msg": "operation succeed", "access_token": "t", "must_change": false, "expires": 0
        })
    );
    let call = server.only_call("/manage/account/login");
    assert_eq!(call.body, json!({ "username": "admin", "password": "p" }));
}

#[tokio::test]
async fn a_password_comes_from_the_environment_or_from_standard_input() {
    let server = FakeServer::start();
    server.succeed("/manage/account/login", json!({ "access_token": "t" }));
    let output = aops(server.url(), &LOGIN)
        .env("AOPS_PASSWORD", "from environment")
        .output()
        .await
        .expect("the program starts");
    assert!(output.status.success());
    run_with_input(&server, &LOGIN, "from input \nrest\n")
        .await
        .expect_code(0);
    let passwords: Vec<_> = server
        .calls("/manage/account/login")
        .into_iter()
        .map(|call| call.body["password"].clone())
        .collect();
    assert_eq!(passwords, ["from environment", "from input "]);
}

#[tokio::test]
async fn without_a_password_nothing_is_asked_of_the_platform() {
    let server = FakeServer::start();
    let ran = run(&server, &LOGIN).await.expect_code(2);
    assert!(
        ran.stderr.contains("no password: give one with AOPS_PASSWORD"),
        "{}",
        ran.stderr
    );
    assert_eq!(server.calls("/manage/account/login"), []);
}

#[tokio::test]
async fn a_refused_login_fails_with_code_message_and_advice() {
    let server = FakeServer::start();
    let refusal = json!({ "code": 1200, "msg": "incorrect username or password" });
    server.answer("/manage/account/login", refusal);
    let ran = run_with_input(&server, &LOGIN, "wrong\n").await.expect_code(4);
    assert_eq!(ran.stdout, "");
    assert!(
        ran.stderr
            .starts_with("error 1200: incorrect username or password\ncheck the user name"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn the_token_comes_from_the_option_or_from_the_environment() {
    let server = FakeServer::start();
    server.succeed("/manage/account/logout", json!({}));
    let arguments = ["account", "--action", "logout", "--access_token", "from option"];
    let ran = run(&server, &arguments).await.expect_code(0);
    assert_eq!(ran.stdout, "logged out\n");
    let output = aops(server.url(), &arguments[..3])
        .env("AOPS_ACCESS_TOKEN", "from environment")
        .output()
        .await
        .expect("the program starts");
    assert!(output.status.success());
    let tokens: Vec<_> = server
        .calls("/manage/account/logout")
        .into_iter()
        .map(|call| call.headers["access-token"].clone())
        .collect();
    assert_eq!(tokens, ["from option", "from environment"]);
}

#[tokio::test]
async fn a_password_is_changed() {
    let server = FakeServer::start();
    server.succeed("/manage/account/change", json!({}));
    let arguments = ["account", "--action", "change", "--access-token", "t"];
    let ran = run_with_input(&server, &arguments, "new\n").await.expect_code(0);
    assert_eq!(ran.stdout, "password changed\n");
    let call = server.only_call("/manage/account/change");
    assert_eq!(call.body, json!({ "password": "new" }));
    assert_eq!(call.headers["access-token"], "t");
}

#[tokio::test]
async fn every_refusal_says_what_to_do_next() {
    let server = FakeServer::start();
    for (code, exit_code, msg, advice) in [
        (
            1201,
            4,
            "the session is invalid",
            "log in: aops account --action login --username NAME",
        ),
        (
            1203,
            4,
            "missing or invalid vault password, please certificate the vault password",
            "open the vault of the hosts' credentials for this session: aops certificate",
        ),
        (
            1204,
            4,
            "please change the default password or you can not use",
            "change the first password: aops account --action change",
        ),
        (
            1106,
            1,
            "delete fail for it has dependency",
            "take out what is in it first",
        ),
        (
            1001,
            5,
            "restful connection error: Connection refused",
            "its log says more",
        ),
    ] {
        server.answer("/manage/host/get", json!({ "code": code, "msg": msg }));
        let ran = run(&server, &["host", "--action", "query"])
            .await
            .expect_code(exit_code);
        assert!(
            ran.stderr.starts_with(&format!("error {code}: {msg}\n")),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(advice), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}
