//! `/data` of accounts, hosts, groups and the operation log: who may do what, and the answers.

use std::collections::BTreeMap;

use aops_api::account::{AccountAddRequest, CertificateRequest, LoginRequest, Role};
use aops_api::code::{Code, Empty};
use aops_api::group::GroupAddRequest;
use aops_api::host::{HostAddRequest, HostGetRequest, HostInfoRequest, InventoryRequest, NewHost};
use aops_client::{CLIENT_ADDRESS_HEADER, DataCenter, SERVICE_CREDENTIAL_HEADER, client_address};
use serde_json::{Value, json};

use crate::center::{ADMIN_PASSWORD, Center, config, refused};

const PASSWORD: &str = "a user's password";

/// A data center with an admin, and ann and bob, who are none; ann has a machine in her group `web`.
struct People {
    center: Center,
    tokens: BTreeMap<&'static str, String>,
    clients: BTreeMap<&'static str, DataCenter>,
    host_of_ann: String,
    _folder: tempfile::TempDir,
}

impl People {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let center = Center::start(config(folder.path())).await;
        let admin = center.admin().await;
        for username in ["ann", "bob"] {
            let account = AccountAddRequest {
                username: username.to_owned(),
                password: PASSWORD.to_owned(),
                role: None,
                must_change: Some(false.into()),
            };
            admin.add_account(&account).await.expect("made");
        }
        let (mut tokens, mut clients) = (BTreeMap::new(), BTreeMap::new());
        for (username, password) in [("admin", ADMIN_PASSWORD), ("ann", PASSWORD), ("bob", PASSWORD)] {
            let (client, token) = center.log_in(username, password).await;
            tokens.insert(username, token);
            clients.insert(username, client);
        }
        clients["ann"].add_group(&group("web")).await.expect("made");
        let added = clients["ann"].add_hosts(&hosts(&["h1"])).await.expect("answered");
        let host_of_ann = added.payload.expect("lists").host_list[0].to_string();
        Self {
            center,
            tokens,
            clients,
            host_of_ann,
            _folder: folder,
        }
    }

    /// The code of a call by somebody, or by nobody.
    async fn call(&self, who: Option<&str>, method: &str, path: &str, body: &Value) -> (u64, Value) {
        let mut headers = vec![(SERVICE_CREDENTIAL_HEADER, "tests:secret")];
        if let Some(who) = who {
            headers.push(("access-token", self.tokens[who].as_str()));
        }
        let (status, answer) = self.center.raw(method, path, &headers, &body.to_string()).await;
        assert_eq!(status, 200, "{path}: {answer}");
        (answer["code"].as_u64().expect("a code"), answer)
    }
}

fn group(name: &str) -> GroupAddRequest {
    GroupAddRequest {
        host_group_name: name.to_owned(),
        description: String::new(),
    }
}

fn hosts(names: &[&str]) -> HostAddRequest {
    let host = |(number, name): (usize, &&str)| NewHost {
        host_name: (*name).to_owned(),
        host_group_name: "web".to_owned(),
        public_ip: format!("10.0.0.{}", number + 1),
        ssh_port: 22.into(),
        management: false.into(),
        username: "root".to_owned(),
        password: "secret of the host".to_owned(),
        sudo_password: "secret of root".to_owned(),
    };
    HostAddRequest {
        host_list: names.iter().enumerate().map(host).collect(),
        key: "the key of ann".to_owned(),
    }
}

