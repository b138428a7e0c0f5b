//! What is wrong with a call before the platform is asked.

use aops_test_server::FakeServer;
use serde_json::json;

use crate::{Ran, aops, run};

#[tokio::test]
async fn a_wrong_use_exits_with_2_and_names_the_option() {
    let server = FakeServer::start();
    for (arguments, part) in [
        (&["host"][..], "--action"),
        (&["host", "--action", "fly"], "fly"),
        (&["account", "--action", "login"], "--username"),
        (&["account", "--action", "role", "--username", "u"], "--role"),
        (
            &["account", "--action", "grant", "--username", "u"],
            "--host_list",
        ),
        (&["host", "--action", "add", "--host_name", "h"], "--public_ip"),
        (&["host", "--action", "delete"], "--host_list"),
        (
            &["host", "--action", "modify", "--host_list", "a"],
            "nothing to modify",
        ),
        (
            &[
                "host",
                "--action",
                "modify",
                "--host_list",
                "a,b",
                "--host_name",
                "c",
            ],
            "one id",
        ),
        (&["host", "--action", "export-inventory"], "--export"),
        (&["group", "--action", "add"], "--host_group_name"),
        (
            &["group", "--action", "modify", "--host_group_name", "g"],
            "nothing to modify",
        ),
        (&["group", "--action", "delete"], "--host_group_list"),
        (&["stat", "--action", "count"], "--field"),
        (&["completion", "tcsh"], "tcsh"),
        (&["manpage"], "--dir"),
        (&["checkrule", "--action", "add"], "--conf"),
        (&["checkrule", "--action", "convert"], "--conf"),
        (&["checkrule", "--action", "delete"], "--check_items"),
        (
            &["checkrule", "--action", "delete", "--check_items", " , "],
            "--check_items is empty",
        ),
        (&["faultree", "--action", "delete"], "--tree_list"),
        (&["report", "--action", "delete"], "--report_list"),
        (&["diag", "--host_list", "h"], "--tree_list"),
        (
            &["diag", "--host_list", "h", "--tree_list", "t", "--interval", "0"],
            "--interval",
        ),
        (&["check", "--per_page", "1001"], "--per_page"),
        (
            &["check", "--start", "tomorrow"],
            "--start: 'tomorrow' is not a time",
        ),
        (&["check", "--start", "20", "--end", "10"], "is after the end"),
        (
            &["host", "--action", "query", "--management", "perhaps"],
            "expected True or False",
        ),
        (&["check", "--colour"], "--colour"),
    ] {
        let ran = run(&server, arguments).await.expect_code(2);
        assert!(ran.stderr.contains(part), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[tokio::test]
async fn a_server_must_be_a_url() {
    for server in ["localhost:8080", "ftp://a", "http://", "https://", ""] {
        let output = aops(server, &["check"])
            .output()
            .await
            .expect("the program starts");
        let ran = Ran::from(output).expect_code(2);
        assert!(ran.stderr.contains("--server"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn a_platform_that_is_away_is_named() {
    // Nothing listens on the discard port of the loopback.
    let output = aops("http://127.0.0.1:9", &["check"]).output().await;
    let ran = Ran::from(output.expect("the program starts")).expect_code(5);
    assert!(
        ran.stderr.starts_with("error 1001: restful connection error: "),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains(
            "no answer from http://127.0.0.1:9: is the platform running there? Start it (aops-standalone)"
        ),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn a_server_that_is_no_platform_is_named() {
    let server = FakeServer::start();
    let ran = run(&server, &["check"]).await.expect_code(1);
    assert!(ran.stderr.contains("answered HTTP 404"), "{}", ran.stderr);
    assert!(ran.stderr.contains("is an A-Ops platform"), "{}", ran.stderr);
}

#[tokio::test]
async fn help_is_complete() {
    let server = FakeServer::start();
    let ran = run(&server, &["--help"]).await.expect_code(0);
    for part in [
        "AOPS_SERVER",
        "--access_token",
        "Exit codes",
        "faultree",
        "http://127.0.0.1:8080]",
        "AOPS_PROFILE",
        "--no-pager",
    ] {
        assert!(ran.stdout.contains(part), "{part}");
    }
    for (command, part) in [
        ("account", "prints the platform's answer as JSON instead"),
        ("certificate", "for this session"),
        ("profile", "one profile per server"),
        ("group", "Groups of hosts"),
        ("stat", "how many anomalies each host has"),
        ("audit", "who changed what"),
        ("host", "with their ids"),
        ("check", "Shown with them is where a rule had no data"),
        ("checkrule", "What --export writes can be added again"),
        ("checkrule", "need neither a platform nor a token"),
        ("faultree", "either one tree"),
        ("diag", "each host, tree and slice yields one report"),
        ("report", "shows reports whole"),
    ] {
        let ran = run(&server, &[command, "--help"]).await.expect_code(0);
        assert!(ran.stdout.contains("Usage: aops "), "{}", ran.stdout);
        let words: Vec<&str> = ran.stdout.split_whitespace().collect();
        assert!(words.join(" ").contains(part), "{}", ran.stdout);
    }
}

#[tokio::test]
async fn a_secret_of_the_environment_is_not_shown_by_help() {
    let output = aops("http://127.0.0.1:9", &["account", "--help"])
        .env("AOPS_ACCESS_TOKEN", "hidden token")
        .env("AOPS_PASSWORD", "hidden password")
        .output()
        .await
        .expect("the program starts");
    let ran = Ran::from(output).expect_code(0);
    assert!(ran.stdout.contains("AOPS_PASSWORD"));
    assert!(!ran.stdout.contains("hidden"), "{}", ran.stdout);
}

#[tokio::test]
async fn hyphens_do_as_well_as_underscores() {
    let server = FakeServer::start();
    let payload = json!({ "total_count": 0, "total_page": 0, "check_result": [] });
    server.succeed("/check/result/get", payload);
    for (items, hosts) in [("--check_items", "--host_list"), ("--check-items", "--host-list")] {
        run(&server, &["check", items, "a,b", hosts, "h"])
            .await
            .expect_code(0);
    }
    let calls = server.calls("/check/result/get");
    for call in &calls {
        assert_eq!(call.body["check_items"], json!(["a", "b"]));
        assert_eq!(call.body["host_list"], json!(["h"]));
    }
    assert_eq!(calls.len(), 2);
}
