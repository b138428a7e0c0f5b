//! The contract of the tables.

mod accounts;
mod findings;
mod hosts;
mod large;
mod machines;
mod migrations;
mod outages;
mod people;
mod rules;
mod schedule;
mod schema;
mod tasks;
mod trees;

use aops_api::account::Role;
use aops_api::host::HostRegisterRequest;
use aops_api::rule::KeyedRule;
use aops_api::{EvaluationKey, HostId};
use aops_data_center::account::Caller;
use aops_data_center::store::{FirstAdmin, LoginAttempt, NewAccount, Tables};
use aops_service::random;

pub(crate) const NOW_MS: i64 = 1_700_000_000_000;
pub(crate) const PASSWORD: &str = "a good password";

pub(crate) async fn add_admin(tables: &Tables) -> Caller {
    let admin = FirstAdmin {
        password: PASSWORD.to_owned(),
        must_change: false,
        salt: random::id(),
    };
    assert!(tables.make_first_admin(admin, NOW_MS).await.expect("made"));
    caller("admin", Role::Admin)
}

pub(crate) async fn add_user(tables: &Tables, username: &str) -> Caller {
    tables
        .add_account(new_account(username, PASSWORD), random::id(), NOW_MS)
        .await
        .expect("made");
    caller(username, Role::User)
}

pub(crate) fn new_account<'a>(username: &'a str, password: &'a str) -> NewAccount<'a> {
    NewAccount {
        username,
        password,
        role: Role::User,
        must_change: false,
    }
}

pub(crate) fn attempt<'a>(username: &'a str, password: &'a str) -> LoginAttempt<'a> {
    LoginAttempt {
        username,
        password,
        address: "10.0.0.1",
    }
}

pub(crate) fn caller(username: &str, role: Role) -> Caller {
    Caller {
        username: username.to_owned(),
        role,
        session_id: "no session".to_owned(),
        must_change: false,
    }
}

pub(crate) fn registration(agent_id: &str, owner: &str) -> HostRegisterRequest {
    HostRegisterRequest {
        agent_id: agent_id.to_owned(),
        host_name: format!("name of {agent_id}"),
        address: "10.0.0.1".to_owned(),
        ssh_port: 22,
        metrics_address: "10.0.0.1:50002".to_owned(),
        owner: owner.to_owned(),
        host_group_name: "web".to_owned(),
    }
}

/// Registers a machine whose id is `host_id`.
pub(crate) async fn add_host(tables: &Tables, host_id: &str, owner: &str) -> HostId {
    let request = registration(&format!("agent of {host_id}"), owner);
    tables
        .register_host(&request, HostId::from(host_id), NOW_MS)
        .await
        .expect("registered")
}

pub(crate) fn rule(name: &str, key: &str) -> KeyedRule {
    changed_rule(name, key, serde_json::json!({}))
}

/// A rule with some optional keys set.
pub(crate) fn changed_rule(name: &str, key: &str, with: serde_json::Value) -> KeyedRule {
    let mut item = serde_json::json!({
        "check_item": name,
        "data_list": [{"name": "node_load1"}],
        "condition": "$0 > 1",
    });
    let fields = with.as_object().expect("an object").clone();
    item.as_object_mut().expect("an object").extend(fields);
    KeyedRule {
        key: EvaluationKey::from(key),
        item: serde_json::from_value(item).expect("a rule"),
    }
}
