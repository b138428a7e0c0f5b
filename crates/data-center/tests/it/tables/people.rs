//! Accounts, failed logins, the operation log.

use aops_api::account::{AccountGetRequest, AccountSort, Role};
use aops_api::audit::AuditGetRequest;
use aops_api::page::{Direction, Page};
use aops_api::read::Integer;
use aops_data_center::Error;
use aops_data_center::store::{LoginAttempt, NewAuditEntry, Tables};
use aops_service::random;
use serde_json::json;

use super::{NOW_MS, PASSWORD, add_admin, add_host, add_user, attempt, new_account, rule};
use crate::backend::{Backend, contract};

contract!(
    accounts_are_listed_for_whom_they_are,
    there_is_always_an_admin,
    a_reset_password_must_be_changed,
    a_deleted_account_leaves_its_name,
    failures_in_a_row_have_to_wait,
    others_do_not_wait,
    a_clock_that_is_set_back_locks_nobody_out,
    all_sessions_end_at_once,
    changes_are_written_down,
    old_entries_go,
);

async fn login(tables: &Tables, username: &str, password: &str, now_ms: i64) -> Result<String, Error> {
    let outcome = tables
        .login(attempt(username, password), random::id(), now_ms)
        .await;
    outcome.map(|answer| answer.access_token)
}

async fn accounts_are_listed_for_whom_they_are(backend: &Backend) {
    let tables = backend.open().await;
    let admin = add_admin(&tables).await;
    let ann = add_user(&tables, "ann").await;
    add_user(&tables, "Bob").await;
    add_host(&tables, "h1", "ann").await;
    add_host(&tables, "h2", "ann").await;
    login(&tables, "ann", PASSWORD, NOW_MS + 5_000).await.expect("in");

    let names = async |caller, request: AccountGetRequest| -> Vec<String> {
        let accounts = tables.accounts(caller, &request).await.expect("listed");
        accounts.into_iter().map(|account| account.username).collect()
    };
    let all = AccountGetRequest::default;
    assert_eq!(names(&admin, all()).await, ["Bob", "admin", "ann"]);
    assert_eq!(names(&ann, all()).await, ["ann"]);
    let by = |sort, direction| AccountGetRequest {
        sort: Some(sort),
        direction: Some(direction),
        ..all()
    };
    assert_eq!(
        names(&admin, by(AccountSort::Role, Direction::Asc)).await[0],
        "admin"
    );
    assert_eq!(
        names(&admin, by(AccountSort::LastLogin, Direction::Desc)).await[0],
        "ann"
    );
    let some = AccountGetRequest {
        account_list: vec!["ann".to_owned(), "nobody".to_owned()],
        ..all()
    };
    let accounts = tables.accounts(&admin, &some).await.expect("listed");
    let [account] = accounts.as_slice() else {
        panic!("{accounts:?}");
    };
    assert_eq!((account.role, account.host_count), (Role::User, 2));
    assert_eq!(account.last_login, Some(NOW_MS / 1_000 + 5));
    assert_eq!(account.created, NOW_MS / 1_000);
}

async fn there_is_always_an_admin(backend: &Backend) {
    let tables = backend.open().await;
    let admin = add_admin(&tables).await;
    add_user(&tables, "ann").await;
    let refusal = tables.set_role("admin", Role::User, NOW_MS).await;
    assert!(matches!(refusal, Err(Error::InUse(_))), "{refusal:?}");
    let refusal = tables.delete_account(&admin, "admin", NOW_MS).await;
    assert!(matches!(refusal, Err(Error::InUse(_))), "{refusal:?}");
    let refusal = tables.set_role("nobody", Role::Admin, NOW_MS).await;
    assert!(matches!(refusal, Err(Error::Invalid(_))), "{refusal:?}");

    let before = tables.rules_revision().await.expect("a number");
    tables
        .set_role("ann", Role::Admin, NOW_MS)
        .await
        .expect("promoted");
    assert_ne!(
        tables.rules_revision().await.expect("a number"),
        before,
        "an admin's rules reach further"
    );
    tables
        .set_role("admin", Role::User, NOW_MS)
        .await
        .expect("ann is left");
    let token = login(&tables, "ann", PASSWORD, NOW_MS).await.expect("in");
    let ann = tables.authenticate(Some(&token), NOW_MS).await.expect("known");
    assert!(ann.is_admin());
}

