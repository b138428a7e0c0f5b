//! Bad input is refused with the field named, and nothing is half done.

use aops_api::Code;
use aops_api::code::Empty;
use aops_api::rule::{ImportAnswer, RuleGetRequest};
use aops_client::Outcome;
use aops_test_platform::{Engines, TestPlatform};
use reqwest::Method;
use serde_json::{Value, json};

use crate::scenarios;

scenarios!(
    a_wrong_request_is_1000_and_names_the_field,
    a_broken_rule_or_tree_is_refused_with_position_and_reason,
    without_a_session_nothing_is_told,
);

struct Case {
    method: Method,
    path: &'static str,
    body: Value,
    named: &'static str,
}

fn case(path: &'static str, body: Value, named: &'static str) -> Case {
    let method = if path.ends_with("/delete") {
        Method::DELETE
    } else {
        Method::POST
    };
    Case {
        method,
        path,
        body,
        named,
    }
}

fn rule(name: &str, condition: &str) -> Value {
    json!({ "check_item": name, "data_list": [{ "name": "node_load1" }], "condition": condition })
}

async fn a_wrong_request_is_1000_and_names_the_field(engines: &Engines) {
    let platform = TestPlatform::start_on(engines).await;
    let cases = [
        case(
            "/manage/account/login",
            json!({ "username": "admin" }),
            "password",
        ),
        case(
            "/manage/account/login",
            json!({ "username": "", "password": "x" }),
            "username",
        ),
        case("/manage/account/login", json!([]), "body"),
        case(
            "/manage/host/get",
            json!({ "host_group_list": [], "per_page": 0, "page": 1 }),
            "per_page",
        ),
        case(
            "/manage/host/get",
            json!({ "host_group_list": [], "sort": "colour" }),
            "sort",
        ),
        case(
            "/manage/host/get",
            json!({ "host_group_list": null }),
            "host_group_list",
        ),
        case(
            "/check/rule/import",
            json!({ "check_items": "all" }),
            "check_items",
        ),
        case(
            "/check/rule/import",
            json!({ "check_items": [{ "check_item": "a" }] }),
            "check_items[0]",
        ),
        case(
            "/check/rule/import",
            json!({ "check_items": [], "owner": "me" }),
            "owner",
        ),
        case(
            "/check/rule/import",
            json!({ "check_items": [rule("a", "$0>1"), rule("a", "$0>2")] }),
            "check_items",
        ),
        case("/check/rule/get", json!({}), "check_items"),
        case(
            "/check/rule/delete",
            json!({ "check_items": [1] }),
            "check_items[0]",
        ),
        case("/check/rule/count", json!({ "a": 1 }), "a"),
        case(
            "/check/result/get",
            json!({ "time_range": [1], "check_items": [], "host_list": [] }),
            "time_range",
        ),
        case(
            "/check/result/get",
            json!({ "time_range": [2, 1], "check_items": [], "host_list": [] }),
            "time_range",
        ),
        case(
            "/check/result/get",
            json!({ "time_range": [], "check_items": [], "host_list": [], "value": "Bad" }),
            "value",
        ),
        case("/diag/tree/import", json!({ "trees": [] }), "trees"),
        case(
            "/diag/tree/import",
            json!({ "trees": [{ "tree_name": "t" }] }),
            "trees[0]",
        ),
        case(
            "/diag/execute",
            json!({ "host_list": [], "time_range": [1, 2], "tree_list": ["t"], "interval": 1 }),
            "host_list",
        ),
        case(
            "/diag/execute",
            json!({ "host_list": ["h"], "time_range": [1], "tree_list": ["t"], "interval": 1 }),
            "time_range",
        ),
        case(
            "/diag/execute",
            json!({ "host_list": ["h"], "time_range": [1, 2], "tree_list": ["t"], "interval": 0 }),
            "interval",
        ),
        case("/diag/progress/get", json!({ "task_list": [] }), "task_list"),
        case("/diag/report/get", json!({ "report_list": [] }), "report_list"),
    ];
    for Case {
        method,
        path,
        body,
        named,
    } in cases
    {
        let outcome: Outcome<Empty> = platform.admin.call(method, path, &body).await.expect("answered");
        assert_eq!(outcome.code, Code::ParamError, "{path} {body}: {}", outcome.msg);
        assert!(
            outcome.msg.contains(named),
            "{path} {body}: {} does not name {named}",
            outcome.msg
        );
    }
    let rules = platform
        .admin
        .count_rules(&Empty {})
        .await
        .expect("answered")
        .succeeded()
        .expect("counted");
    assert_eq!(rules.rule_count, 0, "nothing was stored");
    platform.stop().await;
}

