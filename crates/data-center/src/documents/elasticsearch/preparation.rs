//! Makes a cluster ready for documents: templates, and everything in the layout of this release.
//!
//! It runs in the background, again whenever the cluster was away, since it may come back empty. Until it is done, calls
//! fail at once with what stands in the way. Several data centers may do this side by side: every step can be repeated.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::super::{DocumentsError, Kind, Refusal, Removal};
use super::bulk::{self, BulkWrite};
use super::layout::{Layout, Stored, VERSION};
use super::paging::{PointInTime, Walk};
use super::refresh;
use super::retention::{block_writes, delete_index, index_names};
use crate::back_off::OUTAGE;
use crate::elasticsearch::{ElasticsearchClient, ElasticsearchError, Method, Request};

/// Documents that are moved with one request: some are large.
const MOVED_AT_ONCE: u64 = 500;

/// Whether documents can be read and written.
#[derive(Clone, Debug)]
enum Readiness {
    /// Not yet, and why, once something has stood in the way.
    Preparing(Option<Obstacle>),
    Ready,
}

/// What stands in the way.
#[derive(Clone, Debug)]
enum Obstacle {
    Engine(ElasticsearchError),
    NewerLayout { index: String },
}

/// Keeps the cluster ready until it is dropped.
#[derive(Debug)]
pub(super) struct Preparation {
    readiness: watch::Sender<Readiness>,
    keeper: JoinHandle<()>,
    patience: Duration,
}

impl Drop for Preparation {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl From<ElasticsearchError> for Obstacle {
    fn from(error: ElasticsearchError) -> Self {
        Self::Engine(error)
    }
}

impl From<Obstacle> for DocumentsError {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::Engine(error) => error.into(),
            Obstacle::NewerLayout { index } => DocumentsError::NewerLayout {
                index,
                known: VERSION,
            },
        }
    }
}

impl Preparation {
    pub(super) fn start(client: ElasticsearchClient, layout: Layout) -> Self {
        let (readiness, _) = watch::channel(Readiness::Preparing(None));
        let patience = client.request_timeout();
        let keeper = tokio::spawn(keep(client, layout, readiness.clone()));
        Self {
            readiness,
            keeper,
            patience,
        }
    }

    /// Waits for the first attempt, no longer than for a request; fails with what stands in the way.
    pub(super) async fn ready(&self) -> Result<(), DocumentsError> {
        let mut readiness = self.readiness.subscribe();
        let tried = readiness.wait_for(|readiness| !matches!(readiness, Readiness::Preparing(None)));
        let readiness = match tokio::time::timeout(self.patience, tried).await {
            Ok(Ok(readiness)) => readiness.clone(),
            Ok(Err(_)) | Err(_) => Readiness::Preparing(None),
        };
        match readiness {
            Readiness::Ready => Ok(()),
            Readiness::Preparing(Some(obstacle)) => Err(obstacle.into()),
            Readiness::Preparing(None) => Err(DocumentsError::Preparing),
        }
    }

    /// The cluster is away.
    pub(super) fn lost(&self, error: &ElasticsearchError) {
        self.readiness.send_if_modified(|readiness| {
            let was_ready = matches!(readiness, Readiness::Ready);
            if was_ready {
                *readiness = Readiness::Preparing(Some(Obstacle::Engine(error.clone())));
            }
            was_ready
        });
    }
}

/// Prepares whenever the cluster is not ready, with pauses between attempts.
async fn keep(client: ElasticsearchClient, layout: Layout, readiness: watch::Sender<Readiness>) {
    let mut changes = readiness.subscribe();
    let mut failures = 0;
    loop {
        let waiting = changes.wait_for(|readiness| !matches!(readiness, Readiness::Ready));
        if waiting.await.is_err() {
            return;
        }
        match prepare(&client, &layout).await {
            Ok(()) => {
                if failures > 0 {
                    tracing::info!(address = client.address(), "documents are back");
                }
                failures = 0;
                readiness.send_replace(Readiness::Ready);
            }
            Err(obstacle) => {
                failures += 1;
                let error = DocumentsError::from(obstacle.clone());
                // Once: the outage goes on until "documents are back".
                if failures == 1 {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "documents are away; what is to be stored waits");
                }
                readiness.send_replace(Readiness::Preparing(Some(obstacle)));
                tokio::time::sleep(OUTAGE.pause(failures)).await;
            }
        }
    }
}

