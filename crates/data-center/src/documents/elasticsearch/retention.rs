//! Deleting what is old.
//!
//! An index of which everything is old is deleted whole, which costs nothing and gives its space back at once. From the
//! others documents are deleted one by one. A mark of a removal is never old here: [`trim_removed`] deletes marks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Field;
use super::{MAINTENANCE, refresh};
use crate::elasticsearch::{ElasticsearchClient, ElasticsearchError, Method, Request};

/// Documents that are deleted with one request.
const AT_ONCE: u64 = 10_000;

pub(super) async fn delete_before(
    client: &ElasticsearchClient,
    indices: &str,
    field: Field,
    before_ms: i64,
) -> Result<u64, ElasticsearchError> {
    let old = json!({ "range": { field.name(): { "lt": before_ms } } });
    let rest = json!({ "bool": { "must_not": [old] } });
    let blocked = blocked_indices(client, indices).await?;
    let mut deleted = 0;
    for index in index_names(client, indices).await? {
        if is_empty_of(client, &index, &rest).await? {
            deleted += delete_whole(client, &index, &old, &rest).await?;
        } else if blocked.contains(&index) {
            // A process died while it was about to delete the index.
            block_writes(client, &index, false).await?;
        }
    }
    Ok(deleted + delete_matching(client, indices, &old).await?)
}

pub(super) async fn trim_removed(
    client: &ElasticsearchClient,
    indices: &str,
    before_ms: i64,
) -> Result<u64, ElasticsearchError> {
    let marks = json!({ "range": { "removed_ms": { "lt": before_ms } } });
    delete_matching(client, indices, &marks).await
}

pub(super) async fn index_names(
    client: &ElasticsearchClient,
    indices: &str,
) -> Result<Vec<String>, ElasticsearchError> {
    let request = Request::new(Method::Get, &[indices, "_alias"])
        .with("allow_no_indices", true)
        .with("ignore_unavailable", true);
    let answer: BTreeMap<String, Value> = client.send(request).await?;
    Ok(answer.into_keys().collect())
}

async fn count(client: &ElasticsearchClient, index: &str, query: &Value) -> Result<u64, ElasticsearchError> {
    let body = json!({ "size": 0, "track_total_hits": true, "query": query });
    let answer = client.search::<Value>(index, body).await?;
    Ok(answer.hits.total.map_or(0, |total| total.value))
}

/// Whether nothing is there that matches.
async fn is_empty_of(
    client: &ElasticsearchClient,
    index: &str,
    query: &Value,
) -> Result<bool, ElasticsearchError> {
    refresh(client, index).await?;
    Ok(count(client, index, query).await? == 0)
}

/// Deletes the index, unless something has come in meanwhile. What comes while it takes no writes fails and is sent
/// again; should this process die here, the next pass deletes the index or lifts the block.
async fn delete_whole(
    client: &ElasticsearchClient,
    index: &str,
    old: &Value,
    rest: &Value,
) -> Result<u64, ElasticsearchError> {
    block_writes(client, index, true).await?;
    if !is_empty_of(client, index, rest).await? {
        block_writes(client, index, false).await?;
        return Ok(0);
    }
    let held = count(client, index, old).await?;
    delete_index(client, index).await?;
    tracing::info!(index, documents = held, "an index was deleted: all in it was old");
    Ok(held)
}

pub(super) async fn block_writes(
    client: &ElasticsearchClient,
    index: &str,
    blocked: bool,
) -> Result<(), ElasticsearchError> {
    let value = if blocked { json!(true) } else { Value::Null };
    let request = Request::new(Method::Put, &[index, "_settings"])
        .json(json!({ "index.blocks.write": value }))
        .within(MAINTENANCE);
    client.send::<Value>(request).await.map(drop)
}

/// Those that take no writes.
async fn blocked_indices(
    client: &ElasticsearchClient,
    indices: &str,
) -> Result<BTreeSet<String>, ElasticsearchError> {
    let request = Request::new(Method::Get, &[indices, "_settings", "index.blocks.write"])
        .with("allow_no_indices", true)
        .with("ignore_unavailable", true);
    let answer: BTreeMap<String, Value> = client.send(request).await?;
    let is_blocked = |settings: &Value| settings["settings"]["index"]["blocks"]["write"] == "true";
    let blocked = answer.into_iter().filter(|(_, settings)| is_blocked(settings));
    Ok(blocked.map(|(index, _)| index).collect())
}

pub(super) async fn delete_index(
    client: &ElasticsearchClient,
    index: &str,
) -> Result<(), ElasticsearchError> {
    // Another data center may have been first.
    let request = Request::new(Method::Delete, &[index])
        .with("ignore_unavailable", true)
        .within(MAINTENANCE);
    client.send::<Value>(request).await.map(drop)
}

/// The answer of `_delete_by_query`.
#[derive(Deserialize)]
struct Deleted {
    deleted: u64,
    version_conflicts: u64,
}

/// Deletes in bounded steps. A document that changes meanwhile is left for the next pass.
async fn delete_matching(
    client: &ElasticsearchClient,
    indices: &str,
    query: &Value,
) -> Result<u64, ElasticsearchError> {
    refresh(client, indices).await?;
    let mut deleted = 0;
    loop {
        let request = Request::new(Method::Post, &[indices, "_delete_by_query"])
            .with("conflicts", "proceed")
            .with("refresh", true)
            .with("ignore_unavailable", true)
            .with("allow_no_indices", true)
            .with("max_docs", AT_ONCE)
            .json(json!({ "query": query }))
            .within(MAINTENANCE);
        let step: Deleted = client.send(request).await?;
        deleted += step.deleted;
        if step.deleted + step.version_conflicts < AT_ONCE || step.deleted == 0 {
            return Ok(deleted);
        }
    }
}
