//! Accounts, grants, hosts, groups and the operation log: what is asked of the platform, what people see.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use aops_test_server::FakeServer;
use serde_json::{Value, json};

use crate::{run, run_with_input};

/// Runs a command that succeeds; gives back what the platform was asked, and what was printed.
async fn asked(route: &str, answer: Value, arguments: &[&str], input: &str) -> (Value, String) {
    let server = FakeServer::start();
    server.succeed(route, answer);
    let ran = run_with_input(&server, arguments, input).await.expect_code(0);
    (server.only_call(route).body, ran.stdout)
}

#[tokio::test]
async fn accounts_are_made_changed_and_listed() {
    let (body, printed) = asked(
        "/manage/account/add",
        json!({}),
        &[
            "account",
            "--action",
            "add",
            "--username",
            "bob",
            "--role",
            "admin",
            "--must-change",
            "False",
        ],
        "secret\n",
    )
    .await;
    assert_eq!(
        body,
        json!({ "username": "bob", "password": "secret", "role": "admin", "must_change": false })
    );
    assert_eq!(printed, "added     bob\n");

    let (body, printed) = asked(
        "/manage/account/role",
        json!({}),
        &[
            "account",
            "--action",
            "role",
            "--username",
            "bob",
            "--role",
            "user",
        ],
        "",
    )
    .await;
    assert_eq!(body, json!({ "username": "bob", "role": "user" }));
    assert_eq!(printed, "bob is user now\n");

    let (body, _) = asked(
        "/manage/account/reset",
        json!({}),
        &["account", "--action", "reset", "--username", "bob"],
        "new\n",
    )
    .await;
    assert_eq!(body, json!({ "username": "bob", "password": "new" }));

    let (_, printed) = asked(
        "/manage/account/logout_all",
        json!({}),
        &["account", "--action", "logout_all"],
        "",
    )
    .await;
    assert_eq!(printed, "logged out everywhere\n");

    let account = json!({
        "username": "bob", "role": "user", "created": 60, "last_login": null, "must_change": true, "host_count": 2
    });
    let (body, printed) = asked(
        "/manage/account/get",
        json!({ "total_count": 1, "total_page": 1, "account_infos": [account] }),
        &[
            "account",
            "--action",
            "query",
            "--sort",
            "last_login",
            "--direction",
            "desc",
        ],
        "",
    )
    .await;
    assert_eq!(
        body,
        json!({ "account_list": [], "sort": "last_login", "direction": "desc", "page": 1, "per_page": 1000 })
    );
    assert!(
        printed.ends_with("bob       user  1970-01-01 00:01:00+00:00  never       true         2\n"),
        "{printed}"
    );
}

#[tokio::test]
async fn what_is_done_in_part_is_told_name_by_name_and_exits_with_3() {
    let server = FakeServer::start();
    let answer = json!({
        "code": 206, "msg": "partial succeed", "succeed_list": ["bob"], "fail_list": ["eve"],
        "fail_reasons": [{ "name": "eve", "reason": "there is no such account" }]
    });
    server.answer("/manage/account/delete", answer.clone());
    let delete = ["account", "--action", "delete", "--account_list", "bob,eve"];
    // Nobody is there to be asked, and this is no command of the original.
    let ran = run(&server, &delete).await.expect_code(2);
    assert!(ran.stderr.contains("say --yes"), "{}", ran.stderr);
    assert_eq!(server.calls("/manage/account/delete"), []);

    let ran = run(&server, &[&delete[..], &["--yes"]].concat())
        .await
        .expect_code(3);
    assert_eq!(ran.stdout, "deleted   bob\n");
    assert_eq!(
        ran.stderr,
        "refused   eve: there is no such account\nerror 206: partial succeed\n"
    );
    let call = server.only_call("/manage/account/delete");
    assert_eq!(
        (call.method.as_str(), call.body),
        ("DELETE", json!({ "account_list": ["bob", "eve"] }))
    );
    let ran = run(&server, &[&delete[..], &["-y", "--output", "json"]].concat())
        .await
        .expect_code(3);
    assert_eq!(ran.json(), answer);
}

