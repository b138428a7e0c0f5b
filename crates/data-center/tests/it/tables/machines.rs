//! What users do to machines: add, change, delete, group and grant.

use aops_api::HostId;
use aops_api::account::{GrantGetRequest, Role};
use aops_api::facts::{FactsOfHost, HostFacts, OsFacts};
use aops_api::group::{GroupGetRequest, GroupModifyRequest, GroupSort};
use aops_api::host::HostGetRequest;
use aops_api::page::Direction;
use aops_data_center::Error;
use aops_data_center::account::Caller;
use aops_data_center::store::{AddRefusal, HostChange, HostRow, HostToAdd, Tables};
use serde_json::json;

use super::{NOW_MS, add_admin, add_host, add_user, caller, changed_rule, registration};
use crate::backend::{Backend, contract};

contract!(
    machines_are_added_each_that_can_be,
    a_machine_that_is_known_is_the_same_machine,
    an_agent_takes_the_machine_that_was_added_for_it,
    many_machines_are_added_at_once,
    a_machine_goes_with_its_last_access,
    changes_of_machines,
    two_who_change_a_machine_at_once,
    groups_from_first_to_last,
    a_group_that_a_rule_names_keeps_its_name,
    accesses_are_granted_and_taken_away,
    facts_are_kept_with_their_machine,
    an_empty_vault_is_forgotten,
);

fn host(name: &str, address: &str) -> HostToAdd {
    HostToAdd {
        host_id: HostId::from(format!("id of {name}").as_str()),
        host_name: name.to_owned(),
        host_group_name: "web".to_owned(),
        address: address.to_owned(),
        ssh_port: 22,
        management: false,
        metrics_address: format!("{address}:50002"),
    }
}

async fn user(tables: &Tables, username: &str) -> Caller {
    let caller = add_user(tables, username).await;
    tables.add_group(username, "web", "", NOW_MS).await.expect("made");
    caller
}

async fn add(tables: &Tables, caller: &Caller, hosts: &[HostToAdd]) -> Vec<Result<HostId, AddRefusal>> {
    let seal = |number: usize, host_id: &HostId| format!("sealed {number} {host_id}");
    tables
        .add_hosts(caller, hosts, seal, NOW_MS)
        .await
        .expect("answered")
}

async fn rows(tables: &Tables, caller: &Caller) -> Vec<HostRow> {
    tables
        .hosts(caller, &HostGetRequest::default())
        .await
        .expect("listed")
}

async fn machines_are_added_each_that_can_be(backend: &Backend) {
    let tables = backend.open().await;
    let ann = user(&tables, "ann").await;
    let elsewhere = HostToAdd {
        host_group_name: "none".to_owned(),
        ..host("d", "10.0.0.4")
    };
    let asked = [
        host("a", "10.0.0.1"),
        host("a", "10.0.0.2"),
        host("c", "10.0.0.1"),
        elsewhere,
        host("right \"quoted\" 名 \u{202e}", "2001:db8::1"),
    ];
    let revision = tables.rules_revision().await.expect("a number");
    let outcomes = add(&tables, &ann, &asked).await;
    assert!(tables.rules_revision().await.expect("a number") > revision);
    assert_eq!(outcomes[0], Ok(asked[0].host_id.clone()));
    for (number, field) in [(1, "host_name: "), (2, "public_ip: ")] {
        let Err(AddRefusal::Exists(reason)) = &outcomes[number] else {
            panic!("{number}: {:?}", outcomes[number]);
        };
        assert!(reason.starts_with(field), "{reason}");
    }
    assert!(
        matches!(&outcomes[3], Err(AddRefusal::Invalid(reason)) if reason.starts_with("host_group_name: "))
    );
    assert!(outcomes[4].is_ok());
    let listed = rows(&tables, &ann).await;
    let names: Vec<&str> = listed.iter().map(|row| row.host_name.as_str()).collect();
    assert_eq!(names, ["a", "right \"quoted\" 名 \u{202e}"]);
    let credentials = tables.credentials("ann").await.expect("read");
    assert_eq!(
        credentials[&asked[4].host_id],
        format!("sealed 4 {}", asked[4].host_id)
    );
    assert!(tables.credentials("bob").await.expect("read").is_empty());
}

