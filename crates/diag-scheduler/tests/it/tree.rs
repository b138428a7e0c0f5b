//! Import of fault trees.

use serde_json::{Value, json};

use crate::{Scheduler, succeed};

fn tree(name: &str, condition: &str) -> Value {
    let leaf = json!({ "node name": "cpu", "value": null, "check item": "cpu_busy", "msg": "" });
    let root = json!({ "node name": "slow", "value": null, "condition": condition, "children": [leaf] });
    json!({ "tree_name": name, "tree_content": root, "description": "d" })
}

/// By which the data center tells whether it knows the caller.
const COUNT: &str = "/data/check/rule/count";

/// A scheduler whose data center stores every tree.
async fn start() -> Scheduler {
    let test = Scheduler::start().await;
    test.data_center.succeed(COUNT, json!({ "rule_count": 0 }));
    test.data_center.answer_with("/data/diag/tree/add", |call| {
        let trees = call.body["trees"].as_array().expect("a list");
        let names: Vec<Value> = trees.iter().map(|tree| tree["tree_name"].clone()).collect();
        succeed(json!({ "succeed_list": names, "update_list": [], "fail_list": [], "fail_reasons": [] }))
    });
    let rule = json!({ "check_item": "cpu_busy", "data_list": [{ "name": "m" }], "condition": "$0 > 1" });
    let rules = json!({ "total_count": 1, "total_page": 1, "check_items": [rule] });
    test.data_center.succeed("/data/check/rule/get", rules);
    test
}

#[tokio::test]
async fn good_trees_are_stored_as_they_came() {
    let test = start().await;
    let body = json!({ "trees": [tree("a", "cpu"), tree("b", "!cpu")] });
    let answer = test.post("/diag/tree/import", body.clone()).await;
    assert_eq!(answer["code"], 200);
    assert_eq!(answer["succeed_list"], json!(["a", "b"]));
    let call = test.data_center.only_call("/data/diag/tree/add");
    assert_eq!(call.body, body);
    assert_eq!(call.headers["access-token"], "user's token");
}

#[tokio::test]
async fn bad_trees_are_refused_with_reason_and_column_and_the_others_stored() {
    let test = start().await;
    let body = json!({ "trees": [tree("a", "cpu"), tree("b", "cpu || ram")] });
    let answer = test.post("/diag/tree/import", body).await;
    assert_eq!(answer["code"], 206);
    assert_eq!(answer["succeed_list"], json!(["a"]));
    assert_eq!(answer["fail_list"], json!(["b"]));
    let reason = &answer["fail_reasons"][0];
    assert_eq!(
        (&reason["tree_name"], &reason["column"]),
        (&json!("b"), &json!(8))
    );
    assert!(
        reason["reason"].as_str().is_some_and(|text| text.contains("ram")),
        "{reason}"
    );
    let call = test.data_center.only_call("/data/diag/tree/add");
    assert_eq!(call.body, json!({ "trees": [tree("a", "cpu")] }));
}

#[tokio::test]
async fn when_all_are_bad_it_is_1000_with_the_lists() {
    let test = start().await;
    let answer = test
        .post("/diag/tree/import", json!({ "trees": [tree("b", "cpu || ram")] }))
        .await;
    assert_eq!(answer["code"], 1000);
    assert_eq!(answer["fail_list"], json!(["b"]));
    assert_eq!(answer["succeed_list"], json!([]));
    assert!(
        answer["msg"]
            .as_str()
            .is_some_and(|msg| msg.starts_with("request parameter error: b: slow: ")),
        "{answer}"
    );
}

#[tokio::test]
async fn what_is_wrong_in_shape_stores_nothing() {
    let test = start().await;
    let mut unknown_field = tree("b", "cpu");
    unknown_field["tag"] = json!([]);
    let mut no_object = tree("b", "cpu");
    no_object["tree_content"] = json!("cpu");
    for (trees, part) in [
        (
            json!([tree("a", "cpu"), tree("a", "cpu")]),
            "trees[1].tree_name: 'a' is there twice",
        ),
        (
            json!([tree("a", "cpu"), tree("b,c", "cpu")]),
            "trees[1].tree_name: a comma",
        ),
        (
            json!([tree("a", "cpu"), unknown_field]),
            "trees[1].tag: unknown field",
        ),
        (
            json!([tree("a", "cpu"), no_object]),
            "trees[1].tree_content: must be an object",
        ),
        (
            json!([tree("a", "cpu"), { "tree_name": 1 }]),
            "trees[1].tree_name: invalid type",
        ),
        (json!([]), "trees: must not be empty"),
    ] {
        let answer = test.post("/diag/tree/import", json!({ "trees": trees })).await;
        assert_eq!(answer["code"], 1000, "{answer}");
        assert!(
            answer["msg"].as_str().is_some_and(|msg| msg.contains(part)),
            "{answer}"
        );
        assert_eq!(answer.get("succeed_list"), None);
    }
    assert_eq!(test.data_center.calls("/data/diag/tree/add"), []);
}

#[tokio::test]
async fn a_caller_who_is_not_known_is_refused_before_anything_is_parsed() {
    let test = start().await;
    let refusal = json!({ "code": 1201, "msg": "the session is invalid" });
    test.data_center.answer(COUNT, refusal.clone());
    let body = json!({ "trees": [tree("a", "cpu"), tree("b", "cpu ||")] });
    assert_eq!(test.post("/diag/tree/import", body).await, refusal);
    let call = test.data_center.only_call(COUNT);
    assert_eq!(call.headers["access-token"], "user's token");
    assert_eq!(test.data_center.calls("/data/diag/tree/add"), []);
}

#[tokio::test]
async fn what_is_probably_not_meant_is_told_and_stored_all_the_same() {
    let test = start().await;
    let mut odd = tree("a", "cpu || ram && cpu");
    let leaf = json!({ "node name": "ram", "value": null, "check item": "cpu_bsy", "msg": "" });
    odd["tree_content"]["children"]
        .as_array_mut()
        .expect("a list")
        .push(leaf);
    let answer = test
        .post("/diag/tree/import", json!({ "trees": [odd, tree("b", "cpu")] }))
        .await;
    assert_eq!(
        (&answer["code"], &answer["succeed_list"]),
        (&json!(200), &json!(["a", "b"]))
    );
    let warnings = answer["warnings"].as_array().expect("a list");
    let reasons: Vec<&str> = warnings
        .iter()
        .filter_map(|warning| warning["reason"].as_str())
        .collect();
    assert!(
        warnings.iter().all(|warning| warning["tree_name"] == "a"),
        "{answer}"
    );
    assert!(
        reasons[0].contains("from left to right: (cpu || ram) && cpu"),
        "{answer}"
    );
    let missing = reasons.last().expect("not empty");
    assert!(
        missing.contains("no rule \"cpu_bsy\"") && missing.ends_with("did you mean \"cpu_busy\"?"),
        "{answer}"
    );
    let calls = test.data_center.calls("/data/check/rule/get");
    assert_eq!(calls[0].body["check_items"], json!(["cpu_bsy", "cpu_busy"]));
    assert_eq!(calls[1].body["check_items"], json!([]));
}
