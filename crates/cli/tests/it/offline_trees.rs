//! `aops faultree` without a platform: check, test, convert; and workbooks that are added.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use aops_test_server::FakeServer;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Ran, aops, run};

/// Nothing listens on the discard port: whoever asks a platform fails.
const NO_SERVER: &str = "http://127.0.0.1:9";

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temp folder"))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, content: &Value) -> String {
        let path = self.path(name);
        fs::write(&path, content.to_string()).expect("written");
        path
    }

    fn read(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.path(name)).expect("there is such a file");
        serde_json::from_str(&text).expect("JSON")
    }
}

async fn faultree(arguments: &[&str]) -> Ran {
    let mut all = vec!["faultree", "--action"];
    all.extend_from_slice(arguments);
    let output: Output = aops(NO_SERVER, &all).output().await.expect("the program starts");
    output.into()
}

/// A file of the fault-tree crate's tests.
fn fixture(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fault-tree/tests/data");
    folder.join(name).display().to_string()
}

fn leaf(name: &str) -> Value {
    json!({ "node name": name, "value": null, "check item": name })
}

fn tree(condition: &str) -> Value {
    json!({
        "node name": "host is slow", "value": null, "condition": condition, "advice": "restart it",
        "children": [leaf("cpu"), leaf("ram"), leaf("disk")]
    })
}

/// Specification H.4 row 40, by the program.
#[tokio::test]
async fn the_fixture_is_diagnosed_to_the_letter() {
    let files = Files::new();
    let row =
        |number: u8, value: &str| json!({ "check_item": format!("check_item{number}"), "value": value });
    let results = files.write(
        "results.json",
        &json!([
            row(1, "Abnormal"),
            row(3, "Abnormal"),
            row(6, "Abnormal"),
            row(9, "Abnormal"),
            row(5, "No data"),
            row(8, "No data"),
            row(7, "Internal error"),
            row(2, "Normal"),
        ]),
    );
    let conf = fixture("tree_example.json");
    let ran = faultree(&["test", "--conf", &conf, "--results", &results])
        .await
        .expect_code(0);
    let expected = fs::read_to_string(fixture("tree_example_diagnosed.json")).expect("there");
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    // As text, so that the order of the keys counts.
    assert_eq!(ran.json().to_string(), expected.to_string());
    assert_eq!(ran.stderr, "");
}

#[tokio::test]
async fn an_outcome_is_explained() {
    let files = Files::new();
    let mut content = tree("cpu && disks");
    content["children"][2] = json!({
        "node name": "disks", "value": null, "for each": "device", "condition": "disk", "children": [leaf("disk")]
    });
    content["condition"] = json!("(cpu && disks) || ram");
    let conf = files.write("trees.json", &json!({ "trees": [
        { "tree_name": "slow", "tree_content": content }, { "tree_name": "other", "tree_content": tree("cpu||ram||disk") }
    ] }));
    let disk = |name: &str, value: &str| json!({ "check_item": "disk", "value": value, "labels": { "device": name } });
    let results = files.write(
        "results.json",
        &json!([{ "check_item": "cpu", "value": "Abnormal", "reason": "" }, disk("sda", "Normal"), disk("sdb", "Abnormal")]),
    );
    let arguments = ["test", "--conf", &conf, "--results", &results];
    let ran = faultree(&arguments).await.expect_code(2);
    assert!(
        ran.stderr.contains("pick one with --tree_list NAME"),
        "{}",
        ran.stderr
    );

    let ran = faultree(&[&arguments[..], &["--tree_list", "slow", "--explain"]].concat())
        .await
        .expect_code(0);
    assert_eq!(
        ran.stdout,
        "[x] host is slow\n\
         ├─ [x] cpu   cpu\n\
         │      Abnormal\n\
         ├─ [ ] ram   ram\n\
         └─ [x] disks   any of 2, for each device\n\
         \u{20}  ├─ [x] disks [sdb]\n\
         \u{20}  │  └─ [x] disk   disk\n\
         \u{20}  │         Abnormal {device=\"sdb\"}\n\
         \u{20}  └─ [ ] disks [sda]\n\
         \u{20}     └─ [ ] disk   disk\n\
         [x] true   [ ] false   [?] without data, counts as false   [~] false for lack of data   [!] true for lack of data\n\
         \n\
         cause: host is slow / disks / disks [sdb]\n\
         advice: restart it\n"
    );
    assert_eq!(ran.stderr, "");

    let json = [
        &arguments[..],
        &["--tree_list", "slow", "--explain", "--output", "json"],
    ]
    .concat();
    let explained = faultree(&json).await.expect_code(0).json();
    assert_eq!(explained["report"]["value"], true);
    assert_eq!(explained["explanation"]["leaves"][0]["source"], "given");
    assert_eq!(explained["explanation"]["leaves"][0]["contributes"], true);
    assert_eq!(explained["explanation"]["leaves"][1]["contributes"], false);
}

