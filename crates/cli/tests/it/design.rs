//! Every example line of the design (3.8.4) is accepted as it stands there, misprints included, and becomes the documented
//! request.

use aops_test_server::FakeServer;
use serde_json::{Value, json};

use crate::{Ran, aops};

/// Every documented route, with an answer that has nothing in it.
fn platform() -> FakeServer {
    let server = FakeServer::start();
    for (path, rows) in [
        ("/manage/host/get", "host_infos"),
        ("/manage/host/group/get", "host_group_infos"),
        ("/check/result/get", "check_result"),
        ("/check/result/count", "results"),
        ("/check/rule/get", "check_items"),
        ("/diag/report/get_list", "result"),
    ] {
        server.succeed(path, json!({ "total_count": 0, "total_page": 0, rows: [] }));
    }
    let list = json!({ "succeed_list": [], "fail_list": [], "fail_reasons": [] });
    server.succeed("/manage/host/delete", list);
    let added = json!({ "host_list": ["1f"], "succeed_list": [], "fail_list": [] });
    server.succeed("/manage/host/add", added);
    server.succeed("/manage/host/info/query", json!({ "host_infos": [] }));
    server.succeed("/manage/host/count", json!({ "host_count": 3 }));
    server.succeed("/manage/host/group/add", json!({ "host_group_id": "group1" }));
    server.succeed("/manage/host/group/delete", json!({ "deleted": ["group1"] }));
    server.succeed("/manage/account/login", json!({ "access_token": "t" }));
    let imported = json!({ "succeed_list": [], "update_list": [], "fail_list": [], "fail_reasons": [] });
    server.succeed("/check/rule/import", imported.clone());
    server.succeed("/diag/tree/import", imported);
    server.succeed("/check/rule/count", json!({ "rule_count": 2 }));
    server.succeed("/diag/tree/get", json!({ "trees": [] }));
    server.succeed(
        "/diag/execute",
        json!({ "task_id": "t", "expected_report_num": 0 }),
    );
    let progress = json!({ "result": [{ "task_id": "t", "progress": 0 }] });
    server.succeed("/diag/progress/get", progress);
    server.succeed("/diag/report/get", json!({ "result": [] }));
    for path in [
        "/manage/account/change",
        "/manage/account/certificate",
        "/check/rule/delete",
        "/diag/tree/delete",
        "/diag/report/delete",
    ] {
        server.succeed(path, json!({}));
    }
    server
}

