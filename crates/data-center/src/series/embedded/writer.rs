//! The one task that changes the file and the index.

use std::collections::HashMap;
use std::sync::Arc;

use aops_api::HostId;
use sqlx::{Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::chunk::{self, Point};
use super::index::{Sealing, SeriesId, SeriesKey};
use super::{SharedIndex, payload};
use crate::series::{Sample, SeriesError};
use crate::sqlite_file::SqliteFile;

/// Commands taken at once: appends among them share one commit.
const BATCH: usize = 64;
/// Chunks deleted in one transaction, so that appends do not wait long.
const DELETED_AT_ONCE: i64 = 5_000;

type Done = oneshot::Sender<Result<(), SeriesError>>;

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Command {
    Append {
        host_id: HostId,
        samples: Vec<Sample>,
        done: Done,
    },
    /// Deletes some of what is older, and says whether there is more: appends go between.
    DeleteBefore {
        before_ms: i64,
        done: oneshot::Sender<Result<bool, SeriesError>>,
    },
    Close {
        done: oneshot::Sender<()>,
    },
}

struct Append {
    host_id: HostId,
    samples: Vec<(SeriesKey, Point)>,
}

/// An append that is in the file.
struct Stored {
    row: i64,
    samples: Vec<(SeriesId, Point)>,
}

pub(super) struct Writer {
    file: SqliteFile,
    index: Arc<SharedIndex>,
}

impl Writer {
    pub(super) const fn new(file: SqliteFile, index: Arc<SharedIndex>) -> Self {
        Self { file, index }
    }

    /// Works until it is told to close, or nobody is left who could tell it anything; then does what is in the
    /// queue, and closes the file.
    pub(super) async fn run(self, mut inbox: mpsc::Receiver<Command>) {
        let mut batch = Vec::new();
        let mut closing = Vec::new();
        while inbox.recv_many(&mut batch, BATCH).await > 0 {
            let mut appends = Vec::new();
            let mut waiting_for_append = Vec::new();
            let mut deletions = Vec::new();
            for command in batch.drain(..) {
                match command {
                    Command::Append {
                        host_id,
                        samples,
                        done,
                    } => {
                        appends.push(append(host_id, samples));
                        waiting_for_append.push(done);
                    }
                    Command::DeleteBefore { before_ms, done } => deletions.push((before_ms, done)),
                    Command::Close { done } => {
                        closing.push(done);
                        inbox.close();
                    }
                }
            }
            let hosts: Vec<HostId> = appends.iter().map(|append| append.host_id.clone()).collect();
            let outcome = self.store(appends).await;
            answer(waiting_for_append, &outcome);
            self.seal_due(&hosts).await;
            for (before_ms, done) in deletions {
                // Who asked may have stopped waiting.
                let _ = done.send(self.delete_before(before_ms).await);
            }
        }
        self.file.close().await;
        for done in closing {
            // Who asked may have stopped waiting.
            let _ = done.send(());
        }
    }

    /// Stores appends in one transaction; they can be read when this returns.
    async fn store(&self, appends: Vec<Append>) -> Result<(), SeriesError> {
        if appends.iter().all(|append| append.samples.is_empty()) {
            return Ok(());
        }
        let mut transaction = self.file.writer.begin_with("BEGIN IMMEDIATE").await?;
        let mut new = HashMap::new();
        let mut stored = Vec::new();
        for append in appends {
            let samples = self.number(&mut transaction, &mut new, append.samples).await?;
            if samples.is_empty() {
                continue;
            }
            let row = sqlx::query("INSERT INTO waiting (payload) VALUES (?)")
                .bind(payload::encode(&samples))
                .execute(&mut *transaction)
                .await?
                .last_insert_rowid();
            stored.push(Stored { row, samples });
        }
        transaction.commit().await?;

        let mut index = self.index.write();
        for (key, id) in new {
            index.add(id, key, i64::MIN);
        }
        for Stored { row, samples } in stored {
            index
                .publish(row, &samples)
                .expect("every series was known or has just been added");
        }
        Ok(())
    }

    /// Finds the numbers of the series; `new` ones get a row.
    async fn number(
        &self,
        transaction: &mut Transaction<'static, Sqlite>,
        new: &mut HashMap<SeriesKey, SeriesId>,
        samples: Vec<(SeriesKey, Point)>,
    ) -> Result<Vec<(SeriesId, Point)>, SeriesError> {
        let known: Vec<Option<SeriesId>> = {
            let index = self.index.read();
            samples.iter().map(|(key, _)| index.id(key)).collect()
        };
        let mut numbered = Vec::with_capacity(samples.len());
        for ((key, point), known) in samples.into_iter().zip(known) {
            let id = match known.or_else(|| new.get(&key).copied()) {
                Some(id) => id,
                None => {
                    let id = insert_series(transaction, &key).await?;
                    new.insert(key, id);
                    id
                }
            };
            numbered.push((id, point));
        }
        Ok(numbered)
    }

    /// Puts what waits into chunks, for those of the hosts where it is enough.
    async fn seal_due(&self, hosts: &[HostId]) {
        for host_id in hosts {
            let due = self.index.read().due(host_id);
            let Some(sealing) = due else {
                continue;
            };
            match self.seal(&sealing).await {
                Ok(()) => self.index.write().sealed(host_id),
                // Nothing is lost: they wait on, and the next append tries again.
                Err(error) => tracing::error!(%error, %host_id, "samples were not put into chunks"),
            }
        }
    }

    async fn seal(&self, sealing: &Sealing) -> Result<(), sqlx::Error> {
        let sequence = sealing.rows.last().copied().unwrap_or_default();
        let mut transaction = self.file.writer.begin_with("BEGIN IMMEDIATE").await?;
        for (id, points) in &sealing.chunks {
            let (Some(first), Some(last)) = (points.first(), points.last()) else {
                continue;
            };
            sqlx::query(
                "INSERT INTO chunk (series_id, start_ms, sequence, end_ms, samples, data) VALUES (?, ?, ?, ?, ?, ?)",
            )
            .bind(id.0)
            .bind(first.time_ms)
            .bind(sequence)
            .bind(last.time_ms)
            .bind(i64::try_from(points.len()).unwrap_or(i64::MAX))
            .bind(chunk::encode(points))
            .execute(&mut *transaction)
            .await?;
            sqlx::query("UPDATE series SET last_ms = max(last_ms, ?) WHERE id = ?")
                .bind(last.time_ms)
                .bind(id.0)
                .execute(&mut *transaction)
                .await?;
        }
        delete_waiting(&mut transaction, &sealing.rows).await?;
        transaction.commit().await
    }

    async fn delete_before(&self, before_ms: i64) -> Result<bool, SeriesError> {
        self.drop_waiting_of_silent_hosts(before_ms).await?;
        let deleted = sqlx::query(
            "DELETE FROM chunk WHERE (series_id, start_ms, sequence) IN (
                 SELECT series_id, start_ms, sequence FROM chunk WHERE end_ms < ? LIMIT ?)",
        )
        .bind(before_ms)
        .bind(DELETED_AT_ONCE)
        .execute(&self.file.writer)
        .await?
        .rows_affected();
        if deleted == DELETED_AT_ONCE.unsigned_abs() {
            return Ok(true);
        }
        let ended = self.index.read().ended_before(before_ms);
        if ended.is_empty() {
            return Ok(false);
        }
        let ids: Vec<i64> = ended.iter().map(|id| id.0).collect();
        sqlx::query("DELETE FROM series WHERE id IN (SELECT value FROM json_each(?))")
            .bind(json_list(&ids))
            .execute(&self.file.writer)
            .await?;
        self.index.write().forget(&ended);
        Ok(false)
    }

    /// A host that sends no more has samples that never get into a chunk.
    async fn drop_waiting_of_silent_hosts(&self, before_ms: i64) -> Result<(), SeriesError> {
        let silent = self.index.read().silent_since(before_ms);
        for host_id in silent {
            let rows = self.index.read().waiting_rows(&host_id);
            let mut transaction = self.file.writer.begin_with("BEGIN IMMEDIATE").await?;
            delete_waiting(&mut transaction, &rows).await?;
            transaction.commit().await?;
            self.index.write().sealed(&host_id);
        }
        Ok(())
    }
}