/// What each of the callers gets: nobody, who owns the host, who does not, and an admin.
#[tokio::test]
async fn routes_by_role_and_owner() {
    let people = People::start().await;
    let host = &people.host_of_ann;
    let grant = json!({ "username": "bob", "host_list": [host] });
    let table: Vec<(&str, &str, Value, [u64; 4])> = vec![
        // Reads: an admin sees all, others what is theirs.
        (
            "POST",
            "host/get",
            json!({ "host_group_list": [] }),
            [1201, 200, 200, 200],
        ),
        ("POST", "host/count", json!({}), [1201, 200, 200, 200]),
        (
            "POST",
            "host/info/get",
            json!({ "host_list": [host] }),
            [1201, 200, 200, 200],
        ),
        ("POST", "host/group/get", json!({}), [1201, 200, 200, 200]),
        (
            "POST",
            "account/get",
            json!({ "account_list": [] }),
            [1201, 200, 200, 200],
        ),
        (
            "POST",
            "account/grant/get",
            json!({ "account_list": [], "host_list": [] }),
            [1201, 200, 200, 200],
        ),
        ("POST", "audit/get", json!({}), [1201, 1207, 1207, 200]),
        // Machines and groups.
        (
            "POST",
            "host/modify",
            json!({ "host_id": host, "management": true }),
            [1201, 200, 1000, 1207],
        ),
        (
            "POST",
            "host/modify",
            json!({ "host_id": host, "ssh_port": 2222 }),
            [1201, 200, 1000, 200],
        ),
        (
            "POST",
            "host/inventory/export",
            json!({ "host_list": [host], "key": "the key of ann" }),
            [1201, 200, 1203, 1203],
        ),
        (
            "POST",
            "host/group/modify",
            json!({ "host_group_name": "web", "description": "x" }),
            [1201, 200, 1000, 1000],
        ),
        (
            "DELETE",
            "host/group/delete",
            json!({ "host_group_list": ["web"] }),
            [1201, 1106, 200, 200],
        ),
        // People.
        (
            "POST",
            "account/certificate",
            json!({ "key": "the key of ann" }),
            [1201, 200, 200, 200],
        ),
        (
            "POST",
            "account/add",
            json!({ "username": "eve", "password": PASSWORD }),
            [1201, 1207, 1207, 200],
        ),
        (
            "POST",
            "account/role",
            json!({ "username": "eve", "role": "user" }),
            [1201, 1207, 1207, 200],
        ),
        (
            "POST",
            "account/reset",
            json!({ "username": "eve", "password": "another password" }),
            [1201, 1207, 1207, 200],
        ),
        (
            "DELETE",
            "account/delete",
            json!({ "account_list": ["eve"] }),
            [1201, 1207, 1207, 200],
        ),
        (
            "POST",
            "account/grant/add",
            grant.clone(),
            [1201, 1207, 1207, 200],
        ),
        ("DELETE", "account/grant/delete", grant, [1201, 1207, 1207, 200]),
        // Rules, trees and diagnoses of somebody else are not there.
        ("POST", "check/rule/count", json!({}), [1201, 200, 200, 200]),
        (
            "POST",
            "check/result/get",
            json!({ "time_range": [], "check_items": [], "host_list": [] }),
            [1201, 200, 200, 200],
        ),
        (
            "DELETE",
            "check/rule/delete",
            json!({ "check_items": ["r"] }),
            [1201, 200, 200, 200],
        ),
        (
            "DELETE",
            "diag/tree/delete",
            json!({ "tree_list": ["t"] }),
            [1201, 200, 200, 200],
        ),
        ("POST", "diag/task/get", json!({}), [1201, 200, 200, 200]),
        (
            "DELETE",
            "diag/report/delete",
            json!({ "report_list": ["r"] }),
            [1201, 200, 200, 200],
        ),
        // Last: it takes away.
        (
            "DELETE",
            "host/delete",
            json!({ "host_list": [host] }),
            [1201, 200, 1103, 1103],
        ),
    ];
    for (method, path, body, expected) in &table {
        let path = format!("/data/{path}");
        // An admin's deed must not be undone for the owner by who comes later: others first.
        let mut codes = [0; 4];
        for (place, who) in [(0, None), (2, Some("bob")), (1, Some("ann")), (3, Some("admin"))] {
            codes[place] = people.call(who, method, &path, body).await.0;
        }
        assert_eq!(codes, *expected, "{path} {body}");
    }
    people.center.stop().await;
}

#[tokio::test]
async fn what_one_sees_is_ones_own() {
    let people = People::start().await;
    let seen = async |who: &str| {
        let infos = people.clients[who]
            .host_infos(&HostInfoRequest::default())
            .await
            .expect("listed");
        let names: Vec<String> = infos
            .host_infos
            .into_iter()
            .map(|row| row.host.host_name)
            .collect();
        names
    };
    assert_eq!(seen("ann").await, ["h1"]);
    assert_eq!(seen("admin").await, ["h1"]);
    assert_eq!(seen("bob").await, Vec::<String>::new());
    let (_, answer) = people
        .call(
            Some("bob"),
            "POST",
            "/data/account/get",
            &json!({ "account_list": [] }),
        )
        .await;
    assert_eq!(answer["account_infos"].as_array().expect("a list").len(), 1);
    people.center.stop().await;
}

