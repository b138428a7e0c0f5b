//! Reading: all pages of a question in one point in time, within bounds of number, size and time.

use std::fmt::Write;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::query::{Found, Vocabulary};
use crate::elasticsearch::{Cause, ElasticsearchClient, ElasticsearchError, Method, Request, SearchAnswer};

/// Lines in one answer.
const PAGE: u64 = 2_000;

/// Questions in one request.
const QUESTIONS_AT_ONCE: usize = 500;

/// How much may still be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

/// Why a selector could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadingError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] ElasticsearchError),
    /// More matches than may be read.
    #[error("more than {0} match: narrow the labels of the rule, or raise logs.{1}")]
    TooMuch(String, &'static str),
    /// What is asked for makes no sense.
    #[error("{0}")]
    Question(String),
}

/// A point in time, and until when it has to be read.
pub(super) struct Reading {
    client: ElasticsearchClient,
    moment: String,
    deadline: Instant,
    after: Duration,
}

impl Reading {
    pub(super) async fn open(
        client: &ElasticsearchClient,
        indices: &str,
        deadline: Instant,
    ) -> Result<Self, ElasticsearchError> {
        let mut reading = Self {
            client: client.clone(),
            moment: String::new(),
            deadline,
            after: client.request_timeout(),
        };
        let request = Request::new(Method::Post, &[indices, "_pit"])
            .with("keep_alive", "1m")
            .with("ignore_unavailable", true);
        let answer: Value = reading.in_time(client.send(request)).await?;
        reading.moment = answer["id"].as_str().unwrap_or_default().to_owned();
        Ok(reading)
    }

    /// Nobody waits for it: one that is not closed is dropped by Elasticsearch after a minute.
    pub(super) fn close(self) {
        let request = Request::new(Method::Delete, &["_pit"]).json(json!({ "id": self.moment }));
        tokio::spawn(async move {
            if let Err(error) = self.client.send::<Value>(request).await {
                tracing::debug!(%error, "a point in time was not closed");
            }
        });
    }

    /// Everything that matches, the oldest first. `bounds` is what is left of it afterwards.
    pub(super) async fn all(
        &mut self,
        vocabulary: &Vocabulary,
        question: Value,
        bounds: &mut Bounds,
    ) -> Result<Vec<Found>, ReadingError> {
        let allowed = *bounds;
        let mut all = Vec::new();
        let mut after: Option<Vec<Value>> = None;
        loop {
            // One more than allowed tells that there are more.
            let size = PAGE.min(bounds.lines.saturating_add(1));
            let mut body = json!({
                "size": size, "track_total_hits": false, "_source": false,
                "query": question, "sort": vocabulary.order(), "fields": vocabulary.wanted(),
            });
            if let Some(after) = &after {
                body["search_after"] = json!(after);
            }
            let hits = self.search(body).await?.hits.hits;
            for hit in &hits {
                let found = vocabulary.read(hit);
                bounds.take(&found, allowed)?;
                all.push(found);
            }
            if (hits.len() as u64) < size {
                return Ok(all);
            }
            after = hits.into_iter().next_back().map(|hit| hit.sort);
        }
    }

    async fn search(&mut self, mut body: Value) -> Result<SearchAnswer<Value>, ElasticsearchError> {
        body["pit"] = json!({ "id": self.moment, "keep_alive": "1m" });
        let answer = self
            .in_time(self.client.search_point_in_time::<Value>(body))
            .await?;
        if let Some(moment) = &answer.pit_id {
            self.moment.clone_from(moment);
        }
        Ok(answer)
    }

    /// For each question, whether anything matches.
    pub(super) async fn any_of_each(
        &self,
        indices: &str,
        questions: &[Value],
    ) -> Result<Vec<bool>, ElasticsearchError> {
        let mut answers = Vec::with_capacity(questions.len());
        for some in questions.chunks(QUESTIONS_AT_ONCE) {
            answers.extend(self.in_time(self.ask(indices, some)).await?);
        }
        Ok(answers)
    }

    async fn ask(&self, indices: &str, questions: &[Value]) -> Result<Vec<bool>, ElasticsearchError> {
        let place = json!({
            "index": indices, "ignore_unavailable": true, "allow_no_indices": true,
            "allow_partial_search_results": false,
        });
        let mut lines = String::new();
        for question in questions {
            // The first that is found will do.
            let body = json!({ "size": 0, "terminate_after": 1, "query": question });
            let _ = write!(lines, "{place}\n{body}\n");
        }
        let request = Request::new(Method::Post, &["_msearch"]).lines(lines);
        let answer: ManyAnswers = self.client.send(request).await?;
        let address = self.client.address();
        if answer.responses.len() != questions.len() {
            let reason = format!(
                "{} answers to {} questions",
                answer.responses.len(),
                questions.len()
            );
            let cause = Cause {
                status: 500,
                kind: "partial_answer".to_owned(),
                reason,
            };
            return Err(ElasticsearchError::of_cause(&address, cause));
        }
        let found = |answer: &Value| match &answer["error"] {
            Value::Null => Ok(answer["hits"]["total"]["value"].as_u64().unwrap_or(0) > 0),
            error => {
                let status = answer["status"]
                    .as_u64()
                    .and_then(|status| u16::try_from(status).ok());
                let cause = Cause::read(status.unwrap_or(500), error);
                Err(ElasticsearchError::of_cause(&address, cause))
            }
        };
        answer.responses.iter().map(found).collect()
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, ElasticsearchError>>,
    ) -> Result<T, ElasticsearchError> {
        let out_of_time = |_| {
            Err(ElasticsearchError::TimedOut {
                address: self.client.address(),
                after: self.after,
            })
        };
        tokio::time::timeout_at(self.deadline, work)
            .await
            .unwrap_or_else(out_of_time)
    }
}

/// The answer of `_msearch`.
#[derive(Deserialize)]
struct ManyAnswers {
    responses: Vec<Value>,
}

impl Bounds {
    /// Lines and bytes of one more; `allowed` is for the message.
    fn take(&mut self, found: &Found, allowed: Bounds) -> Result<(), ReadingError> {
        let Some(lines) = self.lines.checked_sub(1) else {
            let what = format!("{} lines", allowed.lines);
            return Err(ReadingError::TooMuch(
                what,
                "maximum_lines_per_selector and maximum_lines_per_answer",
            ));
        };
        let Some(bytes) = self.bytes.checked_sub(found.message.len() as u64) else {
            let what = format!("{} bytes of lines", allowed.bytes);
            return Err(ReadingError::TooMuch(what, "maximum_bytes_per_answer"));
        };
        *self = Self { lines, bytes };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_and_told() {
        let found = Found {
            message: "12345".to_owned(),
            ..Found::default()
        };
        let allowed = Bounds { lines: 2, bytes: 12 };
        let mut bounds = allowed;
        bounds.take(&found, allowed).expect("fits");
        bounds.take(&found, allowed).expect("fits");
        assert_eq!(bounds, Bounds { lines: 0, bytes: 2 });
        let error = bounds.take(&found, allowed).expect_err("too many").to_string();
        assert!(error.starts_with("more than 2 lines match"), "{error}");
        let mut bounds = Bounds { lines: 9, bytes: 4 };
        let error = bounds.take(&found, allowed).expect_err("too long").to_string();
        assert!(error.starts_with("more than 12 bytes of lines match"), "{error}");
    }
}