async fn a_reset_password_must_be_changed(backend: &Backend) {
    let tables = backend.open().await;
    add_user(&tables, "ann").await;
    let token = login(&tables, "ann", PASSWORD, NOW_MS).await.expect("in");
    tables
        .reset_password("ann", "another password", random::id(), NOW_MS)
        .await
        .expect("reset");
    assert!(
        tables.authenticate(Some(&token), NOW_MS).await.is_err(),
        "sessions end"
    );
    assert!(login(&tables, "ann", PASSWORD, NOW_MS).await.is_err());
    let answer = tables
        .login(attempt("ann", "another password"), random::id(), NOW_MS)
        .await
        .expect("in");
    assert!(answer.must_change);
    for (username, password) in [
        ("nobody", "another password"),
        ("ann", "12345678"),
        ("ann", "short"),
    ] {
        let refusal = tables
            .reset_password(username, password, random::id(), NOW_MS)
            .await;
        assert!(
            matches!(refusal, Err(Error::Invalid(_))),
            "{username} {password}: {refusal:?}"
        );
    }
}

async fn a_deleted_account_leaves_its_name(backend: &Backend) {
    let tables = backend.open().await;
    let admin = add_admin(&tables).await;
    add_user(&tables, "ann").await;
    add_host(&tables, "h1", "ann").await;
    tables
        .add_rules("ann", &[rule("r", "k")], NOW_MS)
        .await
        .expect("added");
    let token = login(&tables, "ann", PASSWORD, NOW_MS).await.expect("in");

    tables
        .delete_account(&admin, "ann", NOW_MS)
        .await
        .expect("deleted");
    assert!(tables.authenticate(Some(&token), NOW_MS).await.is_err());
    assert!(matches!(
        login(&tables, "ann", PASSWORD, NOW_MS).await,
        Err(Error::Login)
    ));
    assert!(
        tables.machines().await.expect("listed").is_empty(),
        "its only access is gone"
    );
    assert!(tables.rule_histories("ann").await.expect("listed").is_empty());
    let refusal = tables
        .add_account(new_account("ann", PASSWORD), random::id(), NOW_MS)
        .await;
    assert!(
        matches!(refusal, Err(Error::Exists(_))),
        "whoever is ann later sees ann's reports: {refusal:?}"
    );
    for refusal in [
        tables.delete_account(&admin, "ann", NOW_MS).await,
        tables.set_role("ann", Role::Admin, NOW_MS).await,
        tables
            .reset_password("ann", "another password", random::id(), NOW_MS)
            .await,
    ] {
        assert!(matches!(refusal, Err(Error::Invalid(_))), "{refusal:?}");
    }
}

async fn failures_in_a_row_have_to_wait(backend: &Backend) {
    let tables = backend.open().await;
    add_user(&tables, "ann").await;
    // Known or not: an answer that differs would tell.
    for username in ["ann", "nobody"] {
        for _ in 0..4 {
            let refusal = login(&tables, username, "a wrong password", NOW_MS).await;
            assert!(matches!(refusal, Err(Error::Login)), "{username}: {refusal:?}");
        }
        for _ in 0..3 {
            let refusal = login(&tables, username, PASSWORD, NOW_MS + 400).await;
            assert!(
                matches!(refusal, Err(Error::Throttled { seconds: 1 })),
                "{username}: {refusal:?}"
            );
        }
    }
    let refusal = login(&tables, "ann", "a wrong password", NOW_MS + 1_000).await;
    assert!(matches!(refusal, Err(Error::Login)), "{refusal:?}");
    let refusal = login(&tables, "ann", PASSWORD, NOW_MS + 2_000).await;
    assert!(
        matches!(refusal, Err(Error::Throttled { seconds: 1 })),
        "it doubles: {refusal:?}"
    );
    login(&tables, "ann", PASSWORD, NOW_MS + 3_000).await.expect("in");
    for _ in 0..3 {
        assert!(
            login(&tables, "ann", "a wrong password", NOW_MS + 3_000)
                .await
                .is_err()
        );
    }
    login(&tables, "ann", PASSWORD, NOW_MS + 3_000)
        .await
        .expect("a success starts anew");
}

async fn others_do_not_wait(backend: &Backend) {
    let tables = backend.open().await;
    for username in ["ann", "bob"] {
        add_user(&tables, username).await;
    }
    for _ in 0..4 {
        assert!(login(&tables, "ann", "a wrong password", NOW_MS).await.is_err());
    }
    login(&tables, "bob", PASSWORD, NOW_MS)
        .await
        .expect("another account");
    let elsewhere = LoginAttempt {
        address: "10.9.9.9",
        ..attempt("ann", PASSWORD)
    };
    tables
        .login(elsewhere, random::id(), NOW_MS)
        .await
        .expect("from elsewhere");
    // Many accounts from one place.
    for number in 0..20 {
        let _ = login(&tables, &format!("user {number}"), "a wrong password", NOW_MS).await;
    }
    let refusal = login(&tables, "bob", PASSWORD, NOW_MS).await;
    assert!(matches!(refusal, Err(Error::Throttled { .. })), "{refusal:?}");
    login(&tables, "bob", PASSWORD, NOW_MS + 4_000_000)
        .await
        .expect("forgotten");
}