#[tokio::test]
async fn rows_have_all_fields_in_both_shapes() {
    let people = People::start().await;
    let host = &people.host_of_ann;
    let facts = json!({ "host_infos": [{ "host_id": host, "infos": {
        "os": { "name": "openEuler 20.09", "kernel_version": "4.19.60", "bios_verison": "3.99" },
        "cpu": { "architecture": "aarch64", "core_count": 96 },
    }}]});
    assert_eq!(
        people.call(None, "POST", "/data/host/info/save", &facts).await.0,
        200
    );
    let asked = json!({ "host_list": [host, host, "unknown"] });
    let (_, answer) = people
        .call(Some("ann"), "POST", "/data/host/info/get", &asked)
        .await;
    let rows = answer["host_infos"].as_array().expect("a list");
    assert_eq!(rows.len(), 1, "{answer}");
    let row = &rows[0];
    assert_eq!(row["infos"]["os"]["name"], "openEuler 20.09");
    assert_eq!(row["os"], row["infos"]["os"]);
    assert_eq!(row["cpu"]["core_count"], 96);
    assert_eq!(row["memory"]["info"], json!([]));
    for field in [
        "host_id",
        "host_name",
        "host_group_name",
        "public_ip",
        "ssh_port",
        "management",
        "status",
        "collected",
    ] {
        assert!(row.get(field).is_some(), "{field}: {row}");
    }
    let basic = json!({ "host_list": [], "basic": true });
    let (_, answer) = people
        .call(Some("ann"), "POST", "/data/host/info/get", &basic)
        .await;
    assert!(answer["host_infos"][0].get("infos").is_none(), "{answer}");
    people.center.stop().await;
}

#[tokio::test]
async fn a_wrong_host_is_named_and_nothing_is_added() {
    let people = People::start().await;
    let good = json!({
        "host_name": "h2", "host_group_name": "web", "public_ip": "10.0.0.2", "ssh_port": 22, "management": false,
        "username": "root", "password": "the password", "sudo_password": "the other",
    });
    for (field, value) in [
        ("ssh_port", json!(65_536)),
        ("public_ip", json!("localhost")),
        ("public_ip", json!("10.0.0")),
        ("host_name", json!("a,b")),
        ("host_name", json!("tab\there")),
        ("host_name", json!("x".repeat(300))),
        ("host_group_name", json!("")),
        ("username", json!("")),
        ("password", json!("")),
        ("sudo_password", json!("")),
    ] {
        let mut wrong = good.clone();
        wrong[field] = value;
        let body = json!({ "host_list": [good, wrong], "key": "the key of ann" });
        let (code, answer) = people.call(Some("ann"), "POST", "/data/host/add", &body).await;
        let msg = answer["msg"].as_str().expect("a text");
        assert_eq!(code, 1000, "{field}: {answer}");
        assert!(msg.contains(&format!("host_list[1].{field}: ")), "{msg}");
        assert_eq!(answer["wrong_info"]["host_name"], wrong["host_name"]);
        assert!(!answer.to_string().contains("the password"), "{answer}");
    }
    let count = people.clients["ann"]
        .count_hosts(&Empty {})
        .await
        .expect("counted");
    assert_eq!(count.host_count, 1);
    people.center.stop().await;
}

#[tokio::test]
async fn hosts_are_added_in_part() {
    let people = People::start().await;
    let ann = &people.clients["ann"];
    let mut request = hosts(&["h1", "h2"]);
    let outcome = ann.add_hosts(&request).await.expect("answered");
    assert_eq!(outcome.code, Code::PartialSucceed);
    let lists = outcome.payload.expect("lists");
    assert_eq!(
        (
            lists.host_list.len(),
            lists.succeed_list.len(),
            lists.fail_list.len()
        ),
        (1, 1, 1)
    );
    assert_eq!(lists.fail_list[0].host_name, "h1");
    assert_eq!(
        ann.add_hosts(&request).await.expect("answered").code,
        Code::DataExist
    );
    request.host_list[0].host_group_name = "none".to_owned();
    let outcome = ann.add_hosts(&request).await.expect("answered");
    assert_eq!(outcome.code, Code::DatabaseInsertError);
    people.center.stop().await;
}

#[tokio::test]
async fn credentials_open_with_their_key_only() {
    let people = People::start().await;
    let ann = &people.clients["ann"];
    let wrong = HostAddRequest {
        key: "another key".to_owned(),
        ..hosts(&["h1", "h2"])
    };
    assert_eq!(
        refused(
            ann.add_hosts(&wrong)
                .await
                .and_then(aops_client::Outcome::succeeded)
        )
        .0,
        Code::KeyError
    );
    let key = |key: &str| CertificateRequest { key: key.to_owned() };
    assert_eq!(
        refused(ann.open_vault(&key("another key")).await).0,
        Code::KeyError
    );
    ann.open_vault(&key("the key of ann")).await.expect("opened");

    let inventory = |key: &str| InventoryRequest {
        host_list: Vec::new(),
        key: key.to_owned(),
    };
    assert_eq!(
        refused(ann.export_inventory(&inventory("another key")).await).0,
        Code::KeyError
    );
    let answer = ann
        .export_inventory(&inventory("the key of ann"))
        .await
        .expect("exported");
    let paths: Vec<&str> = answer.files.iter().map(|file| file.path.as_str()).collect();
    assert!(
        paths[0] == "hosts.yml" && paths[1].starts_with("group_vars/"),
        "{paths:?}"
    );
    let text: String = answer.files.iter().map(|file| file.content.as_str()).collect();
    assert!(
        text.contains("$ANSIBLE_VAULT;1.1;AES256") && !text.contains("secret of"),
        "{text}"
    );
    let secrets = &answer.files[1].content;
    let opened = aops_vault::ansible::vault::decrypt(secrets, "the key of ann").expect("opens");
    let opened = opened.as_str();
    assert!(
        opened.contains("secret of the host") && opened.contains("secret of root"),
        "{opened}"
    );
    people.center.stop().await;
}