#[tokio::test]
async fn a_refused_tree_is_told_like_a_compiler_does() {
    let files = Files::new();
    let mut content = tree("cpu || rm && disk");
    content["children"][2]["value"] = json!("x");
    let conf = files.write("tree.json", &content);
    let results = files.write("results.json", &json!([]));
    let ran = faultree(&["test", "--conf", &conf, "--results", &results])
        .await
        .expect_code(2);
    assert_eq!(ran.stdout, "");
    assert_eq!(
        ran.stderr,
        format!(
            "error: host is slow: condition names \"rm\", but the children are \"cpu\", \"ram\", \"disk\"; did you mean \
             \"ram\"?\n  --> {conf}, condition, column 8\n   | cpu || rm && disk\n   |        ^\n\
             error: host is slow / disk: \"value\" must be null, true or false\n  --> {conf}\n\
             error: the tree is refused: 2 errors\n"
        )
    );
}

#[tokio::test]
async fn warnings_do_not_refuse() {
    let files = Files::new();
    let conf = files.write("tree.json", &tree("cpu || ram && disk"));
    let rule =
        |name: &str| json!({ "check_item": name, "data_list": [{ "name": name }], "condition": "$0 > 1" });
    let rules = files.write(
        "rules.json",
        &json!({ "check_items": [rule("cpu"), rule("rams"), rule("disk")] }),
    );
    let ran = faultree(&["check", "--conf", &conf, "--rules", &rules])
        .await
        .expect_code(0);
    assert_eq!(ran.stdout, "valid     tree\n");
    assert_eq!(
        ran.stderr,
        format!(
            "warning: host is slow: the condition mixes \"&&\" and \"||\" without parentheses; it is read from left to \
             right: (cpu || ram) && disk\n  --> {conf}\n\
             warning: host is slow / ram: there is no rule \"ram\": until there is one, this leaf is without data; did \
             you mean \"rams\"?\n  --> {conf}\n"
        )
    );
}

#[tokio::test]
async fn programs_are_told_of_refused_trees_and_warnings() {
    let files = Files::new();
    let conf = files.write(
        "trees.json",
        &json!({ "trees": [
            { "tree_name": "odd", "tree_content": tree("cpu || ram || disk &&") },
            { "tree_name": "wrong", "tree_content": tree("cpu || rm") },
        ] }),
    );
    let ran = faultree(&["check", "--conf", &conf, "--output", "json"])
        .await
        .expect_code(2);
    let trees = &ran.json()["trees"];
    assert_eq!(
        (&trees[0]["valid"], &trees[1]["valid"]),
        (&json!(true), &json!(false))
    );
    let warning = trees[0]["warnings"][0]["reason"].as_str().expect("a reason");
    assert!(
        warning.ends_with("it is read as: cpu || ram || disk"),
        "{warning}"
    );
    assert_eq!(trees[1]["errors"][0]["column"], 8);

    let none = files.write("none.json", &json!({ "trees": [] }));
    let ran = faultree(&["convert", "--conf", &none, "--export", &files.path("out.json")])
        .await
        .expect_code(1);
    assert!(ran.stderr.contains("it holds no tree"), "{}", ran.stderr);
}

