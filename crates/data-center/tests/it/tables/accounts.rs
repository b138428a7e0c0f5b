use aops_api::account::Role;
use aops_data_center::Error;
use aops_data_center::store::FirstAdmin;

use super::{NOW_MS, PASSWORD, add_admin, add_user, attempt, new_account};
use crate::backend::{Backend, contract};

contract!(
    a_session_from_login_to_logout,
    sessions_end_by_age_and_by_idleness,
    a_changed_password_ends_the_other_sessions,
    the_first_admin_is_made_once,
    names_and_passwords_have_limits,
);

const MINUTE_MS: i64 = 60_000;

async fn a_session_from_login_to_logout(backend: &Backend) {
    let tables = backend.open().await;
    add_user(&tables, "ann").await;
    for (username, password) in [
        ("ann", "a wrong password"),
        ("bob", PASSWORD),
        ("ANN", PASSWORD),
        ("", ""),
    ] {
        let refusal = tables
            .login(attempt(username, password), "s".to_owned(), NOW_MS)
            .await;
        assert!(matches!(refusal, Err(Error::Login)), "{username}: {refusal:?}");
    }
    let token = tables
        .login(attempt("ann", PASSWORD), "s1".to_owned(), NOW_MS)
        .await
        .expect("a token")
        .access_token;
    let caller = tables.authenticate(Some(&token), NOW_MS).await.expect("known");
    assert_eq!(
        (caller.username.as_str(), caller.role, caller.must_change),
        ("ann", Role::User, false)
    );

    let reopened = backend.open().await;
    assert_eq!(
        reopened.authenticate(Some(&token), NOW_MS).await.expect("known"),
        caller
    );

    tables.logout(&caller.session_id).await.expect("logged out");
    for token in [Some(token.as_str()), Some("x"), Some(""), None] {
        let refusal = tables.authenticate(token, NOW_MS).await;
        assert!(matches!(refusal, Err(Error::Session)), "{refusal:?}");
    }
}

async fn sessions_end_by_age_and_by_idleness(backend: &Backend) {
    let tables = backend.open().await;
    add_user(&tables, "ann").await;
    let idle = tables
        .login(attempt("ann", PASSWORD), "idle".to_owned(), NOW_MS)
        .await
        .expect("a token")
        .access_token;
    let busy = tables
        .login(attempt("ann", PASSWORD), "busy".to_owned(), NOW_MS)
        .await
        .expect("a token")
        .access_token;

    // A call less than a minute after the last one is not written down; what counts is written at least that often.
    let mut now_ms = NOW_MS;
    let end_ms = NOW_MS + 12 * 60 * MINUTE_MS;
    while now_ms + 29 * MINUTE_MS < end_ms {
        now_ms += 29 * MINUTE_MS;
        tables
            .authenticate(Some(&busy), now_ms)
            .await
            .expect("still busy");
        tables
            .authenticate(Some(&busy), now_ms + 1)
            .await
            .expect("still busy");
    }
    assert!(matches!(
        tables.authenticate(Some(&busy), end_ms).await,
        Err(Error::Session)
    ));

    let idle_end_ms = NOW_MS + 30 * MINUTE_MS;
    assert!(
        tables
            .authenticate(Some(&idle), idle_end_ms - 1 - 29 * MINUTE_MS)
            .await
            .is_ok()
    );
    let idle_end_ms = idle_end_ms + MINUTE_MS - 1;
    assert!(matches!(
        tables.authenticate(Some(&idle), idle_end_ms).await,
        Err(Error::Session)
    ));
    let refusal = tables.authenticate(Some(&idle), NOW_MS).await;
    assert!(matches!(refusal, Err(Error::Session)), "gone for good");
}

async fn a_changed_password_ends_the_other_sessions(backend: &Backend) {
    let tables = backend.open().await;
    add_user(&tables, "ann").await;
    let mine = tables
        .login(attempt("ann", PASSWORD), "mine".to_owned(), NOW_MS)
        .await
        .expect("a token")
        .access_token;
    let other = tables
        .login(attempt("ann", PASSWORD), "other".to_owned(), NOW_MS)
        .await
        .expect("a token")
        .access_token;
    let caller = tables.authenticate(Some(&mine), NOW_MS).await.expect("known");
    let change = async |password: &str| {
        tables
            .change_password(&caller, password, aops_service::random::id(), NOW_MS)
            .await
    };
    assert!(matches!(change(PASSWORD).await, Err(Error::SamePassword)));
    assert!(matches!(change("short").await, Err(Error::Invalid(_))));
    change("another password").await.expect("changed");

    assert!(tables.authenticate(Some(&mine), NOW_MS).await.is_ok());
    assert!(matches!(
        tables.authenticate(Some(&other), NOW_MS).await,
        Err(Error::Session)
    ));
    let refusal = tables
        .login(attempt("ann", PASSWORD), "late".to_owned(), NOW_MS)
        .await;
    assert!(matches!(refusal, Err(Error::Login)));
    tables
        .login(attempt("ann", "another password"), "new".to_owned(), NOW_MS)
        .await
        .expect("a token");
}

async fn the_first_admin_is_made_once(backend: &Backend) {
    let tables = backend.open().await;
    assert!(!tables.has_accounts().await.expect("counted"));
    let first = |password: &str| FirstAdmin {
        password: password.to_owned(),
        must_change: true,
        salt: aops_service::random::id(),
    };
    assert!(
        tables
            .make_first_admin(first("the first one"), NOW_MS)
            .await
            .expect("made")
    );
    assert!(
        !tables
            .make_first_admin(first("the second one"), NOW_MS)
            .await
            .expect("there")
    );
    assert!(tables.has_accounts().await.expect("counted"));

    let token = tables
        .login(attempt("admin", "the first one"), "s".to_owned(), NOW_MS)
        .await
        .expect("a token")
        .access_token;
    let caller = tables.authenticate(Some(&token), NOW_MS).await.expect("known");
    assert!(caller.must_change && caller.is_admin());
    tables
        .change_password(&caller, "the admin's own", aops_service::random::id(), NOW_MS)
        .await
        .expect("changed");
    let caller = tables.authenticate(Some(&token), NOW_MS).await.expect("known");
    assert!(!caller.must_change);
}

async fn names_and_passwords_have_limits(backend: &Backend) {
    let tables = backend.open().await;
    add_admin(&tables).await;
    let add = async |username: &str, password: &str| {
        tables
            .add_account(
                new_account(username, password),
                aops_service::random::id(),
                NOW_MS,
            )
            .await
    };
    for username in ["", " ann", "a,b", "system"] {
        let refusal = add(username, PASSWORD).await;
        assert!(
            matches!(refusal, Err(Error::Invalid(_))),
            "{username}: {refusal:?}"
        );
    }
    assert!(matches!(add("ann", "1234567").await, Err(Error::Invalid(_))));
    add("安娜 🙂", PASSWORD).await.expect("any script");
    assert!(matches!(add("安娜 🙂", PASSWORD).await, Err(Error::Exists(_))));
    tables
        .login(attempt("安娜 🙂", PASSWORD), "s".to_owned(), NOW_MS)
        .await
        .expect("a token");
}
