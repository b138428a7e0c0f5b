//! Saves that are larger than the server takes in one statement.

use aops_api::finding::{Evidence, Finding, FindingValue, JudgedWindow};
use aops_api::tree::TreeDocument;
use aops_api::{EvaluationKey, HostId, Labels, TimeRange};
use aops_data_center::Error;
use aops_data_center::store::OutboxRow;

use super::{NOW_MS, add_admin};
use crate::backend::{Backend, contract};

/// More than the server's `max_allowed_packet` of 16 MB, which is the default of MariaDB.
const WINDOWS: usize = 1_024;
const REASON_BYTES: usize = 30_000;

contract!(a_large_save_is_split);

fn window(number: usize) -> JudgedWindow {
    let finding = Finding {
        labels: Labels::new(),
        value: FindingValue::InternalError,
        range: TimeRange::new(0, 10),
        evidence: Evidence::default(),
        reason: "x".repeat(REASON_BYTES),
    };
    JudgedWindow {
        key: EvaluationKey::from("k"),
        host_id: HostId::from(format!("h{number}").as_str()),
        window: TimeRange::new(0, 10),
        as_of_ms: NOW_MS,
        covered: true,
        judged: vec![Labels::new()],
        findings: vec![finding],
    }
}

async fn a_large_save_is_split(backend: &Backend) {
    let tables = backend.open().await;
    let windows: Vec<JudgedWindow> = (0..WINDOWS).map(window).collect();
    tables.save_findings(&windows, NOW_MS).await.expect("saved");
    let mut told = 0;
    loop {
        let rows = tables.outbox(200).await.expect("read");
        if rows.is_empty() {
            break;
        }
        assert!(rows.iter().all(|row| row.body.len() > REASON_BYTES));
        told += rows.len();
        tables.delete_from_outbox(&rows).await.expect("deleted");
    }
    assert_eq!(told, WINDOWS);
}

#[tokio::test]
async fn what_cannot_be_split_is_refused_and_is_no_outage() {
    let Some(backend) = Backend::mysql().await else {
        return;
    };
    let tables = backend.open().await;
    let tree = TreeDocument {
        tree_name: "large".to_owned(),
        tree_content: serde_json::json!({}),
        description: "x".repeat(20 << 20),
    };
    let error = tables
        .add_trees("ann", &[tree], NOW_MS)
        .await
        .expect_err("too large");
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    assert!(!error.is_outage());
    let text = error.to_string();
    assert!(
        text.starts_with("trees: fault tree \"large\": takes 209") && text.contains("max_allowed_packet"),
        "{text}"
    );
    add_admin(&tables).await;
    backend.remove().await;
}

/// One that grew beyond the limit on its way: the server says so and closes the connection, which must not look like an
/// outage. (Far above the limit it resets the connection without a word: that is what the check before is for.)
#[tokio::test]
async fn a_statement_that_the_server_finds_too_large_is_no_outage() {
    let Some(backend) = Backend::mysql().await else {
        return;
    };
    let tables = backend.open().await;
    let row = OutboxRow {
        seq: 1,
        kind: "result".to_owned(),
        document_id: "a".to_owned(),
        revision: 1,
        transition: "opened".to_owned(),
        body: "x".repeat((16 << 20) + 1_000),
    };
    let error = tables
        .set_aside(&row, "reason", NOW_MS)
        .await
        .expect_err("too large");
    assert!(matches!(error, Error::StatementTooLarge(_)), "{error:?}");
    assert!(!error.is_outage());
    add_admin(&tables).await;
    backend.remove().await;
}
