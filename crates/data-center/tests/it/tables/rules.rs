use aops_api::page::Direction;
use aops_api::read::Integer;
use aops_api::rule::{EffectiveRulesAnswer, RuleGetRequest, RuleSort};
use aops_api::schedule::CursorMoveRequest;
use aops_api::{HostId, SYSTEM_OWNER, Shard};
use aops_data_center::Error;
use aops_data_center::store::{KeyPeriod, Tables};
use serde_json::json;

use super::{NOW_MS, add_admin, add_host, add_user, changed_rule, registration, rule};
use crate::backend::{Backend, contract};

contract!(
    rules_are_added_replaced_and_deleted,
    lists_are_sorted_and_paged,
    a_changed_rule_keeps_its_past,
    a_change_is_in_effect_from_the_first_window_not_published,
    a_disabled_rule_keeps_its_past_only,
    histories_know_where_a_rule_is_in_effect,
    equal_rules_are_in_effect_once,
    scope_and_enabled_decide_where,
    rules_of_the_system_apply_everywhere_and_can_be_overridden,
    imports_at_the_same_time_lose_nothing,
);

async fn names(tables: &Tables, owner: &str, request: RuleGetRequest) -> (u64, Vec<String>) {
    let answer = tables.rules(owner, &request).await.expect("listed");
    let names = answer
        .check_items
        .into_iter()
        .map(|item| item.check_item)
        .collect();
    (answer.total_count, names)
}

async fn rules_are_added_replaced_and_deleted(backend: &Backend) {
    let tables = backend.open().await;
    let answer = tables
        .add_rules("ann", &[rule("b", "k1"), rule("a", "k2")], NOW_MS)
        .await
        .expect("added");
    assert_eq!((answer.succeed_list.len(), answer.update_list.len()), (2, 0));
    let first_revision = tables.rules_revision().await.expect("a number");
    assert!(first_revision > 0);

    let again = tables
        .add_rules("ann", &[rule("b", "k1")], NOW_MS)
        .await
        .expect("as before");
    assert_eq!(again.update_list, ["b"]);
    assert_eq!(tables.rules_revision().await.expect("a number"), first_revision);

    let changed = changed_rule("b", "k3", json!({"condition": "$0 > 2"}));
    let answer = tables
        .add_rules("ann", &[changed, rule("c", "k4")], NOW_MS + 5)
        .await
        .expect("changed");
    assert_eq!(
        (answer.succeed_list, answer.update_list),
        (vec!["c".to_owned()], vec!["b".to_owned()])
    );
    assert!(tables.rules_revision().await.expect("a number") > first_revision);
    let all = RuleGetRequest::default();
    let stored = tables.rules("ann", &all).await.expect("listed");
    assert_eq!(
        stored.check_items[0].condition, "$0 > 2",
        "in the order of the first import"
    );
    assert_eq!(names(&tables, "ann", all.clone()).await.1, ["b", "a", "c"]);
    assert_eq!(
        tables.count_rules("bob").await.expect("counted"),
        0,
        "somebody else's"
    );

    tables
        .delete_rules("bob", &["a".to_owned()])
        .await
        .expect("nothing of bob's");
    tables
        .delete_rules("ann", &["a".to_owned(), "unknown".to_owned()])
        .await
        .expect("deleted");
    assert_eq!(backend.open().await.count_rules("ann").await.expect("counted"), 2);

    let twice = tables
        .add_rules("ann", &[rule("d", "k"), rule("d", "k")], NOW_MS)
        .await;
    assert!(matches!(twice, Err(Error::Invalid(_))), "{twice:?}");
    assert_eq!(
        tables.count_rules("ann").await.expect("counted"),
        2,
        "all or none"
    );
}

async fn lists_are_sorted_and_paged(backend: &Backend) {
    let tables = backend.open().await;
    let rules: Vec<_> = ["b", "d", "a", "c", "规则"]
        .iter()
        .map(|name| rule(name, name))
        .collect();
    tables.add_rules("ann", &rules, NOW_MS).await.expect("added");
    let page = |page, direction| RuleGetRequest {
        sort: Some(RuleSort::CheckItem),
        direction: Some(direction),
        page: Some(Integer(page)),
        per_page: Some(Integer(2)),
        ..RuleGetRequest::default()
    };
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        names(&tables, "ann", page(1, Direction::Asc)).await,
        (5, owned(&["a", "b"]))
    );
    assert_eq!(
        names(&tables, "ann", page(3, Direction::Asc)).await,
        (5, owned(&["规则"]))
    );
    assert_eq!(
        names(&tables, "ann", page(1, Direction::Desc)).await,
        (5, owned(&["规则", "d"]))
    );
    assert_eq!(
        names(&tables, "ann", page(9, Direction::Asc)).await,
        (5, owned(&[]))
    );
    let wanted = RuleGetRequest {
        check_items: owned(&["d", "a", "unknown"]),
        ..RuleGetRequest::default()
    };
    assert_eq!(names(&tables, "ann", wanted).await, (2, owned(&["d", "a"])));
}