#[tokio::test]
async fn coverage_is_told_for_each_host() {
    let files = Files::new();
    let conf = files.write("tree.json", &tree("(cpu || ram) && disk"));
    let rule =
        |name: &str| json!({ "check_item": name, "data_list": [{ "name": name }], "condition": "$0 > 1" });
    let rules = files.write(
        "rules.json",
        &json!({ "check_items": [rule("cpu"), rule("ram"), rule("disk")] }),
    );
    let series = |name: &str| json!({ "name": name, "type": "kpi", "label": {}, "values": [[1, "2"]] });
    let data = files.write(
        "data.json",
        &json!({ "10.0.0.1": [series("cpu"), series("disk")], "10.0.0.2": [series("cpu"), series("ram")] }),
    );
    let arguments = ["check", "--conf", &conf, "--rules", &rules, "--data", &data];
    let ran = faultree(&arguments).await.expect_code(0);
    assert_eq!(
        ran.stdout,
        "valid     tree\n\
         \u{20} host 10.0.0.1: 2 of 3 leaves can be true; a cause can be found\n\
         \u{20}   blind       host is slow / ram: the host has no series \"ram\"\n\
         \u{20} host 10.0.0.2: 2 of 3 leaves can be true; no cause can ever be found\n\
         \u{20}   never true  host is slow\n\
         \u{20}   blind       host is slow / disk: the host has no series \"disk\"\n"
    );
    let json = faultree(&[&arguments[..], &["--output", "json"]].concat())
        .await
        .expect_code(0)
        .json();
    assert_eq!(json["trees"][0]["coverage"][1]["can_find_cause"], false);
}