async fn a_machine_that_is_known_is_the_same_machine(backend: &Backend) {
    let tables = backend.open().await;
    let admin = add_admin(&tables).await;
    tables.add_group("admin", "web", "", NOW_MS).await.expect("made");
    let (ann, bob) = (user(&tables, "ann").await, user(&tables, "bob").await);
    let first = add(&tables, &ann, &[host("of ann", "10.0.0.1")])
        .await
        .remove(0)
        .expect("added");

    let outcome = add(&tables, &bob, &[host("of bob", "10.0.0.1")]).await.remove(0);
    assert!(
        matches!(&outcome, Err(AddRefusal::Exists(reason)) if reason.contains("an admin can grant")),
        "{outcome:?}"
    );
    let at_another_port = HostToAdd {
        ssh_port: 2222,
        ..host("of bob", "10.0.0.1")
    };
    assert_ne!(
        add(&tables, &bob, &[at_another_port])
            .await
            .remove(0)
            .expect("another machine"),
        first
    );
    let again = add(&tables, &admin, &[host("of admin", "10.0.0.1")])
        .await
        .remove(0);
    assert_eq!(again, Ok(first.clone()));
    let of_admin = rows(&tables, &admin)
        .await
        .into_iter()
        .find(|row| row.host_id == first);
    assert_eq!(of_admin.expect("there").host_name, "of admin");
    assert_eq!(rows(&tables, &ann).await[0].host_name, "of ann");
}

async fn an_agent_takes_the_machine_that_was_added_for_it(backend: &Backend) {
    let tables = backend.open().await;
    let ann = user(&tables, "ann").await;
    let added = add(&tables, &ann, &[host("a", "10.0.0.1")])
        .await
        .remove(0)
        .expect("added");
    let registered = tables
        .register_host(&registration("agent", "ann"), HostId::from("new"), NOW_MS)
        .await
        .expect("registered");
    assert_eq!(registered, added);
    let listed = rows(&tables, &ann).await;
    assert_eq!(
        (listed.len(), listed[0].host_name.as_str()),
        (1, "a"),
        "the name that ann gave stands"
    );
    // From now on it is known by its agent, and another one is another machine.
    let other = tables
        .register_host(&registration("other", "ann"), HostId::from("new"), NOW_MS)
        .await
        .expect("registered");
    assert_ne!(other, added);
}

async fn many_machines_are_added_at_once(backend: &Backend) {
    let tables = backend.open().await;
    let ann = user(&tables, "ann").await;
    let hosts: Vec<HostToAdd> = (0..10_000)
        .map(|number| {
            host(
                &format!("h{number}"),
                &format!("10.1.{}.{}", number / 250, number % 250),
            )
        })
        .collect();
    let outcomes = add(&tables, &ann, &hosts).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(rows(&tables, &ann).await.len(), 10_000);
    let ids: Vec<HostId> = outcomes
        .into_iter()
        .map(|outcome| outcome.expect("added"))
        .collect();
    let outcome = tables.delete_hosts(&ann, &ids).await.expect("deleted");
    assert_eq!((outcome.succeed_list.len(), outcome.fail_list.len()), (10_000, 0));
    assert!(tables.machines().await.expect("listed").is_empty());
}

async fn a_machine_goes_with_its_last_access(backend: &Backend) {
    let tables = backend.open().await;
    let admin = add_admin(&tables).await;
    let (ann, bob) = (user(&tables, "ann").await, user(&tables, "bob").await);
    let shared = add_host(&tables, "shared", "ann").await;
    tables
        .add_grants("bob", std::slice::from_ref(&shared), None, NOW_MS)
        .await
        .expect("granted");
    let alone = add_host(&tables, "alone", "bob").await;

    let unknown = HostId::from("unknown");
    let asked = [shared.clone(), alone.clone(), unknown.clone(), shared.clone()];
    let outcome = tables.delete_hosts(&ann, &asked).await.expect("answered");
    assert_eq!(outcome.succeed_list, [shared.to_string()]);
    assert_eq!(
        outcome.fail_list,
        [alone.to_string(), unknown.to_string()],
        "bob's host is nobody's to ann"
    );
    assert_eq!(rows(&tables, &ann).await, []);
    assert_eq!(rows(&tables, &bob).await.len(), 2);

    // An admin without an access deletes it for everybody.
    let outcome = tables
        .delete_hosts(&admin, std::slice::from_ref(&shared))
        .await
        .expect("answered");
    assert_eq!(outcome.succeed_list, [shared.to_string()]);
    let left = tables.machines().await.expect("listed");
    assert_eq!(
        left.iter().map(|machine| &machine.host_id).collect::<Vec<_>>(),
        [&alone]
    );
}