async fn prepare(client: &ElasticsearchClient, layout: &Layout) -> Result<(), Obstacle> {
    for kind in Kind::ALL {
        let older = older_indices(client, layout, kind).await?;
        put_template(
            client,
            &layout.template_name(kind, VERSION),
            layout.template(kind),
        )
        .await?;
        for (index, version) in older {
            let blocked = layout.blocked_template(kind, version);
            put_template(client, &layout.template_name(kind, version), blocked).await?;
            match move_index(client, layout, kind, &index).await {
                // Another data center was faster, unless the index is there after all.
                Err(ElasticsearchError::NotFound { .. }) if index_names(client, &index).await?.is_empty() => {
                }
                outcome => outcome?,
            }
        }
    }
    Ok(())
}

/// The indices of older layouts with their versions. One of a newer layout is an obstacle: this release does not
/// understand what is in it.
async fn older_indices(
    client: &ElasticsearchClient,
    layout: &Layout,
    kind: Kind,
) -> Result<Vec<(String, u32)>, Obstacle> {
    let mut older = Vec::new();
    for index in index_names(client, &layout.any_version(kind)).await? {
        match layout.version_of(kind, &index) {
            Some(version) if version > VERSION => return Err(Obstacle::NewerLayout { index }),
            Some(version) if version < VERSION => older.push((index, version)),
            _ => {}
        }
    }
    Ok(older)
}

async fn put_template(
    client: &ElasticsearchClient,
    name: &str,
    template: Value,
) -> Result<(), ElasticsearchError> {
    let request = Request::new(Method::Put, &["_index_template", name]).json(template);
    client.send::<Value>(request).await.map(drop)
}

/// Puts the documents of an index again, in today's layout, and deletes the index. What is newer there stays, so that
/// this can be broken off and repeated.
async fn move_index(
    client: &ElasticsearchClient,
    layout: &Layout,
    kind: Kind,
    index: &str,
) -> Result<(), ElasticsearchError> {
    let Some(target) = layout.moved(kind, index) else {
        return Ok(());
    };
    tracing::info!(index, "documents are moved to the layout of this release");
    block_writes(client, index, true).await?;
    refresh(client, index).await?;
    let mut moment = PointInTime::open(client, index).await?;
    let copied = copy(client, layout, kind, &mut moment, &target).await;
    drop(moment);
    match copied?.first() {
        None => delete_index(client, index).await,
        Some(refused) => {
            let (id, reason) = (&refused.id, &refused.reason);
            tracing::error!(
                index,
                id,
                reason,
                "a document cannot be moved; the old index is kept, without writes"
            );
            Ok(())
        }
    }
}

async fn copy(
    client: &ElasticsearchClient,
    layout: &Layout,
    kind: Kind,
    moment: &mut PointInTime,
    target: &str,
) -> Result<Vec<Refusal>, ElasticsearchError> {
    // Any order that does not ask how an older layout maps its fields.
    let mut walk = Walk::new(json!({ "match_all": {} }), vec![json!("_shard_doc")]);
    let mut refused = Vec::new();
    loop {
        let hits = walk.step::<Stored>(moment, MOVED_AT_ONCE, true).await?;
        let count = hits.len() as u64;
        let stored = hits.into_iter().filter_map(|hit| hit.source);
        let writes = stored.filter_map(|stored| written_again(layout, kind, target, stored));
        refused.extend(bulk::write(client, writes.collect()).await?);
        if count < MOVED_AT_ONCE {
            return Ok(refused);
        }
    }
}

/// A mark does not say where its document lay: it stays in its period.
fn written_again(layout: &Layout, kind: Kind, target: &str, stored: Stored) -> Option<BulkWrite> {
    if let Some(removed_ms) = stored.removed_ms {
        let removal = Removal {
            id: stored.id,
            revision: stored.revision,
            partition_ms: 0,
        };
        return Some(BulkWrite::removal(target, &removal, removed_ms));
    }
    let document = stored.into_document(kind)?.completed();
    Some(BulkWrite::put(layout, &document))
}