#[tokio::test]
async fn input_that_cannot_be_read_exits_with_1_and_the_position() {
    let files = Files::new();
    let conf = files.write("tree.json", &tree("cpu || ram || disk"));
    let results = files.write("results.json", &json!([{ "check_item": "cpu", "value": "bad" }]));
    let ran = faultree(&["test", "--conf", &conf, "--results", &results])
        .await
        .expect_code(1);
    assert_eq!(
        ran.stderr,
        format!(
            "error: {results}: result 1: the value \"bad\" is none of \"Abnormal\", \"No data\", \"Internal error\", \
             \"Normal\"\n"
        )
    );
    let half = files.path("half.json");
    fs::write(&half, "{\"node name\": \"root\",\n \"val").expect("written");
    let ran = faultree(&["check", "--conf", &half]).await.expect_code(1);
    assert!(
        ran.stderr
            .contains("is not JSON: EOF while parsing a string at line 2 column 5"),
        "{}",
        ran.stderr
    );

    let deep = files.path("deep.json");
    fs::write(&deep, "{\"children\":[".repeat(1_000)).expect("written");
    let ran = faultree(&["check", "--conf", &deep]).await.expect_code(1);
    assert!(
        ran.stderr
            .contains("is nested too deep: a tree may have 60 levels"),
        "{}",
        ran.stderr
    );

    let no_workbook = files.path("no.xlsx");
    fs::write(&no_workbook, "x").expect("written");
    let ran = faultree(&["check", "--conf", &no_workbook]).await.expect_code(1);
    assert!(
        ran.stderr.contains("the workbook cannot be read"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn results_of_a_rule_test_are_taken_with_what_it_refused() {
    let files = Files::new();
    let conf = files.write("tree.json", &tree("cpu || ram || disk"));
    let results = files.write(
        "results.json",
        &json!({
            "check_result": [{ "check_item": "rams", "value": "Abnormal" }],
            "fail_list": [{ "check_item": "cpu", "reason": "condition: …" }]
        }),
    );
    let ran = faultree(&["test", "--conf", &conf, "--results", &results])
        .await
        .expect_code(0);
    assert_eq!(ran.json()["children"][0]["msg"], "No data");
    assert_eq!(ran.json()["children"][1]["value"], false);
    assert_eq!(
        ran.stderr,
        format!("warning: {results}: no leaf reads the results of \"rams\"; did you mean \"ram\"?\n")
    );
}

#[tokio::test]
async fn workbooks_are_tested_and_refused_with_the_cell() {
    let files = Files::new();
    let conf = fixture("tree_xlsx/right_tree2.xlsx");
    let results = files.write(
        "results.json",
        &json!([{ "check_item": "check_item1", "value": "Abnormal" }]),
    );
    let ran = faultree(&["test", "--conf", &conf, "--results", &results])
        .await
        .expect_code(0);
    assert_eq!(ran.json()["value"], true);

    for (name, part) in [
        (
            "tree_xlsx/wrong_tree1.xlsx",
            "error: sheet diag, cell D11: check item \"check_item1\" has two names",
        ),
        (
            "tree_xlsx/wrong_tree2.xlsx",
            "error: the workbook has no sheet \"diag\"",
        ),
    ] {
        let conf = fixture(name);
        let ran = faultree(&["test", "--conf", &conf, "--results", &results])
            .await
            .expect_code(2);
        assert!(ran.stderr.starts_with(part), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("--> {conf}")), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn trees_are_converted_there_and_back() {
    let files = Files::new();
    let json_file = files.path("out.json");
    let conf = fixture("tree_xlsx/right_tree1.xlsx");
    faultree(&["convert", "--conf", &conf, "--export", &json_file])
        .await
        .expect_code(0);
    let expected = fs::read_to_string(fixture("tree_xlsx/right_tree1.json")).expect("there");
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    assert_eq!(files.read("out.json").to_string(), expected.to_string());

    let workbook = files.path("out.xlsx");
    let ran = faultree(&["convert", "--conf", &json_file, "--export", &workbook])
        .await
        .expect_code(0);
    assert_eq!(ran.stderr, format!("tree written to {workbook}\n"));
    let again = files.path("again.json");
    faultree(&["convert", "--conf", &workbook, "--export", &again])
        .await
        .expect_code(0);
    assert_eq!(files.read("again.json").to_string(), expected.to_string());

    let mut twice = tree("cpu || ram || disk");
    twice["children"][1]["check item"] = json!("cpu");
    let conf = files.write("twice.json", &twice);
    let ran = faultree(&["convert", "--conf", &conf, "--export", &workbook])
        .await
        .expect_code(2);
    assert!(
        ran.stderr
            .contains("host is slow / ram: in a workbook a check item has one name"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn a_workbook_is_added_under_the_name_of_its_file() {
    let server = FakeServer::start();
    let answer =
        json!({ "succeed_list": ["right_tree1"], "update_list": [], "fail_list": [], "fail_reasons": [] });
    server.succeed("/diag/tree/import", answer);
    let conf = fixture("tree_xlsx/right_tree1.xlsx");
    run(&server, &["faultree", "--action", "add", "--conf", &conf])
        .await
        .expect_code(0);
    let body = &server.only_call("/diag/tree/import").body;
    assert_eq!(body["trees"][0]["tree_name"], "right_tree1");
    let expected = fs::read_to_string(fixture("tree_xlsx/right_tree1.json")).expect("there");
    let expected: Value = serde_json::from_str(&expected).expect("JSON");
    assert_eq!(body["trees"][0]["tree_content"], expected);

    let wrong = fixture("tree_xlsx/wrong_tree1.xlsx");
    let ran = run(&server, &["faultree", "--action", "add", "--conf", &wrong])
        .await
        .expect_code(2);
    assert!(ran.stderr.contains("cell D11"), "{}", ran.stderr);
}