async fn changes_of_machines(backend: &Backend) {
    let tables = backend.open().await;
    let admin = add_admin(&tables).await;
    let (ann, bob) = (user(&tables, "ann").await, user(&tables, "bob").await);
    tables.add_group("ann", "db", "", NOW_MS).await.expect("made");
    let id = add(&tables, &ann, &[host("a", "10.0.0.1"), host("b", "10.0.0.2")])
        .await
        .remove(0)
        .expect("added");
    let change = |caller, change: HostChange| {
        let (tables, id) = (&tables, &id);
        async move { tables.modify_host(caller, id, &change).await }
    };
    let renamed = HostChange {
        host_name: Some("new name".to_owned()),
        host_group_name: Some("db".to_owned()),
        management: Some(true),
        ..HostChange::default()
    };
    change(&ann, renamed.clone()).await.expect("changed");
    let row = rows(&tables, &ann)
        .await
        .into_iter()
        .find(|row| row.host_id == id)
        .expect("there");
    assert_eq!(
        (
            row.host_name.as_str(),
            row.host_group_name.as_str(),
            row.management,
            row.revision
        ),
        ("new name", "db", true, 1)
    );
    assert_eq!(
        tables.credentials("ann").await.expect("read").len(),
        2,
        "they stay"
    );

    let named = |name: &str| HostChange {
        host_name: Some(name.to_owned()),
        ..HostChange::default()
    };
    let grouped = |group: &str| HostChange {
        host_group_name: Some(group.to_owned()),
        ..HostChange::default()
    };
    let moved = |address: &str| HostChange {
        address: Some(address.to_owned()),
        metrics_address: Some(format!("{address}:50002")),
        ..HostChange::default()
    };
    assert!(matches!(change(&ann, named("b")).await, Err(Error::Exists(_))));
    assert!(matches!(
        change(&ann, grouped("none")).await,
        Err(Error::Invalid(_))
    ));
    assert!(matches!(
        change(&ann, moved("10.0.0.2")).await,
        Err(Error::Exists(_))
    ));
    assert!(
        matches!(change(&bob, named("x")).await, Err(Error::Invalid(_))),
        "it is not there for bob"
    );
    assert!(
        matches!(change(&admin, named("x")).await, Err(Error::Denied(_))),
        "the name is ann's"
    );

    change(&ann, moved("10.0.0.9"))
        .await
        .expect("ann is the only one");
    tables
        .add_grants("bob", std::slice::from_ref(&id), None, NOW_MS)
        .await
        .expect("granted");
    assert!(matches!(
        change(&ann, moved("10.0.0.10")).await,
        Err(Error::Denied(_))
    ));
    change(&admin, moved("10.0.0.10")).await.expect("changed");
    assert_eq!(rows(&tables, &bob).await[0].address, "10.0.0.10");
    let targets = tables.scrape_targets().await.expect("listed");
    assert!(
        targets
            .iter()
            .any(|target| target.metrics_address == "10.0.0.10:50002")
    );
}

async fn two_who_change_a_machine_at_once(backend: &Backend) {
    let tables = backend.open().await;
    add_admin(&tables).await;
    let (one, other) = (caller("admin", Role::Admin), user(&tables, "ann").await);
    tables
        .set_role("ann", Role::Admin, NOW_MS)
        .await
        .expect("promoted");
    let other = Caller {
        role: Role::Admin,
        ..other
    };
    let id = add(&tables, &other, &[host("a", "10.0.0.1")])
        .await
        .remove(0)
        .expect("added");
    let based_on = rows(&tables, &one).await[0].revision;
    let moved = |address: &str| HostChange {
        address: Some(address.to_owned()),
        revision: Some(based_on),
        ..HostChange::default()
    };
    let (to_2, to_3) = (moved("10.0.0.2"), moved("10.0.0.3"));
    let (first, second) = tokio::join!(
        tables.modify_host(&one, &id, &to_2),
        tables.modify_host(&other, &id, &to_3),
    );
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    let refusal = first.and(second).expect_err("one came too late");
    assert!(
        matches!(&refusal, Error::Conflict(reason) if reason.starts_with("revision: ")),
        "{refusal}"
    );
}