#[tokio::test]
async fn accesses_are_given_taken_and_listed() {
    let list = json!({ "succeed_list": ["1f"], "fail_list": [], "fail_reasons": [] });
    let (body, printed) = asked(
        "/manage/account/grant/add",
        list.clone(),
        &[
            "account",
            "--action",
            "grant",
            "--username",
            "bob",
            "--host_list",
            "1f",
            "--host_group_name",
            "web",
        ],
        "",
    )
    .await;
    assert_eq!(
        body,
        json!({ "username": "bob", "host_list": ["1f"], "host_group_name": "web" })
    );
    assert_eq!(printed, "granted   1f\n");
    let (body, printed) = asked(
        "/manage/account/grant/delete",
        list,
        &[
            "account",
            "--action",
            "revoke",
            "--username",
            "bob",
            "--host_list",
            "1f",
            "--yes",
        ],
        "",
    )
    .await;
    assert_eq!(body, json!({ "username": "bob", "host_list": ["1f"] }));
    assert_eq!(printed, "revoked   1f\n");
    let grant = json!({ "username": "bob", "host_id": "1f", "host_name": "web1", "host_group_name": "web" });
    let (body, printed) = asked(
        "/manage/account/grant/get",
        json!({ "total_count": 1, "total_page": 1, "grant_infos": [grant] }),
        &[
            "account",
            "--action",
            "grants",
            "--account_list",
            "bob",
            "--page",
            "1",
        ],
        "",
    )
    .await;
    assert_eq!(
        body,
        json!({ "account_list": ["bob"], "host_list": [], "page": 1, "per_page": 20 })
    );
    assert!(
        printed.ends_with("\nbob       1f       web1       web\n"),
        "{printed}"
    );
}