async fn a_broken_rule_or_tree_is_refused_with_position_and_reason(engines: &Engines) {
    let platform = TestPlatform::start_on(engines).await;
    let body = json!({ "check_items": [rule("good", "$0 > 1"), rule("bad", "$0 >\n > 1")] });
    let outcome: Outcome<ImportAnswer> = platform
        .admin
        .call(Method::POST, "/check/rule/import", &body)
        .await
        .expect("answered");
    assert_eq!(outcome.code, Code::PartialSucceed);
    let answer = outcome.payload.expect("lists");
    assert_eq!(
        (answer.succeed_list, answer.fail_list),
        (vec!["good".to_owned()], vec!["bad".to_owned()])
    );
    let reason = &answer.fail_reasons[0];
    assert_eq!(
        (reason.check_item.as_deref(), reason.line, reason.column),
        (Some("bad"), Some(2), Some(2))
    );

    let body = json!({ "check_items": [rule("bad", "$1 > 0")] });
    let outcome: Outcome<ImportAnswer> = platform
        .admin
        .call(Method::POST, "/check/rule/import", &body)
        .await
        .expect("answered");
    assert_eq!(outcome.code, Code::ParamError);
    assert_eq!(outcome.payload.expect("lists").fail_list, ["bad"]);
    let rules = platform
        .admin
        .rules(&RuleGetRequest::default())
        .await
        .expect("answered")
        .succeeded()
        .expect("rules");
    assert_eq!(rules.total_count, 1);

    let body = json!({ "trees": [{ "tree_name": "t", "description": "", "tree_content": {
        "node name": "root", "value": null, "condition": "cpu", "children": [
            { "node name": "cpu busy", "value": null, "check item": "cpu busy" }
        ]
    }}]});
    let outcome: Outcome<ImportAnswer> = platform
        .admin
        .call(Method::POST, "/diag/tree/import", &body)
        .await
        .expect("answered");
    assert_eq!(outcome.code, Code::ParamError);
    let reason = outcome.payload.expect("lists").fail_reasons.remove(0);
    assert_eq!(reason.tree_name.as_deref(), Some("t"));
    assert!(reason.reason.contains("cpu busy"), "{}", reason.reason);
    platform.stop().await;
}

async fn without_a_session_nothing_is_told(engines: &Engines) {
    let platform = TestPlatform::start_on(engines).await;
    let count = platform.anonymous.count_rules(&Empty {}).await.expect("answered");
    assert_eq!(count.code, Code::TokenError);
    let forged = platform.anonymous.with_token("eyJhbGciOiJub25lIn0.e30.");
    assert_eq!(
        forged.count_rules(&Empty {}).await.expect("answered").code,
        Code::TokenError
    );

    platform
        .admin
        .logout(&Empty {})
        .await
        .expect("answered")
        .succeeded()
        .expect("logged out");
    assert_eq!(
        platform
            .admin
            .count_rules(&Empty {})
            .await
            .expect("answered")
            .code,
        Code::TokenError
    );

    // The internal listener is for services.
    let url = format!("{}/data/check/rule/count", platform.internal_url());
    let answer: Value = reqwest::Client::new()
        .post(url)
        .body("{}")
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("JSON");
    assert_eq!(answer["code"], json!(1201));
    platform.stop().await;
}
