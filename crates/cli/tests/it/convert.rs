//! Alerting rules of Prometheus on the command line. No platform is there.

use std::fs;

use serde_json::{Value, json};

use crate::{Ran, aops};

const RULES: &str = "groups:
- name: g
  rules:
  - record: load:ratio
    expr: node_load1 / 4
  - alert: Down
    expr: up == 0
    for: 5m
    labels: {severity: critical}
  - alert: Gone
    expr: |
      up == 1
      and absent(node_load1)
";

async fn convert(arguments: &[&str]) -> Ran {
    let mut all = vec!["checkrule", "--action", "convert"];
    all.extend(arguments);
    // Nothing listens on the discard port of the loopback.
    let output = aops("http://127.0.0.1:9", &all).output().await;
    output.expect("the program starts").into()
}

#[tokio::test]
async fn what_fits_goes_to_standard_output_and_the_rest_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("alerts.yml");
    fs::write(&path, RULES).expect("written");
    let conf = path.to_str().expect("UTF-8");
    let ran = convert(&["--conf", conf]).await.expect_code(2);
    let rule = &ran.json()["check_items"][0];
    assert_eq!(rule["check_item"], "Down");
    assert_eq!(rule["condition"], "$0 == 0");
    assert_eq!(rule["for"], "5m");
    assert_eq!(rule["severity"], "critical");
    assert_eq!(rule["data_list"][0]["label"], json!({"*": "*"}));
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(
        lines[0],
        format!("{conf}:4: load:ratio: a recording rule, not an alerting one; skipped")
    );
    assert!(
        lines[1].starts_with(&format!("{conf}:13: Gone: function absent")),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2..], ["1 of 2 alerting rules converted"]);
}

#[tokio::test]
async fn what_was_converted_can_be_exported() {
    let folder = tempfile::tempdir().expect("a folder");
    let conf = folder.path().join("alerts.yml");
    let export = folder.path().join("rules.json");
    fs::write(
        &conf,
        "groups: [{name: g, rules: [{alert: Down, expr: up == 0}]}]",
    )
    .expect("written");
    let [conf, exported] = [&conf, &export].map(|path| path.to_str().expect("UTF-8"));
    let ran = convert(&["--conf", conf, "--export", exported])
        .await
        .expect_code(0);
    assert_eq!(ran.stdout, "");
    assert_eq!(ran.stderr, "1 of 1 alerting rules converted\n");
    let written: Value = serde_json::from_slice(&fs::read(&export).expect("written")).expect("JSON");
    assert_eq!(written["check_items"][0]["check_item"], "Down");
}

#[tokio::test]
async fn a_file_that_is_no_rule_file_exits_with_1_and_names_the_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("alerts.yml");
    let conf = path.to_str().expect("UTF-8");
    let ran = convert(&["--conf", conf]).await.expect_code(1);
    assert!(
        ran.stderr.starts_with(&format!("error: cannot read {conf}: ")),
        "{}",
        ran.stderr
    );
    for (text, part) in [
        ("groups:\n- rules: 3\n", ":2:10: expected sequence start"),
        ("{}", ": found no groups"),
    ] {
        fs::write(&path, text).expect("written");
        let ran = convert(&["--conf", conf]).await.expect_code(1);
        assert!(
            ran.stderr.contains(&format!("error: {conf}{part}")),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stdout, "");
    }
    fs::write(&path, vec![b'#'; 5 * 1024 * 1024]).expect("written");
    let ran = convert(&["--conf", conf]).await.expect_code(1);
    assert!(ran.stderr.contains("too large"), "{}", ran.stderr);
}