fn append(host_id: HostId, samples: Vec<Sample>) -> Append {
    let keyed = samples.into_iter().map(|sample| {
        let key = SeriesKey {
            host_id: host_id.clone(),
            name: sample.name,
            labels: sample.labels,
        };
        let point = Point {
            time_ms: sample.time_ms,
            value: sample.value,
        };
        (key, point)
    });
    Append {
        samples: keyed.collect(),
        host_id,
    }
}

fn answer(waiting: impl IntoIterator<Item = Done>, outcome: &Result<(), SeriesError>) {
    for done in waiting {
        // Who asked may have stopped waiting; it is done all the same.
        let _ = done.send(outcome.clone());
    }
}

async fn insert_series(
    transaction: &mut Transaction<'static, Sqlite>,
    key: &SeriesKey,
) -> Result<SeriesId, SeriesError> {
    let labels = serde_json::to_string(&key.labels).expect("texts are JSON");
    let done = sqlx::query("INSERT INTO series (host_id, name, labels, last_ms) VALUES (?, ?, ?, ?)")
        .bind(key.host_id.as_str())
        .bind(&key.name)
        .bind(labels)
        .bind(i64::MIN)
        .execute(&mut **transaction)
        .await?;
    Ok(SeriesId(done.last_insert_rowid()))
}

async fn delete_waiting(
    transaction: &mut Transaction<'static, Sqlite>,
    rows: &[i64],
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM waiting WHERE id IN (SELECT value FROM json_each(?))")
        .bind(json_list(rows))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// A list as one bound value, whatever its length: `json_each` makes rows of it.
pub(super) fn json_list(numbers: &[i64]) -> String {
    serde_json::Value::from(numbers).to_string()
}