async fn groups_from_first_to_last(backend: &Backend) {
    let tables = backend.open().await;
    let (ann, _) = (add_user(&tables, "ann").await, add_user(&tables, "bob").await);
    for (name, description) in [("web", "the fronts"), ("db", ""), ("组 \"x\"", "")] {
        tables
            .add_group("ann", name, description, NOW_MS)
            .await
            .expect("made");
    }
    tables
        .add_group("bob", "web", "of bob", NOW_MS)
        .await
        .expect("another owner's");
    assert!(matches!(
        tables.add_group("ann", "web", "", NOW_MS).await,
        Err(Error::Exists(_))
    ));
    for wrong in ["", "a,b", &"x".repeat(300)] {
        assert!(matches!(
            tables.add_group("ann", wrong, "", NOW_MS).await,
            Err(Error::Invalid(_))
        ));
    }
    add(&tables, &ann, &[host("a", "10.0.0.1"), host("b", "10.0.0.2")]).await;

    let list = async |sort, direction| -> Vec<(String, u64)> {
        let request = GroupGetRequest {
            sort: Some(sort),
            direction: Some(direction),
            ..GroupGetRequest::default()
        };
        let groups = tables.groups("ann", &request).await.expect("listed");
        groups
            .into_iter()
            .map(|group| (group.host_group_name, group.host_count))
            .collect()
    };
    let by_count = list(GroupSort::HostCount, Direction::Desc).await;
    assert_eq!(by_count[0], ("web".to_owned(), 2));
    let by_name = list(GroupSort::HostGroupName, Direction::Asc).await;
    assert_eq!(by_name[0], ("db".to_owned(), 0));

    let change = GroupModifyRequest {
        host_group_name: "web".to_owned(),
        new_name: Some("front".to_owned()),
        description: None,
    };
    tables.modify_group("ann", &change).await.expect("renamed");
    assert_eq!(rows(&tables, &ann).await[0].host_group_name, "front");
    let described = tables
        .groups("ann", &GroupGetRequest::default())
        .await
        .expect("listed");
    let front = described
        .iter()
        .find(|group| group.host_group_name == "front")
        .expect("there");
    assert_eq!((front.description.as_str(), front.host_count), ("the fronts", 2));
    assert!(
        matches!(tables.modify_group("ann", &change).await, Err(Error::Invalid(_))),
        "web is no more"
    );
    let taken = GroupModifyRequest {
        host_group_name: "front".to_owned(),
        new_name: Some("db".to_owned()),
        description: None,
    };
    assert!(matches!(
        tables.modify_group("ann", &taken).await,
        Err(Error::Exists(_))
    ));

    let names = ["front", "db", "none"].map(str::to_owned);
    let (answer, kept) = tables.delete_groups("ann", &names).await.expect("answered");
    assert_eq!(
        (answer.deleted, kept),
        (vec!["db".to_owned()], vec!["front".to_owned()])
    );
    assert_eq!(
        tables
            .groups("bob", &GroupGetRequest::default())
            .await
            .expect("listed")
            .len(),
        1
    );
}

async fn a_group_that_a_rule_names_keeps_its_name(backend: &Backend) {
    let tables = backend.open().await;
    user(&tables, "ann").await;
    let scoped = changed_rule("r", "k", json!({ "scope": { "host_groups": ["web"] } }));
    tables.add_rules("ann", &[scoped], NOW_MS).await.expect("added");
    let change = GroupModifyRequest {
        host_group_name: "web".to_owned(),
        new_name: Some("front".to_owned()),
        description: None,
    };
    let refusal = tables.modify_group("ann", &change).await;
    assert!(
        matches!(&refusal, Err(Error::InUse(reason)) if reason.contains("the rule r")),
        "{refusal:?}"
    );
}