async fn a_clock_that_is_set_back_locks_nobody_out(backend: &Backend) {
    let tables = backend.open().await;
    add_user(&tables, "ann").await;
    for _ in 0..4 {
        assert!(login(&tables, "ann", "a wrong password", NOW_MS).await.is_err());
    }
    let hours_ago_ms = NOW_MS - 10_000_000;
    let refusal = login(&tables, "ann", PASSWORD, hours_ago_ms).await;
    assert!(
        matches!(refusal, Err(Error::Throttled { seconds: 1 })),
        "{refusal:?}"
    );
}

async fn all_sessions_end_at_once(backend: &Backend) {
    let tables = backend.open().await;
    for username in ["ann", "bob"] {
        add_user(&tables, username).await;
    }
    let mut tokens = Vec::new();
    for username in ["ann", "ann", "bob"] {
        tokens.push(login(&tables, username, PASSWORD, NOW_MS).await.expect("in"));
    }
    tables.logout_everywhere("ann").await.expect("out");
    let mut open = Vec::new();
    for token in &tokens {
        open.push(tables.authenticate(Some(token), NOW_MS).await.is_ok());
    }
    assert_eq!(open, [false, false, true]);
}

fn entry(username: &str, action: &'static str) -> NewAuditEntry {
    NewAuditEntry {
        username: username.to_owned(),
        address: "10.0.0.1".to_owned(),
        action,
        detail: json!({ "host_list": ["h1"] }),
        request_id: "r".to_owned(),
    }
}

async fn changes_are_written_down(backend: &Backend) {
    let tables = backend.open().await;
    for (second, username, action) in [
        (0, "ann", "host.add"),
        (1, "bob", "host.delete"),
        (2, "ann", "group.add"),
        (3, &"ä".repeat(500), "account.login"),
    ] {
        let now_ms = NOW_MS + second * 1_000;
        let id = tables
            .begin_audit(&entry(username, action), now_ms)
            .await
            .expect("begun");
        if action != "group.add" {
            tables.end_audit(id, 206, "some").await.expect("ended");
        }
    }
    let read = async |request: AuditGetRequest, page| tables.audit(&request, page).await.expect("read");
    let (total, entries) = read(AuditGetRequest::default(), None).await;
    let actions: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        (total, actions),
        (4, vec!["account.login", "group.add", "host.delete", "host.add"])
    );
    assert_eq!(entries[0].username.chars().count(), 128, "cut to its column");
    assert_eq!((entries[1].outcome, entries[2].outcome), (None, Some(206)));
    assert_eq!(entries[3].detail, json!({ "host_list": ["h1"] }));
    assert_eq!(
        (entries[3].time, entries[3].message.as_str()),
        (NOW_MS / 1_000, "some")
    );

    let page = Page::check(Some(Integer(2)), Some(Integer(3))).expect("a page");
    let (total, entries) = read(AuditGetRequest::default(), page).await;
    assert_eq!((total, entries.len()), (4, 1));
    let of_ann = AuditGetRequest {
        account_list: vec!["ann".to_owned()],
        action_list: vec!["host.add".to_owned(), "host.delete".to_owned()],
        direction: Some(Direction::Asc),
        ..AuditGetRequest::default()
    };
    assert_eq!(read(of_ann, None).await.0, 1);
    let between = AuditGetRequest {
        time_range: [1, 2].map(|second| Integer(NOW_MS / 1_000 + second)).to_vec(),
        ..AuditGetRequest::default()
    };
    assert_eq!(read(between, None).await.0, 2);
}

async fn old_entries_go(backend: &Backend) {
    let tables = backend.open().await;
    for now_ms in [NOW_MS, NOW_MS + 10] {
        tables
            .begin_audit(&entry("ann", "host.add"), now_ms)
            .await
            .expect("begun");
    }
    assert_eq!(tables.delete_audit_before(NOW_MS + 10).await.expect("deleted"), 1);
    let (total, _) = tables
        .audit(&AuditGetRequest::default(), None)
        .await
        .expect("read");
    assert_eq!(total, 1);
}
