//! Writing many documents: split by number and size, sent, and what was refused sorted by what is to be done.

use std::fmt::Write;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::{Document, Refusal, Removal};
use super::layout::{Layout, stored_document, stored_mark};
use crate::back_off::BackOff;
use crate::elasticsearch::{Cause, ElasticsearchClient, ElasticsearchError, Method, Request};

/// Writes in one request at most.
const MAX_WRITES: usize = 2_000;

/// Bytes in one request at most, unless one write alone is larger.
const MAX_BYTES: usize = 5 * 1024 * 1024;

/// How often a write that was turned away for load is sent again before the caller is told.
const ATTEMPTS: u32 = 3;

/// Between these attempts: somebody may be waiting.
const BACK_OFF: BackOff = BackOff {
    first: Duration::from_millis(100),
    longest: Duration::from_millis(400),
};

/// One line about what to write where, one with what is written.
#[derive(Clone, Debug)]
pub(super) struct BulkWrite {
    id: String,
    lines: String,
}

impl BulkWrite {
    /// Wins over what has a smaller revision.
    pub(super) fn put(layout: &Layout, document: &Document) -> Self {
        let index = layout.index(document.kind, document.partition_ms());
        Self::new(
            &index,
            &document.id,
            document.revision,
            "external",
            &stored_document(document),
        )
    }

    /// Wins over what has the same revision, too.
    pub(super) fn removal(index: &str, removal: &Removal, now_ms: i64) -> Self {
        let mark = stored_mark(removal, now_ms);
        Self::new(index, &removal.id, removal.revision, "external_gte", &mark)
    }

    fn new(index: &str, id: &str, revision: i64, version_type: &str, stored: &str) -> Self {
        let action = json!({
            "index": { "_index": index, "_id": id, "version": revision, "version_type": version_type },
        });
        let mut lines = String::with_capacity(stored.len() + 200);
        let _ = write!(lines, "{action}\n{stored}\n");
        Self {
            id: id.to_owned(),
            lines,
        }
    }
}

/// The answer of `_bulk`, as far as it is asked for.
#[derive(Debug, Deserialize)]
struct BulkAnswer {
    errors: bool,
    #[serde(default)]
    items: Vec<BulkItem>,
}

#[derive(Debug, Deserialize)]
struct BulkItem {
    index: ItemOutcome,
}

#[derive(Debug, Deserialize)]
struct ItemOutcome {
    status: u16,
    #[serde(default)]
    error: Value,
}

/// What became of a batch.
#[derive(Debug, Default)]
struct Sorted {
    refused: Vec<Refusal>,
    /// Places of the writes that were turned away for load, and why.
    again: Vec<usize>,
    reason: Cause,
}

/// Writes all. What can never be written is given back; any other failure is an error, after which all can be sent again.
pub(super) async fn write(
    client: &ElasticsearchClient,
    writes: Vec<BulkWrite>,
) -> Result<Vec<Refusal>, ElasticsearchError> {
    let mut refused = Vec::new();
    for batch in batches(&writes) {
        refused.extend(write_batch(client, batch).await?);
    }
    Ok(refused)
}

/// Slices of bounded number and size.
fn batches(writes: &[BulkWrite]) -> impl Iterator<Item = &[BulkWrite]> {
    let mut rest = writes;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |write: &&BulkWrite| {
            bytes += write.lines.len();
            bytes <= MAX_BYTES
        };
        let fitting = rest.iter().take(MAX_WRITES).take_while(fits).count();
        if rest.is_empty() {
            return None;
        }
        let (batch, after) = rest.split_at(fitting.max(1));
        rest = after;
        Some(batch)
    })
}

async fn write_batch(
    client: &ElasticsearchClient,
    batch: &[BulkWrite],
) -> Result<Vec<Refusal>, ElasticsearchError> {
    let mut left: Vec<&BulkWrite> = batch.iter().collect();
    let mut refused = Vec::new();
    let deadline = Instant::now() + client.request_timeout();
    for attempt in 1.. {
        let error = match send(client, &left, deadline).await {
            Ok(sorted) => {
                refused.extend(sorted.refused);
                if sorted.again.is_empty() {
                    return Ok(refused);
                }
                left = sorted.again.into_iter().map(|place| left[place]).collect();
                ElasticsearchError::of_cause(&client.address(), sorted.reason)
            }
            Err(error @ ElasticsearchError::Overloaded { .. }) => error,
            Err(ElasticsearchError::Refused { cause, .. }) if cause.is_of_document() && left.len() == 1 => {
                refused.push(refusal(left[0], &cause));
                return Ok(refused);
            }
            Err(error) => return Err(error),
        };
        let pause = BACK_OFF.pause(attempt);
        if attempt == ATTEMPTS || Instant::now() + pause >= deadline {
            return Err(error);
        }
        tokio::time::sleep(pause).await;
    }
    Ok(refused)
}

