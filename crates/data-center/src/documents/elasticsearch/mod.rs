//! Documents in Elasticsearch.
//!
//! | module | what it does |
//! |---|---|
//! | `layout` | names of indices, mapping, the stored form: pure |
//! | `query` | queries as Elasticsearch takes them: pure |
//! | `bulk` | writes many, sorts what was refused |
//! | `paging` | pages, however deep |
//! | `patience` | how long somebody waits for all requests of a call |
//! | `preparation` | templates, versions of the layout, and whether all is ready |
//! | `retention` | deletes what is old, whole indices where it can |
//!
//! A revision is the external version of a document: an index operation with an older one is refused by the engine, which is
//! what is wanted. A removal is an index operation too: it leaves a mark.

mod bulk;
mod layout;
mod paging;
mod patience;
mod preparation;
mod query;
mod retention;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Document, DocumentsError, Field, Found, Kind, Query, Refusal, Removal};
use crate::elasticsearch::{ElasticsearchClient, ElasticsearchConfig, ElasticsearchError, Method, Request};
use bulk::BulkWrite;
use layout::{Layout, Stored, VERSION};
use patience::Patience;
use preparation::Preparation;

/// Ids in one search.
const IDS_AT_ONCE: usize = 1_000;

/// Different texts that are counted with one request.
const COUNTS_AT_ONCE: usize = 10_000;

/// For work that no caller waits for: deleting and moving.
const MAINTENANCE: Duration = Duration::from_secs(60);

/// The document store on a cluster. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ElasticsearchDocuments {
    client: ElasticsearchClient,
    layout: Layout,
    preparation: Arc<Preparation>,
    /// Of the request that this is for; absent = each call that reads has its own.
    patience: Option<Arc<Patience>>,
}

impl ElasticsearchDocuments {
    /// Does not need the cluster to be there: it is waited for in the background, and calls fail meanwhile. Only a
    /// setting that cannot be meant, and a layout of a newer release, are errors here.
    pub(super) async fn open(config: &ElasticsearchConfig) -> Result<Self, DocumentsError> {
        let client = ElasticsearchClient::new(config)?;
        let layout = Layout::new(config);
        let preparation = Preparation::start(client.clone(), layout.clone());
        let opened = Self {
            client,
            layout,
            preparation: Arc::new(preparation),
            patience: None,
        };
        match opened.preparation.ready().await {
            Err(error @ DocumentsError::NewerLayout { .. }) => Err(error),
            Ok(()) | Err(_) => Ok(opened),
        }
    }

    /// All calls of what this gives share the time of one request.
    pub(super) fn for_request(&self) -> Self {
        Self {
            patience: Some(Arc::new(self.new_patience())),
            ..self.clone()
        }
    }

    /// A search of all indices that looks at next to nothing: it fails when a shard is missing.
    pub(super) async fn ping(&self) -> Result<(), DocumentsError> {
        self.preparation.ready().await?;
        for kind in Kind::ALL {
            self.noticing(self.client.touch(&self.pattern(kind)).await)?;
        }
        Ok(())
    }

    pub(super) fn place(&self) -> String {
        format!("Elasticsearch at {}", self.client.address())
    }

    pub(super) async fn put(&self, documents: Vec<Document>) -> Result<Vec<Refusal>, DocumentsError> {
        self.preparation.ready().await?;
        let put = |document: &Document| BulkWrite::put(&self.layout, document);
        self.write(documents.iter().map(put).collect()).await
    }

    pub(super) async fn remove(
        &self,
        kind: Kind,
        removals: &[Removal],
        now_ms: i64,
    ) -> Result<(), DocumentsError> {
        let mark = |removal: &Removal| {
            let index = self.layout.index(kind, removal.partition_ms);
            BulkWrite::removal(&index, removal, now_ms)
        };
        let marking = async {
            self.preparation.ready().await?;
            self.write(removals.iter().map(mark).collect()).await
        };
        // Else it is work that nobody waits for, of which each part has its own time.
        let refused = match &self.patience {
            Some(patience) => patience.within(marking).await?,
            None => marking.await?,
        };
        match refused.into_iter().next() {
            None => Ok(()),
            Some(Refusal { id, reason }) => Err(DocumentsError::Refused { kind, id, reason }),
        }
    }

    async fn write(&self, writes: Vec<BulkWrite>) -> Result<Vec<Refusal>, DocumentsError> {
        self.noticing(bulk::write(&self.client, writes).await)
    }

    pub(super) async fn get(&self, kind: Kind, ids: &[String]) -> Result<Vec<Document>, DocumentsError> {
        let getting = async {
            self.preparation.ready().await?;
            self.noticing(self.get_all(kind, ids).await)
        };
        self.patience().within(getting).await
    }

