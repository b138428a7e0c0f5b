use aops_data_center::Error;

use super::add_user;
use crate::backend::{Backend, contract};

contract!(a_newer_schema_is_refused, opening_at_the_same_time_migrates_once);

async fn a_newer_schema_is_refused(backend: &Backend) {
    let tables = backend.open().await;
    tables.close().await;
    backend
        .run(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'of the future', TRUE, 'x', 0)",
        )
        .await;
    let refusal = backend.try_open().await.err().expect("refused");
    assert!(
        matches!(refusal, Error::NewerSchema { version: 9999 }),
        "{refusal:?}"
    );
    assert!(refusal.to_string().contains("newer"), "{refusal}");
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

#[tokio::test]
async fn odd_urls_are_refused() {
    let open = aops_data_center::store::OpenTables {
        url: "postgres://localhost/x".to_owned(),
        token_key: aops_data_center::account::token::TokenKey::new(&"k".repeat(32)).expect("a key"),
        session_limits: Default::default(),
    };
    let refusal = aops_data_center::store::Tables::open(open).await.err();
    assert!(matches!(refusal, Some(Error::Setting(_))), "{refusal:?}");
}
