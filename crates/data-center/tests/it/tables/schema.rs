use aops_api::account::Role;
use aops_data_center::Error;

use super::{add_admin, add_host, add_user, caller, rule};
use crate::backend::{Backend, contract};

contract!(
    a_newer_schema_is_refused_when_it_says_so,
    a_newer_schema_that_only_adds_is_worked_on,
    opening_at_the_same_time_migrates_once,
);

const OF_THE_FUTURE: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                             VALUES (9999, 'of the future', TRUE, 'x', 0)";

async fn a_newer_schema_is_refused_when_it_says_so(backend: &Backend) {
    backend.open().await.close().await;
    backend.run(OF_THE_FUTURE).await;
    backend
        .run("UPDATE schema_compatibility SET minimum_reader = 9998")
        .await;
    let refusal = backend.try_open().await.err().expect("refused");
    assert!(
        matches!(refusal, Error::NewerSchema { version: 9999, .. }),
        "{refusal:?}"
    );
    assert!(refusal.to_string().contains("newer"), "{refusal}");
}

/// A rolling upgrade: the newer release has migrated, this one goes on with what it knows.
async fn a_newer_schema_that_only_adds_is_worked_on(backend: &Backend) {
    backend.open().await.close().await;
    for statement in [
        "CREATE TABLE of_the_future (number BIGINT NOT NULL)",
        "ALTER TABLE account ADD COLUMN nickname VARCHAR(128) NULL",
        "ALTER TABLE machine ADD COLUMN rack BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE rule_version ADD COLUMN note VARCHAR(128) NOT NULL DEFAULT ''",
        "CREATE INDEX machine_rack ON machine (rack)",
        OF_THE_FUTURE,
    ] {
        backend.run(statement).await;
    }
    let tables = backend.open().await;
    add_admin(&tables).await;
    add_user(&tables, "ann").await;
    let host = add_host(&tables, "a host", "ann").await;
    tables
        .add_rules("ann", &[rule("a", "k")], super::NOW_MS)
        .await
        .expect("added");
    let visible = tables
        .visible_hosts(&caller("ann", Role::User))
        .await
        .expect("read");
    assert!(visible.contains(&host));
    assert_eq!(tables.count_rules("ann").await.expect("counted"), 1);
}

async fn opening_at_the_same_time_migrates_once(backend: &Backend) {
    if backend.is_one_process() {
        return;
    }
    let (first, second) = tokio::join!(backend.try_open(), backend.try_open());
    let (first, second) = (first.expect("opened"), second.expect("opened"));
    add_user(&first, "ann").await;
    assert!(second.has_accounts().await.expect("counted"));
}