async fn a_changed_rule_keeps_its_past(backend: &Backend) {
    let tables = backend.open().await;
    let at = |offset: i64| NOW_MS + offset;
    let described = changed_rule("a", "k1", json!({"description": "only for people"}));
    for (rule, offset) in [
        (rule("a", "k1"), 0),
        (described, 10),
        (rule("a", "k2"), 20),
        (rule("a", "k1"), 30),
    ] {
        tables
            .add_rules("ann", &[rule], at(offset))
            .await
            .expect("changed");
    }
    assert_eq!(
        periods(&tables, "ann").await,
        [
            ("k1".to_owned(), None, Some(at(20))),
            ("k2".to_owned(), Some(at(20)), Some(at(30))),
            ("k1".to_owned(), Some(at(30)), None),
        ]
    );
    let differently = changed_rule("a", "k1", json!({"condition": "($0 > 1)"}));
    tables
        .add_rules("ann", &[differently], at(35))
        .await
        .expect("changed");
    let histories = tables.rule_histories("ann").await.expect("read");
    let conditions: Vec<&str> = histories[0]
        .keys
        .iter()
        .map(|period| period.item.condition.as_str())
        .collect();
    assert_eq!(conditions, ["$0 > 1", "$0 > 1", "$0 > 1", "($0 > 1)"]);
    tables
        .delete_rules("ann", &["a".to_owned()])
        .await
        .expect("deleted");
    tables
        .add_rules("ann", &[rule("a", "k3")], at(40))
        .await
        .expect("added");
    assert_eq!(
        periods(&tables, "ann").await,
        [("k3".to_owned(), None, None)],
        "a new rule of an old name"
    );
}

/// The periods of an owner's only rule.
async fn periods(tables: &Tables, owner: &str) -> Vec<(String, Option<i64>, Option<i64>)> {
    let mut histories = tables.rule_histories(owner).await.expect("read");
    assert_eq!(histories.len(), 1);
    let period = |period: KeyPeriod| (period.key.as_str().to_owned(), period.from_ms, period.to_ms);
    histories.remove(0).keys.into_iter().map(period).collect()
}

async fn move_cursor(tables: &Tables, shard: u8, expected_ms: Option<i64>, position_ms: i64) {
    let request = CursorMoveRequest {
        shard: Shard::from_number(shard).expect("a shard"),
        expected_ms,
        position_ms,
    };
    assert!(tables.move_cursor(&request).await.expect("tried"));
}

async fn a_change_is_in_effect_from_the_first_window_not_published(backend: &Backend) {
    let tables = backend.open().await;
    let at = |offset: i64| NOW_MS + offset;
    let add = async |key: &str, offset| {
        let added = tables.add_rules("ann", &[rule("a", key)], at(offset)).await;
        added.expect("added");
    };
    move_cursor(&tables, 1, None, at(50)).await;
    move_cursor(&tables, 2, None, at(60)).await;
    add("k1", 100).await;
    move_cursor(&tables, 2, Some(at(60)), at(70)).await;
    add("k2", 110).await;
    add("k3", 111).await;
    let key = |key: &str, from_ms, to_ms| (key.to_owned(), from_ms, to_ms);
    assert_eq!(
        periods(&tables, "ann").await,
        [key("k1", None, Some(at(70))), key("k3", Some(at(70)), None)],
        "k2 judged no window"
    );
    add("k4", 65).await;
    assert_eq!(
        periods(&tables, "ann").await[1..],
        [key("k4", Some(at(70)), None)],
        "a clock set back"
    );
    move_cursor(&tables, 2, Some(at(70)), at(500)).await;
    add("k5", 200).await;
    assert_eq!(
        periods(&tables, "ann").await[2..],
        [key("k5", Some(at(200)), None)],
        "a cursor ahead of the time of the change"
    );
}