async fn accesses_are_granted_and_taken_away(backend: &Backend) {
    let tables = backend.open().await;
    let admin = add_admin(&tables).await;
    let (ann, bob) = (user(&tables, "ann").await, add_user(&tables, "bob").await);
    let ids: Vec<HostId> = add(&tables, &ann, &[host("a", "10.0.0.1"), host("b", "10.0.0.2")])
        .await
        .into_iter()
        .map(|outcome| outcome.expect("added"))
        .collect();
    let asked = [ids[0].clone(), HostId::from("unknown"), ids[1].clone()];
    let outcome = tables
        .add_grants("bob", &asked, Some("of ann"), NOW_MS)
        .await
        .expect("granted");
    assert_eq!(
        (outcome.succeed_list.len(), outcome.fail_list.as_slice()),
        (2, &["unknown".to_owned()][..])
    );
    let again = tables
        .add_grants("bob", &ids, None, NOW_MS)
        .await
        .expect("granted");
    assert_eq!(again.succeed_list.len(), 2, "it is as it was");
    assert!(tables.add_grants("nobody", &ids, None, NOW_MS).await.is_err());
    let listed = rows(&tables, &bob).await;
    let names: Vec<(&str, &str)> = listed
        .iter()
        .map(|row| (row.host_name.as_str(), row.host_group_name.as_str()))
        .collect();
    assert_eq!(names, [("a", "of ann"), ("b", "of ann")]);
    assert!(
        tables.credentials("bob").await.expect("read").is_empty(),
        "ann's stay ann's"
    );

    let grants = |caller, request: GrantGetRequest| {
        let tables = &tables;
        async move { tables.grants(caller, &request).await.expect("listed").len() }
    };
    assert_eq!(grants(&admin, GrantGetRequest::default()).await, 4);
    assert_eq!(grants(&bob, GrantGetRequest::default()).await, 2);
    let of_a = GrantGetRequest {
        host_list: vec![ids[0].clone()],
        account_list: vec!["bob".to_owned()],
        ..GrantGetRequest::default()
    };
    assert_eq!(grants(&admin, of_a).await, 1);

    let outcome = tables.delete_grants("bob", &asked).await.expect("taken away");
    assert_eq!((outcome.succeed_list.len(), outcome.fail_list.len()), (2, 1));
    assert_eq!(rows(&tables, &bob).await, []);
    assert_eq!(rows(&tables, &ann).await.len(), 2);
}

async fn facts_are_kept_with_their_machine(backend: &Backend) {
    let tables = backend.open().await;
    let ann = user(&tables, "ann").await;
    let id = add_host(&tables, "h1", "ann").await;
    let facts = |name: &str| HostFacts {
        os: OsFacts {
            name: name.to_owned(),
            ..OsFacts::default()
        },
        ..HostFacts::default()
    };
    let of = |host_id: &HostId, name: &str| FactsOfHost {
        host_id: host_id.clone(),
        infos: facts(name),
    };
    let due = async |before_ms| tables.facts_due(before_ms).await.expect("listed").len();
    assert_eq!(due(NOW_MS).await, 1, "never asked");
    let saved = [of(&id, "openEuler 20.03"), of(&HostId::from("unknown"), "x")];
    tables.save_facts(&saved, NOW_MS).await.expect("kept");
    tables
        .save_facts(&[of(&id, "openEuler 22.03")], NOW_MS + 1)
        .await
        .expect("kept");
    assert_eq!((due(NOW_MS).await, due(NOW_MS + 2).await), (0, 1));
    let asked = [id.clone(), HostId::from("unknown")];
    let kept = tables.facts(&asked).await.expect("read");
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[&id].facts.os.name.as_str(), kept[&id].collected_ms),
        ("openEuler 22.03", NOW_MS + 1)
    );
    tables
        .delete_facts(std::slice::from_ref(&id))
        .await
        .expect("forgotten");
    assert!(tables.facts(&asked).await.expect("read").is_empty());
    tables.save_facts(&saved, NOW_MS).await.expect("kept");
    tables
        .delete_hosts(&ann, std::slice::from_ref(&id))
        .await
        .expect("deleted");
    assert!(tables.facts(&asked).await.expect("read").is_empty());
}

async fn an_empty_vault_is_forgotten(backend: &Backend) {
    let tables = backend.open().await;
    let ann = user(&tables, "ann").await;
    assert_eq!(tables.vault("ann").await.expect("read"), None);
    assert_eq!(
        tables.make_vault("ann", "first", NOW_MS).await.expect("made"),
        "first"
    );
    assert_eq!(
        tables.make_vault("ann", "second", NOW_MS).await.expect("kept"),
        "first"
    );
    let ids: Vec<HostId> = add(&tables, &ann, &[host("a", "10.0.0.1"), host("b", "10.0.0.2")])
        .await
        .into_iter()
        .map(|outcome| outcome.expect("added"))
        .collect();
    tables.delete_hosts(&ann, &ids[..1]).await.expect("deleted");
    assert_eq!(tables.vault("ann").await.expect("read").as_deref(), Some("first"));
    tables.delete_hosts(&ann, &ids[1..]).await.expect("deleted");
    assert_eq!(
        tables.vault("ann").await.expect("read"),
        None,
        "nothing is sealed with it"
    );
}
