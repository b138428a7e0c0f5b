use std::collections::BTreeSet;

use aops_api::host::{HostGetRequest, HostSort};
use aops_api::page::Direction;
use aops_api::{HostId, Shard};
use aops_data_center::Error;

use super::{NOW_MS, add_admin, add_host, add_user, registration};
use crate::backend::{Backend, contract};

contract!(
    the_same_agent_is_the_same_machine,
    users_see_their_own_and_admins_all,
    lists_are_filtered_and_sorted,
    the_earliest_first_sample_stands,
    wrong_registrations_are_refused,
    registrations_at_the_same_time_make_one_machine,
);

async fn the_same_agent_is_the_same_machine(backend: &Backend) {
    let tables = backend.open().await;
    add_admin(&tables).await;
    let mut request = registration("a1", "admin");
    let host = tables
        .register_host(&request, HostId::from("h1"), NOW_MS)
        .await
        .expect("new");
    assert_eq!(host.as_str(), "h1");
    let revision = tables.rules_revision().await.expect("a number");

    request.address = "10.0.0.9".to_owned();
    request.metrics_address = "10.0.0.9:50002".to_owned();
    request.host_name = "another name".to_owned();
    request.host_group_name = "another group".to_owned();
    let again = tables
        .register_host(&request, HostId::from("h2"), NOW_MS + 1)
        .await
        .expect("known");
    assert_eq!(again, host);
    assert_eq!(
        tables.rules_revision().await.expect("a number"),
        revision,
        "the same rules apply"
    );

    let machines = tables.machines().await.expect("listed");
    assert_eq!(machines.len(), 1);
    assert_eq!(
        (machines[0].address.as_str(), machines[0].shard),
        ("10.0.0.9", Shard::of(&host))
    );
    let targets = tables.scrape_targets().await.expect("listed");
    assert_eq!(targets[0].metrics_address, "10.0.0.9:50002");
    let rows = tables
        .hosts(
            &super::caller("admin", aops_api::account::Role::Admin),
            &HostGetRequest::default(),
        )
        .await
        .expect("listed");
    assert_eq!(
        (rows[0].host_name.as_str(), rows[0].host_group_name.as_str()),
        ("name of a1", "web"),
        "name and group are the owner's"
    );

    tables
        .register_host(&registration("a2", "admin"), HostId::from("h2"), NOW_MS)
        .await
        .expect("new");
    assert!(tables.rules_revision().await.expect("a number") > revision);
}

async fn users_see_their_own_and_admins_all(backend: &Backend) {
    let tables = backend.open().await;
    let admin = add_admin(&tables).await;
    let (ann, bob) = (add_user(&tables, "ann").await, add_user(&tables, "bob").await);
    add_host(&tables, "h1", "ann").await;
    add_host(&tables, "h2", "bob").await;
    let shared = registration("agent of h1", "bob");
    let host = tables
        .register_host(&shared, HostId::from("unused"), NOW_MS)
        .await
        .expect("known");
    assert_eq!(host.as_str(), "h1");

    for (caller, expected) in [
        (&ann, vec!["h1"]),
        (&bob, vec!["h1", "h2"]),
        (&admin, vec!["h1", "h2"]),
    ] {
        let expected: BTreeSet<HostId> = expected.into_iter().map(HostId::from).collect();
        assert_eq!(tables.visible_hosts(caller).await.expect("listed"), expected);
        let rows = tables
            .hosts(caller, &HostGetRequest::default())
            .await
            .expect("listed");
        let ids: BTreeSet<HostId> = rows.into_iter().map(|row| row.host_id).collect();
        assert_eq!(ids, expected);
    }
}

async fn lists_are_filtered_and_sorted(backend: &Backend) {
    let tables = backend.open().await;
    let admin = add_admin(&tables).await;
    for (number, name, group) in [(1, "b", "web"), (2, "c", "db"), (3, "a", "web")] {
        let mut request = registration(&format!("a{number}"), "admin");
        request.host_name = name.to_owned();
        request.host_group_name = group.to_owned();
        let host_id = HostId::new(format!("h{number}"));
        tables
            .register_host(&request, host_id, NOW_MS + number)
            .await
            .expect("new");
    }
    let names = async |request: HostGetRequest| {
        let rows = tables.hosts(&admin, &request).await.expect("listed");
        rows.into_iter().map(|row| row.host_name).collect::<Vec<_>>()
    };
    let all = HostGetRequest::default;
    assert_eq!(
        names(all()).await,
        ["b", "c", "a"],
        "in the order in which they came"
    );
    let sort = |sort, direction| HostGetRequest {
        sort: Some(sort),
        direction: Some(direction),
        ..all()
    };
    assert_eq!(
        names(sort(HostSort::HostName, Direction::Asc)).await,
        ["a", "b", "c"]
    );
    assert_eq!(
        names(sort(HostSort::HostName, Direction::Desc)).await,
        ["c", "b", "a"]
    );
    assert_eq!(
        names(sort(HostSort::HostGroupName, Direction::Asc)).await,
        ["c", "b", "a"]
    );
    let of_group = HostGetRequest {
        host_group_list: vec!["web".to_owned(), "none".to_owned()],
        ..all()
    };
    assert_eq!(names(of_group).await, ["b", "a"]);
    let managing = HostGetRequest {
        management: Some(true.into()),
        ..all()
    };
    assert_eq!(names(managing).await, Vec::<String>::new());
}

async fn the_earliest_first_sample_stands(backend: &Backend) {
    let tables = backend.open().await;
    add_admin(&tables).await;
    let host = add_host(&tables, "h1", "admin").await;
    assert_eq!(tables.machines().await.expect("listed")[0].first_sample_ms, None);
    for (time_ms, expected_ms) in [(500, 500), (700, 500), (300, 300)] {
        tables.set_first_sample(&host, time_ms).await.expect("set");
        let machines = tables.machines().await.expect("listed");
        assert_eq!(machines[0].first_sample_ms, Some(expected_ms));
    }
}

async fn wrong_registrations_are_refused(backend: &Backend) {
    let tables = backend.open().await;
    add_admin(&tables).await;
    let wrong = [
        (registration("", "admin"), "agent_id"),
        (registration("a1", "nobody"), "owner"),
        (
            {
                let mut request = registration("a1", "admin");
                request.host_name = "a,b".to_owned();
                request
            },
            "host_name",
        ),
    ];
    for (request, field) in wrong {
        let refusal = tables.register_host(&request, HostId::from("h"), NOW_MS).await;
        match refusal {
            Err(Error::Invalid(reason)) => assert!(reason.starts_with(field), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(tables.machines().await.expect("listed").is_empty());
}

async fn registrations_at_the_same_time_make_one_machine(backend: &Backend) {
    let tables = backend.open().await;
    add_admin(&tables).await;
    let mut registering = tokio::task::JoinSet::new();
    for number in 0..8 {
        let tables = tables.clone();
        registering.spawn(async move {
            let request = registration("a1", "admin");
            tables
                .register_host(&request, HostId::new(format!("h{number}")), NOW_MS)
                .await
        });
    }
    let ids: BTreeSet<HostId> = registering
        .join_all()
        .await
        .into_iter()
        .map(|id| id.expect("registered"))
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(tables.machines().await.expect("listed").len(), 1);
}
