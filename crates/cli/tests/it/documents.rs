//! `aops checkrule` and `aops faultree`.

use std::fs;

use aops_test_server::FakeServer;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Ran, run};

pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temp folder"))
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("written");
        path
    }

    fn read(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.path(name)).expect("there is such a file");
        serde_json::from_str(&text).expect("JSON")
    }
}

async fn add_rules(server: &FakeServer, path: &str) -> Ran {
    run(server, &["checkrule", "--action", "add", "--conf", path]).await
}

#[tokio::test]
async fn rules_travel_as_they_stand_in_the_file() {
    let server = FakeServer::start();
    let files = Files::new();
    let answer = json!({ "succeed_list": ["a"], "update_list": ["b"], "fail_list": [], "fail_reasons": [] });
    server.succeed("/check/rule/import", answer);
    let content = json!({ "check_items": [{ "check_item": "a", "not_known_here": 1 }] });
    let path = files.write("rules.json", &content.to_string());
    let ran = add_rules(&server, &path).await.expect_code(0);
    assert_eq!(ran.stdout, "added     a\nreplaced  b\n");
    assert_eq!(server.only_call("/check/rule/import").body, content);
}

#[tokio::test]
async fn what_is_refused_is_told_with_reason_and_place() {
    let server = FakeServer::start();
    let files = Files::new();
    let reason = json!({ "check_item": "b", "reason": "unexpected '>'", "line": 1, "column": 4 });
    let answer = json!({
        "code": 206, "msg": "partial succeed",
        "succeed_list": ["a"], "update_list": [], "fail_list": ["b"], "fail_reasons": [reason]
    });
    server.answer("/check/rule/import", answer.clone());
    let path = files.write("rules.json", r#"{"check_items":[]}"#);
    let ran = add_rules(&server, &path).await.expect_code(3);
    assert_eq!(ran.stdout, "added     a\n");
    assert_eq!(
        ran.stderr,
        "refused   b: unexpected '>' (line 1, column 4)\nerror 206: partial succeed\n"
    );

    let arguments = [
        "checkrule",
        "--action",
        "add",
        "--conf",
        &path,
        "--output",
        "json",
    ];
    let ran = run(&server, &arguments).await.expect_code(3);
    assert_eq!(
        ran.json(),
        json!({
            "code": 206, "msg": "partial succeed", "succeed_list": ["a"], "update_list": [], "fail_list": ["b"],
            "fail_reasons": [{ "check_item": "b", "reason": "unexpected '>'", "line": 1, "column": 4 }],
            "warnings": []
        })
    );
}

#[tokio::test]
async fn what_looks_wrong_is_told_and_is_no_failure() {
    let server = FakeServer::start();
    let files = Files::new();
    let warnings = json!([{ "check_item": "a", "reason": "always true", "line": 2, "column": 5 }]);
    let answer = json!({
        "succeed_list": ["a"], "update_list": [], "fail_list": [], "fail_reasons": [], "warnings": warnings
    });
    server.succeed("/check/rule/import", answer);
    let path = files.write("rules.json", r#"{"check_items":[]}"#);
    let ran = add_rules(&server, &path).await.expect_code(0);
    assert_eq!(ran.stdout, "added     a\n");
    assert_eq!(ran.stderr, "warning   a: always true (line 2, column 5)\n");

    let warnings = json!([{ "tree_name": "t", "reason": "'b' is not read", "line": null, "column": null }]);
    let answer = json!({
        "succeed_list": [], "update_list": ["t"], "fail_list": [], "fail_reasons": [], "warnings": warnings
    });
    server.succeed("/diag/tree/import", answer);
    let path = files.write("trees.json", r#"{"trees":[{"tree_name":"t"}]}"#);
    let ran = run(&server, &["faultree", "--action", "add", "--conf", &path])
        .await
        .expect_code(0);
    assert_eq!(ran.stderr, "warning   t: 'b' is not read\n");
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named() {
    let server = FakeServer::start();
    let files = Files::new();
    let missing = files.path("missing.json");
    let ran = add_rules(&server, &missing).await.expect_code(1);
    assert_eq!(
        ran.stderr,
        format!("error: cannot read {missing}: No such file or directory (os error 2)\n")
    );
    let broken = files.write("broken.json", "{\n \"check_items\": [,]}");
    let ran = add_rules(&server, &broken).await.expect_code(1);
    assert!(
        ran.stderr
            .contains("is not JSON: expected value at line 2 column 18"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn exported_rules_can_be_added_again() {
    let server = FakeServer::start();
    let files = Files::new();
    let rules = json!([{
        "check_item": "a", "data_list": [{ "name": "m", "type": "kpi" }], "condition": "$0 > 1",
        "plugin": "", "description": "d", "severity": "warning"
    }]);
    let answer = json!({ "total_count": 1, "total_page": 1, "check_items": rules });
    server.succeed("/check/rule/get", answer);
    let folder = files.path("");
    let arguments = [
        "checkrule",
        "--action",
        "get",
        "--check_items",
        "a",
        "--export",
        &folder,
    ];
    let ran = run(&server, &arguments).await.expect_code(0);
    assert!(ran.stderr.starts_with("1 rules written to "), "{}", ran.stderr);
    assert_eq!(files.read("check_rules.json"), json!({ "check_items": rules }));
    let call = server.only_call("/check/rule/get");
    assert_eq!(
        call.body,
        json!({ "check_items": ["a"], "page": 1, "per_page": 1000 })
    );

    let ran = run(&server, &["checkrule", "--action", "get"])
        .await
        .expect_code(0);
    assert_eq!(
        ran.stdout,
        "CHECK_ITEM  CONDITION  SEVERITY  ENABLED  DESCRIPTION\na           $0 > 1     warning   true     d\n"
    );
}

#[tokio::test]
async fn rules_are_deleted_by_name() {
    let server = FakeServer::start();
    server.succeed("/check/rule/delete", json!({}));
    let arguments = ["checkrule", "--action", "delete", "--check_items", "a,b"];
    let ran = run(&server, &arguments).await.expect_code(0);
    assert_eq!(ran.stdout, "deleted\n");
    let call = server.only_call("/check/rule/delete");
    assert_eq!(call.method, "DELETE");
    assert_eq!(call.body, json!({ "check_items": ["a", "b"] }));
}

#[tokio::test]
async fn a_bare_tree_is_named_by_the_option() {
    let server = FakeServer::start();
    let files = Files::new();
    let answer = json!({ "succeed_list": ["t"], "update_list": [], "fail_list": [], "fail_reasons": [] });
    server.succeed("/diag/tree/import", answer);
    let path = files.write("tree.json", r#"{"node name":"root","value":null}"#);
    let ran = run(&server, &["faultree", "--action", "add", "--conf", &path])
        .await
        .expect_code(2);
    assert!(
        ran.stderr.contains("name it with --tree_list NAME"),
        "{}",
        ran.stderr
    );

    let arguments = [
        "faultree",
        "--action",
        "add",
        "--conf",
        &path,
        "--tree_list",
        "t",
        "--description",
        "d",
    ];
    let ran = run(&server, &arguments).await.expect_code(0);
    assert_eq!(ran.stdout, "added     t\n");
    let tree = json!({ "node name": "root", "value": null });
    assert_eq!(
        server.only_call("/diag/tree/import").body,
        json!({ "trees": [{ "tree_name": "t", "tree_content": tree, "description": "d" }] })
    );
}

#[tokio::test]
async fn a_tree_that_is_refused_whole_is_told_with_its_reason() {
    let server = FakeServer::start();
    let files = Files::new();
    let reason = json!({ "tree_name": "t", "reason": "root: unknown name 'b'", "line": null, "column": 3 });
    server.answer(
        "/diag/tree/import",
        json!({
            "code": 1000, "msg": "request parameter error",
            "succeed_list": [], "update_list": [], "fail_list": ["t"], "fail_reasons": [reason]
        }),
    );
    let path = files.write("trees.json", r#"{"trees":[{"tree_name":"t"}]}"#);
    let ran = run(&server, &["faultree", "--action", "add", "--conf", &path])
        .await
        .expect_code(1);
    assert_eq!(
        ran.stderr,
        "refused   t: root: unknown name 'b' (column 3)\nerror 1000: request parameter error\n"
    );
}

#[tokio::test]
async fn exported_trees_can_be_added_again() {
    let server = FakeServer::start();
    let files = Files::new();
    let content = json!({ "node name": "root", "value": null, "zeta": 1, "alpha": 2 });
    let row = json!({ "tree_name": "t", "tree_content": content, "description": "d", "tag": [] });
    server.succeed("/diag/tree/get", json!({ "trees": [row] }));
    let path = files.path("out.json");
    let arguments = ["faultree", "--action", "get", "--export", &path];
    run(&server, &arguments).await.expect_code(0);
    assert_eq!(
        files.read("out.json"),
        json!({ "trees": [{ "tree_name": "t", "tree_content": content, "description": "d" }] })
    );
    let text = fs::read_to_string(&path).expect("there");
    assert!(
        text.find("zeta") < text.find("alpha"),
        "the order of keys is kept: {text}"
    );

    let ran = run(&server, &["faultree", "--action", "get"])
        .await
        .expect_code(0);
    assert_eq!(ran.stdout, "TREE_NAME  ROOT  DESCRIPTION\nt          root  d\n");
}

#[tokio::test]
async fn an_export_that_cannot_be_written_is_a_failure() {
    let server = FakeServer::start();
    let files = Files::new();
    server.succeed("/diag/tree/get", json!({ "trees": [] }));
    let path = files.path("no/such/folder.json");
    let arguments = ["faultree", "--action", "get", "--export", &path];
    let ran = run(&server, &arguments).await.expect_code(1);
    assert!(
        ran.stderr.starts_with(&format!("error: cannot write {path}: ")),
        "{}",
        ran.stderr
    );
}