async fn a_disabled_rule_keeps_its_past_only(backend: &Backend) {
    let tables = backend.open().await;
    let at = |offset: i64| NOW_MS + offset;
    let enabled = |enabled: bool| changed_rule("a", "k", json!({ "enabled": enabled }));
    let key = |from_ms, to_ms| ("k".to_owned(), from_ms, to_ms);
    for (is_enabled, offset) in [(true, 0), (false, 10)] {
        let added = tables.add_rules("ann", &[enabled(is_enabled)], at(offset)).await;
        added.expect("added");
    }
    assert_eq!(periods(&tables, "ann").await, [key(None, Some(at(10)))]);
    tables
        .add_rules("ann", &[enabled(true)], at(20))
        .await
        .expect("added");
    assert_eq!(
        periods(&tables, "ann").await,
        [key(None, Some(at(10))), key(Some(at(20)), None)]
    );
    tables
        .add_rules("bob", &[enabled(false)], NOW_MS)
        .await
        .expect("added");
    assert_eq!(periods(&tables, "bob").await, []);
    assert_eq!(tables.count_rules("bob").await.expect("counted"), 1);
}

async fn histories_know_where_a_rule_is_in_effect(backend: &Backend) {
    let tables = backend.open().await;
    add_user(&tables, "ann").await;
    add_user(&tables, "bob").await;
    for (host, owner) in [("h1", "ann"), ("h2", "ann"), ("h3", "bob")] {
        add_host(&tables, host, owner).await;
    }
    let on = |hosts: &[&str]| changed_rule("a", "k", json!({"scope": {"hosts": hosts}}));
    for (rule, offset) in [(on(&["h1", "h3"]), 0), (on(&["h2"]), 10), (rule("a", "k"), 20)] {
        let added = tables.add_rules("ann", &[rule], NOW_MS + offset).await;
        added.expect("added");
    }
    let histories = tables.rule_histories("ann").await.expect("read");
    let hosts: Vec<_> = histories[0]
        .keys
        .iter()
        .map(|period| period.hosts.clone())
        .collect();
    let only = |host: &str| Some([HostId::from(host)].into());
    assert_eq!(hosts, [only("h1"), only("h2"), None]);
}

async fn in_effect(tables: &Tables) -> Vec<(String, Vec<String>)> {
    let mut rules = Vec::new();
    for shard in Shard::all() {
        let answer: EffectiveRulesAnswer = tables.effective_rules(shard).await.expect("read");
        for rule in answer.rules {
            assert!(rule.hosts.iter().all(|host| Shard::of(host) == shard));
            let hosts = rule
                .hosts
                .iter()
                .map(|host| host.as_str().to_owned())
                .collect::<Vec<_>>();
            rules.push((rule.key.as_str().to_owned(), hosts));
        }
    }
    rules.sort();
    let mut merged: Vec<(String, Vec<String>)> = Vec::new();
    for (key, hosts) in rules {
        match merged.last_mut().filter(|(last, _)| *last == key) {
            Some((_, all)) => all.extend(hosts),
            None => merged.push((key, hosts)),
        }
    }
    for (_, hosts) in &mut merged {
        hosts.sort();
    }
    merged
}

fn expected(rules: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let owned = |hosts: &[&str]| hosts.iter().map(|host| (*host).to_owned()).collect();
    rules
        .iter()
        .map(|(key, hosts)| ((*key).to_owned(), owned(hosts)))
        .collect()
}

async fn equal_rules_are_in_effect_once(backend: &Backend) {
    let tables = backend.open().await;
    add_admin(&tables).await;
    add_user(&tables, "ann").await;
    add_user(&tables, "bob").await;
    for (host, owner) in [
        ("h1", "ann"),
        ("h2", "ann"),
        ("h2", "bob"),
        ("h3", "bob"),
        ("h4", "admin"),
    ] {
        add_host(&tables, host, owner).await;
    }
    tables
        .add_rules("ann", &[rule("mine", "shared"), rule("also", "ann only")], NOW_MS)
        .await
        .expect("added");
    let scope = json!({"scope": {"hosts": ["h1"], "host_groups": ["web"]}});
    let admins_rules = [rule("x", "admins"), changed_rule("y", "admins few", scope)];
    tables
        .add_rules("bob", &[rule("other name", "shared")], NOW_MS)
        .await
        .expect("added");
    tables
        .add_rules("admin", &admins_rules, NOW_MS)
        .await
        .expect("added");
    assert_eq!(
        in_effect(&tables).await,
        expected(&[
            ("admins", &["h1", "h2", "h3", "h4"]),
            ("admins few", &["h1", "h4"]),
            ("ann only", &["h1", "h2"]),
            ("shared", &["h1", "h2", "h3"])
        ])
    );
    let shard = Shard::of(&HostId::from("h2"));
    let revision = tables.rules_revision().await.expect("a number");
    assert_eq!(
        tables.effective_rules(shard).await.expect("read").rules_revision,
        revision
    );
    tables
        .delete_rules("ann", &["mine".to_owned()])
        .await
        .expect("deleted");
    assert!(tables.effective_rules(shard).await.expect("read").rules_revision > revision);
    assert_eq!(
        in_effect(&tables).await,
        expected(&[
            ("admins", &["h1", "h2", "h3", "h4"]),
            ("admins few", &["h1", "h4"]),
            ("ann only", &["h1", "h2"]),
            ("shared", &["h2", "h3"])
        ])
    );
}