#[tokio::test]
async fn secrets_of_a_host_come_line_by_line() {
    let answer = json!({
        "host_list": ["1f"], "fail_list": [], "succeed_list": [{
            "host_id": "1f", "host_name": "web1", "host_group_name": "web", "public_ip": "::1", "ssh_port": 2222,
            "management": true, "reason": null
        }]
    });
    let arguments = [
        "host",
        "--action",
        "add",
        "--host_name",
        "web1",
        "--host_group_name",
        "web",
        "--public_ip",
        "::1",
        "--ssh_port",
        "2222",
        "--management",
        "true",
        "--username",
        "root",
    ];
    let (body, printed) = asked("/manage/host/add", answer, &arguments, "pass\nkey\n").await;
    assert_eq!(
        body,
        json!({ "key": "key", "host_list": [{
            "host_name": "web1", "host_group_name": "web", "public_ip": "::1", "ssh_port": 2222,
            "management": true, "username": "root", "password": "pass", "sudo_password": "pass"
        }] })
    );
    assert_eq!(printed, "added     1f  web1\n");
    let server = FakeServer::start();
    let ran = run_with_input(&server, &arguments, "pass\n").await.expect_code(2);
    assert!(
        ran.stderr.contains("no key: give one with AOPS_KEY"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn a_host_that_is_not_added_says_why() {
    let server = FakeServer::start();
    let answer = json!({
        "code": 1105, "msg": "data has existed", "host_list": [], "succeed_list": [], "fail_list": [{
            "host_id": null, "host_name": "web1", "host_group_name": "web", "public_ip": "10.0.0.1", "ssh_port": 22,
            "management": false, "reason": "you have it already"
        }]
    });
    server.answer("/manage/host/add", answer);
    let arguments = [
        "host",
        "--action",
        "add",
        "--host_name",
        "web1",
        "--host_group_name",
        "web",
        "--public_ip",
        "10.0.0.1",
        "--username",
        "root",
        "--password",
        "p",
        "--key",
        "k",
    ];
    let ran = run(&server, &arguments).await.expect_code(1);
    assert_eq!(
        ran.stderr,
        "refused   web1: you have it already\nerror 1105: data has existed\n"
    );
}

#[tokio::test]
async fn a_host_is_modified() {
    let modify = ["host", "--action", "modify", "--host_id", "1f"];
    let (body, printed) = asked(
        "/manage/host/modify",
        json!({}),
        &[&modify[..], &["--host_name", "web2", "--revision", "4"]].concat(),
        "",
    )
    .await;
    assert_eq!(
        body,
        json!({ "host_id": "1f", "host_name": "web2", "revision": 4 })
    );
    assert_eq!(printed, "modified  1f\n");
    let (body, _) = asked(
        "/manage/host/modify",
        json!({}),
        &[&modify[..], &["--username", "root"]].concat(),
        "p\nk\n",
    )
    .await;
    assert_eq!(
        body,
        json!({ "host_id": "1f", "username": "root", "password": "p", "sudo_password": "p", "key": "k" })
    );
}

#[tokio::test]
async fn facts_of_hosts_are_shown_and_merged() {
    let server = FakeServer::start();
    let host = |id: &str| {
        json!({
            "host_id": id, "host_name": format!("host {id}"), "host_group_name": "web", "public_ip": "10.0.0.1",
            "ssh_port": 22, "management": false, "status": "online", "revision": 1
        })
    };
    let hosts = json!({ "total_count": 2, "total_page": 1, "host_infos": [host("b"), host("a")] });
    server.succeed("/manage/host/get", hosts);
    let detail = |id: &str, collected: Option<i64>| {
        let os = json!({ "name": "openEuler 20.09", "kernel_version": "4.19", "bios_verison": "1.8" });
        let cpu = json!({ "architecture": "aarch64", "core_count": 64, "model_name": "Kunpeng-920" });
        let memory = json!({ "size": "64 GB", "total": 1, "info": [{ "size": "64 GB", "type": "DDR4" }] });
        let mut row = host(id);
        row["infos"] =
            json!({ "os": os, "cpu": cpu, "memory": memory, "disks": [{ "name": "sda", "size": "480 GB" }] });
        (row["os"], row["cpu"], row["memory"]) = (os, cpu, memory);
        row["collected"] = json!(collected);
        row
    };
    // In another order than asked.
    let infos = json!({ "host_infos": [detail("a", None), detail("b", Some(60))] });
    server.succeed("/manage/host/info/query", infos);
    let query = ["host", "--action", "query", "--verbose"];
    let ran = run(&server, &query).await.expect_code(0);
    assert_eq!(
        ran.stdout,
        "b  host b, in web, 10.0.0.1 port 22, online\n  \
           system   openEuler 20.09, kernel 4.19, BIOS 1.8\n  \
           cpu      aarch64, Kunpeng-920, 64 processors\n  \
           memory   64 GB\n           64 GB, DDR4\n  \
           disk     sda, 480 GB\n  \
           as of    1970-01-01 00:01:00+00:00\n\
         \n\
         a  host a, in web, 10.0.0.1 port 22, online\n  \
           no agent has told anything about it yet\n\n"
    );
    assert_eq!(
        server.only_call("/manage/host/info/query").body,
        json!({ "host_list": ["b", "a"] })
    );
    let ran = run(&server, &[&query[..], &["True", "--output", "json"]].concat())
        .await
        .expect_code(0);
    assert_eq!(
        ran.json()["host_infos"][0]["infos"]["os"]["kernel_version"],
        "4.19"
    );
}

#[tokio::test]
async fn an_inventory_is_for_its_owner_alone_and_stays_in_its_folder() {
    let server = FakeServer::start();
    let files = json!([
        { "path": "hosts.yml", "content": "all: {}\n" },
        { "path": "group_vars/all/vault.yml", "content": "$ANSIBLE_VAULT;1.1;AES256\n" },
    ]);
    server.succeed("/manage/host/inventory/export", json!({ "files": files }));
    let folder = tempfile::tempdir().expect("a folder");
    let inventory = folder.path().join("inventory");
    let shown = inventory.to_str().expect("UTF-8");
    let arguments = [
        "host",
        "--action",
        "export-inventory",
        "--key",
        "k",
        "--export",
        shown,
    ];
    run(&server, &arguments).await.expect_code(0);
    run(&server, &arguments).await.expect_code(0);
    let vault = inventory.join("group_vars/all/vault.yml");
    assert_eq!(
        fs::read_to_string(&vault).expect("written"),
        "$ANSIBLE_VAULT;1.1;AES256\n"
    );
    let mode = |path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&vault), mode(&inventory)), (0o600, 0o700));

    let files = json!([{ "path": "../evil", "content": "" }]);
    server.succeed("/manage/host/inventory/export", json!({ "files": files }));
    run(&server, &arguments).await.expect_code(1);
    assert!(!folder.path().join("evil").exists());
}