    async fn get_all(&self, kind: Kind, ids: &[String]) -> Result<Vec<Document>, ElasticsearchError> {
        self.see_own_writes(kind).await?;
        let mut documents = Vec::with_capacity(ids.len());
        for some in ids.chunks(IDS_AT_ONCE) {
            let body = json!({
                "size": IDS_AT_ONCE,
                "track_total_hits": false,
                "query": { "bool": { "filter": [{ "terms": { "id": some } }] } },
            });
            let found = self.client.search::<Stored>(&self.pattern(kind), body).await?;
            documents.extend(paging::documents(kind, found.hits.hits));
        }
        Ok(documents)
    }

    pub(super) async fn search(&self, kind: Kind, query: &Query) -> Result<Found, DocumentsError> {
        let pattern = self.pattern(kind);
        let patience = self.patience();
        let searched = async {
            self.see_own_writes(kind).await?;
            paging::search(&self.client, &pattern, kind, query, &patience).await
        };
        let searching = async {
            self.preparation.ready().await?;
            self.noticing(searched.await)
        };
        patience.within(searching).await
    }

    pub(super) async fn count_by(
        &self,
        kind: Kind,
        query: &Query,
        field: Field,
    ) -> Result<Vec<(String, u64)>, DocumentsError> {
        let counting = async {
            self.preparation.ready().await?;
            self.noticing(self.count_all(kind, query, field).await)
        };
        self.patience().within(counting).await
    }

    /// Page by page, each beginning after the last text of the one before: as many texts as there are.
    async fn count_all(
        &self,
        kind: Kind,
        query: &Query,
        field: Field,
    ) -> Result<Vec<(String, u64)>, ElasticsearchError> {
        let matching = query::matching(query);
        let mut counts: Vec<(String, u64)> = Vec::new();
        loop {
            let mut pages = json!({
                "size": COUNTS_AT_ONCE, "sources": [{ "text": { "terms": { "field": field.name() } } }],
            });
            if let Some((last, _)) = counts.last() {
                pages["after"] = json!({ "text": last });
            }
            let body = json!({
                "size": 0, "track_total_hits": false, "query": matching, "aggs": { "by": { "composite": pages } },
            });
            let answer = self.client.search::<Value>(&self.pattern(kind), body).await?;
            // Without an index there is nothing to count, and no list either.
            let buckets = answer.aggregations["by"]["buckets"].as_array();
            let page = buckets.into_iter().flatten().filter_map(read_count);
            let before = counts.len();
            counts.extend(page);
            if counts.len() - before < COUNTS_AT_ONCE {
                return Ok(counts);
            }
        }
    }

    pub(super) async fn delete_before(
        &self,
        kind: Kind,
        field: Field,
        before_ms: i64,
    ) -> Result<u64, DocumentsError> {
        self.preparation.ready().await?;
        let pattern = self.pattern(kind);
        self.noticing(retention::delete_before(&self.client, &pattern, field, before_ms).await)
    }

    pub(super) async fn trim_removed(&self, kind: Kind, before_ms: i64) -> Result<u64, DocumentsError> {
        self.preparation.ready().await?;
        let pattern = self.pattern(kind);
        self.noticing(retention::trim_removed(&self.client, &pattern, before_ms).await)
    }

    pub(super) async fn refresh(&self, kind: Kind) -> Result<(), DocumentsError> {
        self.preparation.ready().await?;
        self.noticing(refresh(&self.client, &self.pattern(kind)).await)
    }

    /// Reading pays for it, which is seldom; a refresh with nothing new costs nothing.
    async fn see_own_writes(&self, kind: Kind) -> Result<(), ElasticsearchError> {
        if kind.is_read_at_once() {
            refresh(&self.client, &self.pattern(kind)).await?;
        }
        Ok(())
    }

    /// Several requests have the time of one: somebody waits.
    fn patience(&self) -> Arc<Patience> {
        match &self.patience {
            Some(patience) => patience.clone(),
            None => Arc::new(self.new_patience()),
        }
    }

    fn new_patience(&self) -> Patience {
        Patience::new(self.client.address(), self.client.request_timeout())
    }

    fn pattern(&self, kind: Kind) -> String {
        self.layout.pattern(kind, VERSION)
    }

    /// A cluster that went away may come back empty: it is prepared again.
    fn noticing<T>(&self, outcome: Result<T, ElasticsearchError>) -> Result<T, DocumentsError> {
        if let Err(error @ ElasticsearchError::Unreachable { .. }) = &outcome {
            self.preparation.lost(error);
        }
        Ok(outcome?)
    }
}

/// Makes everything that was acknowledged findable.
async fn refresh(client: &ElasticsearchClient, indices: &str) -> Result<(), ElasticsearchError> {
    let request = Request::new(Method::Post, &[indices, "_refresh"])
        .with("ignore_unavailable", true)
        .with("allow_no_indices", true);
    client.send::<Value>(request).await.map(drop)
}

fn read_count(bucket: &Value) -> Option<(String, u64)> {
    let text = bucket["key"]["text"].as_str()?.to_owned();
    Some((text, bucket["doc_count"].as_u64()?))
}