#[tokio::test]
async fn every_change_is_in_the_operation_log_and_no_secret() {
    let people = People::start().await;
    let ann = people.clients["ann"].clone();
    let work = async move {
        ann.add_hosts(&hosts(&["h1"])).await.expect("answered");
        ann.hosts(&HostGetRequest::default()).await.expect("a read");
    };
    client_address::scope("192.0.2.7".to_owned(), work).await;
    let wrong = LoginRequest {
        username: "ann".to_owned(),
        password: "a wrong password".to_owned(),
    };
    assert_eq!(
        refused(people.center.service.login(&wrong).await).0,
        Code::LoginError
    );

    let (_, answer) = people
        .call(
            Some("admin"),
            "POST",
            "/data/audit/get",
            &json!({ "direction": "asc" }),
        )
        .await;
    let entries = answer["audit_infos"].as_array().expect("a list");
    let told: Vec<(&str, &str, u64)> = entries
        .iter()
        .map(|entry| {
            let text = |field: &str| entry[field].as_str().expect("a text");
            (
                text("username"),
                text("action"),
                entry["outcome"].as_u64().expect("an outcome"),
            )
        })
        .collect();
    let expected = [
        ("admin", "account.login", 200),
        ("admin", "account.add", 200),
        ("admin", "account.add", 200),
        ("admin", "account.login", 200),
        ("ann", "account.login", 200),
        ("bob", "account.login", 200),
        ("ann", "group.add", 200),
        ("ann", "host.add", 200),
        ("ann", "host.add", 1105),
        ("ann", "account.login", 1200),
    ];
    assert_eq!(told, expected);
    assert_eq!(entries[8]["address"], "192.0.2.7");
    assert_eq!(entries[8]["detail"], json!({ "host_list": ["h1"] }));
    let text = answer.to_string();
    for secret in [
        PASSWORD,
        ADMIN_PASSWORD,
        "a wrong password",
        "secret of",
        "the key of ann",
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    people.center.stop().await;
}

#[tokio::test]
async fn logins_wait_by_account_and_address() {
    let people = People::start().await;
    let attempt = async |address: &str, password: &str| {
        let body = json!({ "username": "ann", "password": password }).to_string();
        let headers = [
            (SERVICE_CREDENTIAL_HEADER, "tests:secret"),
            (CLIENT_ADDRESS_HEADER, address),
        ];
        let (_, answer) = people
            .center
            .raw("POST", "/data/account/login", &headers, &body)
            .await;
        (
            answer["code"].as_u64().expect("a code"),
            answer["msg"].as_str().unwrap_or_default().to_owned(),
        )
    };
    for _ in 0..4 {
        assert_eq!(attempt("192.0.2.7", "a wrong password").await.0, 1200);
    }
    let (code, msg) = attempt("192.0.2.7", PASSWORD).await;
    assert_eq!(code, 1200);
    assert!(msg.ends_with("too many failed logins; try again in 1 s"), "{msg}");
    assert_eq!(attempt("192.0.2.8", PASSWORD).await.0, 200);
    people.center.clock.advance(1_000);
    assert_eq!(attempt("192.0.2.7", PASSWORD).await.0, 200);
    people.center.stop().await;
}

#[tokio::test]
async fn an_account_begins_with_a_password_to_be_changed() {
    let people = People::start().await;
    let account = AccountAddRequest {
        username: "eve".to_owned(),
        password: PASSWORD.to_owned(),
        role: Some(Role::Admin),
        must_change: None,
    };
    people.clients["admin"].add_account(&account).await.expect("made");
    let (eve, _) = people.center.log_in("eve", PASSWORD).await;
    assert_eq!(
        refused(eve.hosts(&HostGetRequest::default()).await).0,
        Code::ChangeDefaultPassword
    );
    assert_eq!(
        refused(people.clients["admin"].add_account(&account).await).0,
        Code::DataExist
    );
    people.center.stop().await;
}
