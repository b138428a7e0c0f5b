//! The embedded engine: compressed chunks in a SQLite file, recent samples in memory.
//!
//! ```text
//! append ─► writer ─► table waiting (one row per append, on the disk before it is acknowledged) ─► index (memory)
//!                        │ after 120 appends of a host, or two hours
//!                        ▼
//!                     table chunk (per series, one or two bytes a sample)
//! fetch  ─► index: which series, their waiting samples ─► table chunk: the rest
//! ```
//! One writer task does all changes, so appends that come together share one commit. Readers take the waiting samples
//! first and the chunks after: what moves between them is then seen twice, never missed, and doubles are dropped.

mod chunk;
mod fetch;
mod index;
mod numbers;
mod payload;
mod writer;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use aops_api::HostId;
use aops_api::series::{SeriesFetchAnswer, SeriesFetchRequest};
use tokio::sync::{mpsc, oneshot};

use self::fetch::Fetcher;
use self::index::{Index, SeriesId, SeriesKey};
use self::writer::{Command, Writer};
use super::{Sample, SeriesError, SeriesOptions};
use crate::sqlite_file::{Schema, SqliteFile};

const SCHEMA: Schema = Schema {
    version: 1,
    statements: include_str!("schema.sql"),
    upgrades: &[],
};
/// Appends that wait for the writer; who comes after waits to be let in.
const QUEUE: usize = 256;

/// The embedded series store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EmbeddedSeries {
    commands: mpsc::Sender<Command>,
    fetcher: Arc<Fetcher>,
}

impl EmbeddedSeries {
    pub(super) async fn open(path: &Path, options: SeriesOptions) -> Result<Self, SeriesError> {
        let file = SqliteFile::open(path, &SCHEMA).await?;
        let index = Arc::new(SharedIndex(RwLock::new(load(&file).await?)));
        let (commands, inbox) = mpsc::channel(QUEUE);
        let writer = Writer::new(file.clone(), Arc::clone(&index));
        tokio::spawn(writer.run(inbox));
        let fetcher = Arc::new(Fetcher { file, index, options });
        Ok(Self { commands, fetcher })
    }

    pub(super) async fn append(&self, host_id: HostId, samples: Vec<Sample>) -> Result<(), SeriesError> {
        let (done, outcome) = oneshot::channel();
        self.send(Command::Append {
            host_id,
            samples,
            done,
        })
        .await?;
        outcome.await.map_err(|_| SeriesError::Closed)?
    }

    pub(super) async fn fetch(&self, request: &SeriesFetchRequest, now_ms: i64) -> SeriesFetchAnswer {
        self.fetcher.fetch(request, now_ms).await
    }

    pub(super) async fn delete_before(&self, before_ms: i64) -> Result<(), SeriesError> {
        let mut is_more = true;
        while is_more {
            let (done, outcome) = oneshot::channel();
            self.send(Command::DeleteBefore { before_ms, done }).await?;
            is_more = outcome.await.map_err(|_| SeriesError::Closed)??;
        }
        Ok(())
    }

    pub(super) async fn ping(&self) -> Result<(), SeriesError> {
        match self.commands.is_closed() {
            true => Err(SeriesError::Closed),
            false => Ok(self.fetcher.file.ping().await?),
        }
    }

    pub(super) async fn close(&self) {
        let (done, outcome) = oneshot::channel();
        if self.send(Command::Close { done }).await.is_ok() {
            // An error says that another call closed it.
            let _ = outcome.await;
        }
    }

    async fn send(&self, command: Command) -> Result<(), SeriesError> {
        self.commands.send(command).await.map_err(|_| SeriesError::Closed)
    }
}

/// The index and its lock. No lock is held while the file is read or written.
#[derive(Debug)]
struct SharedIndex(RwLock<Index>);

impl SharedIndex {
    fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Index> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads all series, and the samples that wait for a chunk.
async fn load(file: &SqliteFile) -> Result<Index, SeriesError> {
    let mut index = Index::default();
    let series: Vec<(i64, String, String, String, i64)> =
        sqlx::query_as("SELECT id, host_id, name, labels, last_ms FROM series ORDER BY id")
            .fetch_all(&file.reader)
            .await?;
    for (id, host_id, name, labels, last_ms) in series {
        let labels = serde_json::from_str(&labels).map_err(|_| damaged(format!("series {id}")))?;
        let key = SeriesKey {
            host_id: HostId::new(host_id),
            name,
            labels,
        };
        index.add(SeriesId(id), key, last_ms);
    }
    let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as("SELECT id, payload FROM waiting ORDER BY id")
        .fetch_all(&file.reader)
        .await?;
    for (row, payload) in rows {
        let samples = payload::decode(&payload).map_err(|_| damaged(format!("append {row}")))?;
        index
            .publish(row, &samples)
            .map_err(|_| damaged(format!("append {row}")))?;
    }
    Ok(index)
}

fn damaged(what: String) -> SeriesError {
    SeriesError::Damaged { what }
}