#[tokio::test]
async fn groups_are_added_modified_deleted_and_listed() {
    let (body, printed) = asked(
        "/manage/host/group/modify",
        json!({}),
        &[
            "group",
            "--action",
            "modify",
            "--host_group_name",
            "web",
            "--new_name",
            "www",
        ],
        "",
    )
    .await;
    assert_eq!(body, json!({ "host_group_name": "web", "new_name": "www" }));
    assert_eq!(printed, "modified  web\n");
    let group = json!({ "host_group_name": "web", "description": "", "host_count": 3 });
    let (_, printed) = asked(
        "/manage/host/group/get",
        json!({ "total_count": 1, "total_page": 1, "host_group_infos": [group] }),
        &["group", "--action", "query"],
        "",
    )
    .await;
    assert_eq!(
        printed,
        "HOST_GROUP_NAME  HOST_COUNT  DESCRIPTION\nweb              3\n"
    );

    let server = FakeServer::start();
    let answer = json!({ "code": 1106, "msg": "delete fail for it has dependency: web", "deleted": ["db"] });
    server.answer("/manage/host/group/delete", answer);
    let ran = run(
        &server,
        &["group", "--action", "delete", "--host_group_list", "web,db"],
    )
    .await
    .expect_code(1);
    assert_eq!(ran.stdout, "deleted   db\n");
    assert!(
        ran.stderr.starts_with("refused   web\nerror 1106"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn the_operation_log_is_listed() {
    let entry = json!({
        "audit_id": 1, "time": 60, "username": "admin", "address": "10.0.0.9", "action": "host.add",
        "detail": { "host_name": "web1" }, "outcome": 200, "message": "", "request_id": "r"
    });
    let (body, printed) = asked(
        "/manage/audit/get",
        json!({ "total_count": 1, "total_page": 1, "audit_infos": [entry] }),
        &["audit", "--account_list", "admin", "--action_list", "host.add"],
        "",
    )
    .await;
    assert_eq!(
        body,
        json!({
            "time_range": [], "account_list": ["admin"], "action_list": ["host.add"], "page": 1, "per_page": 1000
        })
    );
    assert!(
        printed.ends_with("admin     10.0.0.9  host.add  200      {\"host_name\":\"web1\"}\n"),
        "{printed}"
    );
}

#[tokio::test]
async fn what_there_is_is_counted() {
    let stat = |field| ["stat", "--action", "count", "--field", field];
    let (_, printed) = asked(
        "/manage/host/count",
        json!({ "host_count": 3 }),
        &stat("host"),
        "",
    )
    .await;
    assert_eq!(printed, "HOST_COUNT\n3\n");
    let (_, printed) = asked(
        "/check/rule/count",
        json!({ "rule_count": 2 }),
        &stat("check_rule"),
        "",
    )
    .await;
    assert_eq!(printed, "RULE_COUNT\n2\n");
    let rows = json!([{ "host_id": "1f", "count": 7 }]);
    let answer = json!({ "total_count": 1, "total_page": 1, "results": rows });
    let (_, printed) = asked("/check/result/count", answer, &stat("check_result"), "").await;
    assert_eq!(printed, "HOST_ID  COUNT\n1f       7\n");
}
