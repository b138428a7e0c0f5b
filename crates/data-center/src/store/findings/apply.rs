//! Writing what saves change, many rows with one statement.

use std::collections::BTreeMap;

use aops_api::finding::Transition;
use aops_api::{ResultId, Shard};
use sqlx::{Any, QueryBuilder};

use crate::error::Error;
use crate::findings::{Changes, KnownFinding, ResultChange, Span, Subject};
use crate::results::{RESULT_KIND, ResultDocument};
use crate::store::{MAX_BOUND, Write, execute, push_in, slices};

/// Changes of many keys and hosts, to be written together.
#[derive(Default)]
pub(super) struct Batch {
    spans_removed: Vec<(Subject, i64)>,
    spans_added: Vec<(Subject, Span)>,
    findings_removed: Vec<ResultId>,
    findings_written: Vec<(Subject, KnownFinding)>,
    told: Vec<(Subject, ResultChange)>,
}

impl Batch {
    pub(super) fn add(&mut self, subject: &Subject, changes: Changes) {
        let of_subject = |span: Span| (subject.clone(), span);
        self.spans_removed.extend(
            changes
                .spans_removed
                .iter()
                .map(|span| (subject.clone(), span.range.end_ms)),
        );
        self.spans_added
            .extend(changes.spans_added.into_iter().map(of_subject));
        self.findings_removed.extend(changes.findings_removed);
        let written = changes.findings_added.into_iter().chain(changes.findings_changed);
        self.findings_written
            .extend(written.map(|finding| (subject.clone(), finding)));
        self.told.extend(
            changes
                .transitions
                .into_iter()
                .map(|change| (subject.clone(), change)),
        );
    }

    pub(super) fn replace_spans(&mut self, subject: &Subject, before: &[Span], after: &[Span]) {
        let gone = before.iter().filter(|span| !after.contains(span));
        self.spans_removed
            .extend(gone.map(|span| (subject.clone(), span.range.end_ms)));
        let new = after.iter().filter(|span| !before.contains(span));
        self.spans_added
            .extend(new.map(|span| (subject.clone(), span.clone())));
    }

    /// Writes all. Whether something was left in the outbox.
    pub(super) async fn apply(
        self,
        write: &mut Write<'_>,
        revisions: &BTreeMap<Shard, i64>,
        now_ms: i64,
    ) -> Result<bool, Error> {
        self.apply_spans(write).await?;
        self.delete_findings(write).await?;
        self.write_findings(write).await?;
        self.fill_outbox(write, revisions, now_ms).await?;
        Ok(!self.told.is_empty())
    }

    pub(super) async fn apply_spans(&self, write: &mut Write<'_>) -> Result<(), Error> {
        for (subject, end_ms) in &self.spans_removed {
            sqlx::query("DELETE FROM coverage WHERE host_id = ? AND evaluation_key = ? AND end_ms = ?")
                .bind(subject.host_id.as_str().to_owned())
                .bind(subject.key.as_str().to_owned())
                .bind(*end_ms)
                .execute(write.connection())
                .await?;
        }
        for chunk in slices(&self.spans_added, 6) {
            let mut query = QueryBuilder::<Any>::new(
                "INSERT INTO coverage (host_id, evaluation_key, end_ms, start_ms, as_of_ms, judged_hash) ",
            );
            query.push_values(chunk, |mut row, (subject, span)| {
                let judged = span.judged.as_ref().map(|hash| hash.as_str().to_owned());
                row.push_bind(subject.host_id.as_str().to_owned())
                    .push_bind(subject.key.as_str().to_owned())
                    .push_bind(span.range.end_ms)
                    .push_bind(span.range.start_ms)
                    .push_bind(span.as_of_ms)
                    .push_bind(judged);
            });
            execute(query, write.connection()).await?;
        }
        Ok(())
    }

    async fn delete_findings(&self, write: &mut Write<'_>) -> Result<(), Error> {
        for chunk in self.findings_removed.chunks(MAX_BOUND / 2) {
            let mut query = QueryBuilder::<Any>::new("DELETE FROM finding WHERE ");
            push_in(&mut query, "result_id", chunk.iter().map(ResultId::as_str));
            execute(query, write.connection()).await?;
        }
        Ok(())
    }

    async fn write_findings(&self, write: &mut Write<'_>) -> Result<(), Error> {
        let rows: Vec<_> = self
            .findings_written
            .iter()
            .map(|(subject, known)| {
                let finding = &known.finding;
                (subject, known, json(&finding.labels), json(&finding.evidence))
            })
            .collect();
        let texts = |(subject, known, labels, evidence): &(&Subject, &KnownFinding, String, String)| {
            ids_of(subject) + known.finding.reason.len() + labels.len() + evidence.len()
        };
        for chunk in write.room.slices(&rows, 10, "a finding", texts)? {
            let mut query = QueryBuilder::<Any>::new(
                "REPLACE INTO finding (result_id, host_id, evaluation_key, labels, verdict, start_ms, end_ms, \
                 evidence, reason, closed) ",
            );
            query.push_values(chunk, |mut row, (subject, known, labels, evidence)| {
                let finding = &known.finding;
                row.push_bind(known.result_id.as_str().to_owned())
                    .push_bind(subject.host_id.as_str().to_owned())
                    .push_bind(subject.key.as_str().to_owned())
                    .push_bind(labels.clone())
                    .push_bind(finding.value.text().to_owned())
                    .push_bind(finding.range.start_ms)
                    .push_bind(finding.range.end_ms)
                    .push_bind(evidence.clone())
                    .push_bind(finding.reason.clone())
                    .push_bind(i64::from(known.closed));
            });
            execute(query, write.connection()).await?;
        }
        Ok(())
    }

    async fn fill_outbox(
        &self,
        write: &mut Write<'_>,
        revisions: &BTreeMap<Shard, i64>,
        now_ms: i64,
    ) -> Result<(), Error> {
        let rows: Vec<_> = self
            .told
            .iter()
            .map(|(subject, change)| {
                let body = json(&ResultDocument::of(subject, &change.result));
                (subject, change, body)
            })
            .collect();
        let texts = |(subject, _, body): &(&Subject, &ResultChange, String)| ids_of(subject) + body.len();
        for chunk in write.room.slices(&rows, 6, "the document of a finding", texts)? {
            let mut query = QueryBuilder::<Any>::new(
                "INSERT INTO outbox (kind, document_id, revision, transition, body, created_ms) ",
            );
            query.push_values(chunk, |mut row, (subject, change, body)| {
                let revision = revisions.get(&Shard::of(&subject.host_id)).copied().unwrap_or(0);
                row.push_bind(RESULT_KIND)
                    .push_bind(change.result.result_id.as_str().to_owned())
                    .push_bind(revision)
                    .push_bind(transition_text(change.transition))
                    .push_bind(body.clone())
                    .push_bind(now_ms);
            });
            execute(query, write.connection()).await?;
        }
        Ok(())
    }
}

/// Bytes of the ids in a row, its own one included.
fn ids_of(subject: &Subject) -> usize {
    2 * (subject.host_id.as_str().len() + subject.key.as_str().len())
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("findings are JSON")
}

/// The texts on the wire.
fn transition_text(transition: Transition) -> &'static str {
    match transition {
        Transition::Opened => "opened",
        Transition::Extended => "extended",
        Transition::Closed => "closed",
        Transition::Removed => "removed",
    }
}