/// Fields that the request must have, in the order of the requests. An exit code of 1 is right where the fake has nothing.
fn lines() -> Vec<(&'static str, i32, &'static str, Value)> {
    vec![
        (
            "aops host --action add --host_name host1 --public_ip 11.11.11.11 --host_group_name group1 --username xx \
             --password xx --sudo_password xxx --key zzz --access_token aaa",
            0,
            "POST /manage/host/add",
            json!({ "key": "zzz", "host_list": [{
                "host_name": "host1", "host_group_name": "group1", "public_ip": "11.11.11.11", "ssh_port": 22,
                "management": false, "username": "xx", "password": "xx", "sudo_password": "xxx"
            }] }),
        ),
        (
            "aops host --action delete --host_list id1,id2 --access_token aaa",
            0,
            "DELETE /manage/host/delete",
            json!({ "host_list": ["id1", "id2"] }),
        ),
        (
            "aops host --action query --host_group_name group1 --management True --verbose True --access_token aa",
            0,
            "POST /manage/host/get",
            json!({ "host_group_list": ["group1"], "management": true }),
        ),
        (
            "aops group --action add --host_group_name group1 --descriptipn aaa --access_token aa",
            0,
            "POST /manage/host/group/add",
            json!({ "host_group_name": "group1", "description": "aaa" }),
        ),
        (
            "aops group --action delete --host_group_list group1 --access_token aa",
            0,
            "DELETE /manage/host/group/delete",
            json!({ "host_group_list": ["group1"] }),
        ),
        (
            "aops group --action query --access_token aa",
            0,
            "POST /manage/host/group/get",
            json!({ "page": 1 }),
        ),
        (
            "aops check --chek_items item1 --host_list host1 --start 20200101-11:11:11 --end 20200101-11:11:51",
            0,
            "POST /check/result/get",
            json!({ "check_items": ["item1"], "host_list": ["host1"], "time_range": [1_577_877_071, 1_577_877_111] }),
        ),
        (
            "aops checkrule --action get --check_items cpu_usage_overflow --export PATH",
            0,
            "POST /check/rule/get",
            json!({ "check_items": ["cpu_usage_overflow"] }),
        ),
        (
            "aops checkrule --action add --conf PATH/check.json",
            0,
            "POST /check/rule/import",
            json!({ "check_items": [] }),
        ),
        (
            "aops checkrule --action delete --check_items cpu_usage_overflow",
            0,
            "DELETE /check/rule/delete",
            json!({ "check_items": ["cpu_usage_overflow"] }),
        ),
        (
            "aops faultree --action add --conf PATH/tree1.json --access_token token",
            0,
            "POST /diag/tree/import",
            json!({ "trees": [{ "tree_name": "tree1", "tree_content": { "node name": "a" } }] }),
        ),
        (
            "aops faultree --action get --tree_list tree1 --export PATH --access_token token",
            0,
            "POST /diag/tree/get",
            json!({ "tree_list": ["tree1"] }),
        ),
        (
            "aops faultree --action delete --tree_list tree1 --access_token token",
            0,
            "DELETE /diag/tree/delete",
            json!({ "tree_list": ["tree1"] }),
        ),
        (
            "aops diag --tree_list tree1 --host_list host1 --start 20201111-11:11:11 --end 20201111-11:11:13 \
             --access_token token",
            0,
            "POST /diag/execute",
            json!({ "tree_list": ["tree1"], "host_list": ["host1"], "time_range": [1_605_093_071, 1_605_093_073] }),
        ),
        (
            "aops report --action delete --report_list r1,r2 --access_token token",
            0,
            "DELETE /diag/report/delete",
            json!({ "report_list": ["r1", "r2"] }),
        ),
        (
            "aops report --action get --tree_list tree1,tree2 --host_list id1,id2 --start 20200101-11:11:11 \
             --end 20200101-11:11:51 --access_token token",
            0,
            "POST /diag/report/get_list",
            json!({ "tree_list": ["tree1", "tree2"], "host_list": ["id1", "id2"] }),
        ),
        (
            "aops report --action get --task_id id1 --access_token token",
            0,
            "POST /diag/report/get_list",
            json!({ "task_id": "id1" }),
        ),
        (
            "aops report --action get --report_list id1,id2 --access_token token",
            1,
            "POST /diag/report/get",
            json!({ "report_list": ["id1", "id2"] }),
        ),
        (
            "aops account --action login --username xxx --password xxxx",
            0,
            "POST /manage/account/login",
            json!({ "username": "xxx", "password": "xxxx" }),
        ),
        (
            "aops account --action change --access_token token --password xxxx",
            0,
            "POST /manage/account/change",
            json!({ "password": "xxxx" }),
        ),
        (
            "aops certificate --key xxxxx --access_token xxxxxx",
            0,
            "POST /manage/account/certificate",
            json!({ "key": "xxxxx" }),
        ),
        (
            "aops stat --action count --field host --access_token xxxxxxxxxx",
            0,
            "POST /manage/host/count",
            json!({}),
        ),
        (
            "aops stat --action count --field check_rule --aceess_token token",
            0,
            "POST /check/rule/count",
            json!({}),
        ),
        (
            "aops stat --action count --field check_result --access_token token",
            0,
            "POST /check/result/count",
            json!({ "host_list": [] }),
        ),
    ]
}

#[tokio::test]
async fn every_example_of_the_design_becomes_the_documented_request() {
    let server = platform();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    std::fs::write(folder.path().join("check.json"), r#"{"check_items": []}"#).expect("written");
    let tree = r#"{"trees": [{"tree_name": "tree1", "tree_content": {"node name": "a"}}]}"#;
    std::fs::write(folder.path().join("tree1.json"), tree).expect("written");
    for (line, code, call, fields) in lines() {
        let line = line.replace("PATH", path);
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        let (method, route) = call.split_once(' ').expect("two words");
        let before = server.calls(route).len();
        let output = aops(server.url(), &words).output().await;
        let ran = Ran::from(output.expect("the program starts"));
        assert_eq!(ran.code, Some(code), "{line}: {}", ran.stderr);
        let calls = server.calls(route);
        assert_eq!(calls.len(), before + 1, "{line}");
        let made = &calls[before];
        assert_eq!(made.method, method, "{line}");
        for (name, value) in fields.as_object().expect("an object") {
            assert_eq!(made.body[name], *value, "{line}");
        }
        let option = |name: &str| {
            let position = words.iter().position(|word| *word == name)?;
            Some(words[position + 1])
        };
        let token = option("--access_token").or(option("--aceess_token"));
        assert_eq!(
            made.headers.get("access-token").map(String::as_str),
            token,
            "{line}"
        );
    }
}