/// All attempts share the time of one request.
async fn send(
    client: &ElasticsearchClient,
    writes: &[&BulkWrite],
    deadline: Instant,
) -> Result<Sorted, ElasticsearchError> {
    let lines: String = writes.iter().map(|write| write.lines.as_str()).collect();
    let request = Request::new(Method::Post, &["_bulk"])
        .with("filter_path", "errors,items.*.status,items.*.error")
        .lines(lines)
        .within(deadline.saturating_duration_since(Instant::now()));
    let answer: BulkAnswer = client.send(request).await?;
    sort(client, writes, answer)
}

fn sort(
    client: &ElasticsearchClient,
    writes: &[&BulkWrite],
    answer: BulkAnswer,
) -> Result<Sorted, ElasticsearchError> {
    let mut sorted = Sorted::default();
    if !answer.errors {
        return Ok(sorted);
    }
    if answer.items.len() != writes.len() {
        let reason = format!("{} answers to {} writes", answer.items.len(), writes.len());
        let cause = Cause {
            status: 500,
            kind: "partial_answer".to_owned(),
            reason,
        };
        return Err(ElasticsearchError::of_cause(&client.address(), cause));
    }
    for (place, item) in answer.items.iter().enumerate() {
        let ItemOutcome { status, error } = &item.index;
        // 409: what is stored is as new or newer.
        if matches!(status, 200..300 | 409) {
            continue;
        }
        let cause = Cause::read(*status, error);
        let is_block = cause.kind == "cluster_block_exception";
        match status {
            _ if cause.is_of_document() => sorted.refused.push(refusal(writes[place], &cause)),
            429 | 502..=504 if !is_block => {
                sorted.again.push(place);
                sorted.reason = cause;
            }
            _ => return Err(ElasticsearchError::of_cause(&client.address(), cause)),
        }
    }
    Ok(sorted)
}

fn refusal(write: &BulkWrite, cause: &Cause) -> Refusal {
    Refusal {
        id: write.id.clone(),
        reason: cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elasticsearch::ElasticsearchConfig;

    fn writes(sizes: &[usize]) -> Vec<BulkWrite> {
        let write = |(place, size): (usize, &usize)| BulkWrite {
            id: place.to_string(),
            lines: "x".repeat(*size),
        };
        sizes.iter().enumerate().map(write).collect()
    }

    #[test]
    fn batches_are_bounded_by_number_and_size() {
        let lengths = |sizes: &[usize]| -> Vec<usize> {
            let writes = writes(sizes);
            batches(&writes).map(<[BulkWrite]>::len).collect()
        };
        assert_eq!(lengths(&[]), Vec::<usize>::new());
        assert_eq!(lengths(&[1; 2 * MAX_WRITES + 1]), [MAX_WRITES, MAX_WRITES, 1]);
        assert_eq!(lengths(&[MAX_BYTES / 2, MAX_BYTES / 2, 1]), [2, 1]);
        assert_eq!(
            lengths(&[1, MAX_BYTES + 1, 1]),
            [1, 1, 1],
            "a large one goes alone"
        );
    }

    fn sorted(items: Value) -> Result<Sorted, ElasticsearchError> {
        let client = ElasticsearchClient::new(&ElasticsearchConfig::default()).expect("a client");
        let writes = writes(&[1, 1, 1]);
        let writes: Vec<&BulkWrite> = writes.iter().collect();
        let answer = serde_json::from_value(json!({ "errors": true, "items": items })).expect("an answer");
        sort(&client, &writes, answer)
    }

    fn item(status: u16, kind: &str) -> Value {
        json!({ "index": { "status": status, "error": { "type": kind, "reason": "so" } } })
    }

    #[test]
    fn each_failure_has_its_way() {
        let ok = json!({ "index": { "status": 201 } });
        let outcome = sorted(json!([
            item(409, "version_conflict_engine_exception"),
            item(400, "mapper_parsing_exception"),
            item(429, "es_rejected_execution_exception"),
        ]))
        .expect("sorted");
        assert_eq!(outcome.again, [2]);
        assert_eq!(outcome.refused.len(), 1);
        assert_eq!(outcome.refused[0].id, "1");
        let blocked = sorted(json!([ok, item(429, "cluster_block_exception"), ok]));
        assert!(
            matches!(blocked, Err(ElasticsearchError::Blocked { .. })),
            "{blocked:?}"
        );
        let full = sorted(json!([ok, ok, item(400, "validation_exception")]));
        assert!(
            matches!(full, Err(ElasticsearchError::Refused { .. })),
            "{full:?}"
        );
        let missing = sorted(json!([ok]));
        assert!(
            matches!(missing, Err(ElasticsearchError::Unavailable { .. })),
            "{missing:?}"
        );
    }
}