async fn scope_and_enabled_decide_where(backend: &Backend) {
    let tables = backend.open().await;
    add_user(&tables, "ann").await;
    for (host, group) in [("h1", "web"), ("h2", "db"), ("h3", "db")] {
        let mut request = registration(host, "ann");
        request.host_group_name = group.to_owned();
        tables
            .register_host(&request, HostId::from(host), NOW_MS)
            .await
            .expect("registered");
    }
    let rules = [
        changed_rule("off", "k0", json!({"enabled": false})),
        changed_rule("on", "k1", json!({"enabled": true})),
        changed_rule("group", "k2", json!({"scope": {"host_groups": ["db"]}})),
        changed_rule(
            "host",
            "k3",
            json!({"scope": {"hosts": ["h1"], "host_groups": ["none"]}}),
        ),
        changed_rule(
            "either",
            "k4",
            json!({"scope": {"hosts": ["h3"], "host_groups": ["web"]}}),
        ),
        changed_rule("nowhere", "k5", json!({"scope": {}})),
    ];
    tables.add_rules("ann", &rules, NOW_MS).await.expect("added");
    assert_eq!(
        in_effect(&tables).await,
        expected(&[
            ("k1", &["h1", "h2", "h3"]),
            ("k2", &["h2", "h3"]),
            ("k3", &["h1"]),
            ("k4", &["h1", "h3"])
        ])
    );
}

async fn rules_of_the_system_apply_everywhere_and_can_be_overridden(backend: &Backend) {
    let tables = backend.open().await;
    add_user(&tables, "ann").await;
    add_user(&tables, "bob").await;
    add_host(&tables, "h1", "ann").await;
    add_host(&tables, "h2", "bob").await;
    tables
        .add_rules(SYSTEM_OWNER, &[rule("s", "k1"), rule("t", "k2")], NOW_MS)
        .await
        .expect("added");
    tables
        .add_rules("ann", &[rule("own", "k3"), rule("s", "k4")], NOW_MS)
        .await
        .expect("added");
    let all = RuleGetRequest::default();
    assert_eq!(names(&tables, "ann", all.clone()).await.1, ["own", "s", "t"]);
    assert_eq!(names(&tables, "bob", all).await.1, ["s", "t"]);
    let keys: Vec<String> = tables
        .rule_histories("ann")
        .await
        .expect("read")
        .into_iter()
        .map(|history| history.keys[0].key.as_str().to_owned())
        .collect();
    assert_eq!(keys, ["k3", "k4", "k2"]);
    assert_eq!(
        in_effect(&tables).await,
        expected(&[
            ("k1", &["h1", "h2"]),
            ("k2", &["h1", "h2"]),
            ("k3", &["h1"]),
            ("k4", &["h1"])
        ])
    );
}

async fn imports_at_the_same_time_lose_nothing(backend: &Backend) {
    let tables = backend.open().await;
    let mut importing = tokio::task::JoinSet::new();
    for number in 0..8 {
        let tables = tables.clone();
        importing.spawn(async move {
            let rules = [
                rule("contended", &format!("k{number}")),
                rule(&format!("r{number}"), "k"),
            ];
            tables.add_rules("ann", &rules, NOW_MS).await
        });
    }
    for outcome in importing.join_all().await {
        outcome.expect("added");
    }
    assert_eq!(tables.count_rules("ann").await.expect("counted"), 9);
    assert_eq!(tables.rules_revision().await.expect("a number"), 8);
    let histories = tables.rule_histories("ann").await.expect("read");
    let contended = histories
        .iter()
        .find(|history| history.item.check_item == "contended");
    let keys = &contended.expect("there").keys;
    assert_eq!(
        (keys.len(), keys[0].to_ms, keys[1].to_ms),
        (2, Some(NOW_MS), None),
        "the first and the last; those between were replaced at once"
    );
}
