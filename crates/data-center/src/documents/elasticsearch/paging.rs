//! Pages of a search, however deep.
//!
//! The first thousands are given by number, which costs more the deeper they lie. Beyond, a page is found in two steps
//! within one point in time: by counts over ranges of the first field of the order, down to a range that holds few
//! documents before the page; then by number from there. So a page a million deep costs about as much as one three
//! thousand deep.

use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::super::{Direction, Document, Field, FieldType, Found, Kind, Query};
use super::layout::Stored;
use super::patience::Patience;
use super::query;
use crate::elasticsearch::{ElasticsearchClient, ElasticsearchError, Hit, Method, Request, SearchAnswer};

/// Elasticsearch's bound on first + size.
const WINDOW: u64 = 10_000;

/// Up to here a page is given by number, where it could be sought by counts as well: that takes some requests, each of
/// which evaluates the filters of all that matches.
const NEAR: u64 = 2_500;

/// What is left to be passed over when a page has been sought.
const CLOSE: u64 = 1_000;

/// Documents with their bodies in one answer, when everything is read.
const BODIES_AT_ONCE: u64 = 2_000;

/// Ranges that are counted with one request.
const RANGES: i64 = 1_000;

/// Aggregations reckon in floating point: whole numbers up to here are exact.
const EXACT: i64 = 1 << 52;

/// The documents of hits; marks of removals are left out.
pub(super) fn documents(kind: Kind, hits: Vec<Hit<Stored>>) -> impl Iterator<Item = Document> {
    hits.into_iter()
        .filter_map(move |hit| hit.source?.into_document(kind))
}

/// A page of what matches, and how much matches in all. Documents that arrive extend the patience.
pub(super) async fn search(
    client: &ElasticsearchClient,
    indices: &str,
    kind: Kind,
    query: &Query,
    patience: &Patience,
) -> Result<Found, ElasticsearchError> {
    let matching = query::matching(query);
    let size = query.limit.min(BODIES_AT_ONCE);
    let by_number = if Seek::of(query).is_some() { NEAR } else { WINDOW };
    if size == 0 || query.offset.saturating_add(size) <= by_number {
        let mut body = json!({ "track_total_hits": true, "size": size, "query": matching });
        if size > 0 {
            body["from"] = json!(query.offset);
            body["sort"] = json!(query::order(&query.sort));
        }
        let answer = client.search::<Stored>(indices, body).await?;
        let total = answer.hits.total.map_or(0, |total| total.value);
        if total.saturating_sub(query.offset).min(query.limit) <= size {
            let documents = documents(kind, answer.hits.hits).collect();
            return Ok(Found { total, documents });
        }
    }
    let mut moment = PointInTime::open(client, indices).await?;
    deep(&mut moment, kind, query, matching, patience).await
}

async fn deep(
    moment: &mut PointInTime,
    kind: Kind,
    query: &Query,
    matching: Value,
    patience: &Patience,
) -> Result<Found, ElasticsearchError> {
    let seek = Seek::of(query).filter(|_| query.offset > NEAR);
    let (total, extent) = extent(moment, &matching, seek).await?;
    if query.offset >= total {
        let documents = Vec::new();
        return Ok(Found { total, documents });
    }
    let (matching, skip) = match (seek, extent) {
        (Some(seek), Some(extent)) => seek.narrow(moment, matching, extent, query.offset).await?,
        _ => (matching, query.offset),
    };
    let mut walk = Walk::new(matching, query::order(&query.sort));
    walk.skip(moment, skip).await?;
    let mut documents = Vec::new();
    while (documents.len() as u64) < query.limit {
        let wanted = (query.limit - documents.len() as u64).min(BODIES_AT_ONCE);
        let hits = walk.step::<Stored>(moment, wanted, true).await?;
        let count = hits.len() as u64;
        patience.extend(count);
        documents.extend(self::documents(kind, hits));
        if count < wanted {
            break;
        }
    }
    Ok(Found { total, documents })
}

/// How much matches; and of the field that is sought by, the smallest value and one more than the largest. `None` where
/// counts would not be exact.
async fn extent(
    moment: &mut PointInTime,
    matching: &Value,
    seek: Option<Seek>,
) -> Result<(u64, Option<(i64, i64)>), ElasticsearchError> {
    let mut body = json!({ "size": 0, "track_total_hits": true, "query": matching });
    if let Some(seek) = seek {
        let field = json!({ "field": seek.field.name() });
        body["aggs"] = json!({ "least": { "min": field }, "most": { "max": field } });
    }
    let answer = moment.search::<Value>(body).await?;
    let total = answer.hits.total.map_or(0, |total| total.value);
    let bound = |name: &str| {
        answer.aggregations[name]["value"]
            .as_f64()
            .map(|value| value as i64)
    };
    let extent = match (bound("least"), bound("most")) {
        (Some(least), Some(most)) if least > -EXACT && most < EXACT => Some((least, most + 1)),
        _ => None,
    };
    Ok((total, extent))
}

/// What is seen does not change while pages are read. Closed when it is dropped, also by who stops waiting half-way.
pub(super) struct PointInTime {
    client: ElasticsearchClient,
    id: String,
}

impl PointInTime {
    pub(super) async fn open(
        client: &ElasticsearchClient,
        indices: &str,
    ) -> Result<Self, ElasticsearchError> {
        let request = Request::new(Method::Post, &[indices, "_pit"])
            .with("keep_alive", "1m")
            .with("ignore_unavailable", true);
        let answer: Value = client.send(request).await?;
        let id = answer["id"].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            client: client.clone(),
            id,
        })
    }

    async fn search<Source: serde::de::DeserializeOwned>(
        &mut self,
        mut body: Value,
    ) -> Result<SearchAnswer<Source>, ElasticsearchError> {
        body["pit"] = json!({ "id": self.id, "keep_alive": "1m" });
        let answer = self.client.search_point_in_time(body).await?;
        if let Some(id) = &answer.pit_id {
            self.id.clone_from(id);
        }
        Ok(answer)
    }
}

impl Drop for PointInTime {
    /// Nobody waits for it. One that is not closed is dropped by Elasticsearch after a minute.
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let client = self.client.clone();
        let request = Request::new(Method::Delete, &["_pit"]).json(json!({ "id": self.id }));
        runtime.spawn(async move {
            if let Err(error) = client.send::<Value>(request).await {
                tracing::debug!(%error, "a point in time was not closed");
            }
        });
    }
}

/// From document to document in order.
pub(super) struct Walk {
    matching: Value,
    order: Vec<Value>,
    after: Option<Vec<Value>>,
    /// Documents that the next step passes over by number.
    from: u64,
}

impl Walk {
    pub(super) fn new(matching: Value, order: Vec<Value>) -> Self {
        Self {
            matching,
            order,
            after: None,
            from: 0,
        }
    }

    /// Passes over documents. What the first step can pass over by number costs no request of its own.
    async fn skip(&mut self, moment: &mut PointInTime, mut count: u64) -> Result<(), ElasticsearchError> {
        if self.after.is_none() && count <= WINDOW - BODIES_AT_ONCE {
            self.from = count;
            return Ok(());
        }
        while count > 0 {
            let wanted = count.min(WINDOW);
            let passed = self.step::<Value>(moment, wanted, false).await?.len() as u64;
            if passed < wanted {
                return Ok(());
            }
            count -= passed;
        }
        Ok(())
    }

    /// The next documents.
    pub(super) async fn step<Source: serde::de::DeserializeOwned>(
        &mut self,
        moment: &mut PointInTime,
        size: u64,
        with_source: bool,
    ) -> Result<Vec<Hit<Source>>, ElasticsearchError> {
        let mut body = json!({
            "size": size, "track_total_hits": false, "_source": with_source,
            "query": self.matching, "sort": self.order,
        });
        if let Some(after) = &self.after {
            body["search_after"] = json!(after);
        }
        if self.from > 0 {
            body["from"] = json!(std::mem::take(&mut self.from));
        }
        let hits = moment.search::<Source>(body).await?.hits.hits;
        if let Some(last) = hits.last() {
            self.after = Some(last.sort.clone());
        }
        Ok(hits)
    }
}

/// Finds the part of the order where a page lies.
#[derive(Clone, Copy)]
struct Seek {
    field: Field,
    direction: Direction,
}

/// A range of the field, `[start, end)`, with what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    start: i64,
    end: i64,
    count: u64,
}

impl Seek {
    /// `None` where the order begins with a text, or with nothing.
    fn of(query: &Query) -> Option<Self> {
        let (field, direction) = *query.sort.first()?;
        (field.field_type() == FieldType::Integer).then_some(Self { field, direction })
    }

    /// The query without the documents that lie before some value, and how many are still to be skipped.
    async fn narrow(
        self,
        moment: &mut PointInTime,
        matching: Value,
        (mut start, mut end): (i64, i64),
        offset: u64,
    ) -> Result<(Value, u64), ElasticsearchError> {
        let mut skip = offset;
        while skip > CLOSE && end - start > 1 {
            let buckets = self.count_ranges(moment, &matching, start, end).await?;
            let (bucket, left) = place(buckets, self.direction, skip);
            let Some(bucket) = bucket else {
                break;
            };
            (start, end, skip) = (bucket.start, bucket.end, left);
        }
        let rest = match self.direction {
            Direction::Ascending => query::within(&matching, self.field, Some(start), None),
            Direction::Descending => query::within(&matching, self.field, None, Some(end)),
        };
        Ok((rest, skip))
    }

    async fn count_ranges(
        self,
        moment: &mut PointInTime,
        matching: &Value,
        start: i64,
        end: i64,
    ) -> Result<Vec<Bucket>, ElasticsearchError> {
        let width = (end - start).unsigned_abs().div_ceil(RANGES.unsigned_abs());
        let width = i64::try_from(width).unwrap_or(i64::MAX);
        let body = json!({
            "size": 0, "track_total_hits": false,
            "query": query::within(matching, self.field, Some(start), Some(end)),
            "aggs": { "ranges": { "histogram": {
                "field": self.field.name(), "interval": width, "offset": start, "min_doc_count": 1,
            } } },
        });
        let answer = moment.search::<Value>(body).await?;
        let buckets = answer.aggregations["ranges"]["buckets"].as_array();
        let read = |bucket: &Value| {
            let start = bucket["key"].as_f64()? as i64;
            Some(Bucket {
                start,
                end: start + width,
                count: bucket["doc_count"].as_u64()?,
            })
        };
        Ok(buckets.into_iter().flatten().filter_map(read).collect())
    }
}

/// The range that holds the document with so many before it in the order, and how many of these are in the range.
fn place(mut buckets: Vec<Bucket>, direction: Direction, mut skip: u64) -> (Option<Bucket>, u64) {
    if direction == Direction::Descending {
        buckets.reverse();
    }
    for bucket in buckets {
        if skip < bucket.count {
            return (Some(bucket), skip);
        }
        skip -= bucket.count;
    }
    (None, skip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_lies_where_the_counts_pass_its_offset() {
        let bucket = |start, count| Bucket {
            start,
            end: start + 10,
            count,
        };
        let buckets = || vec![bucket(0, 5), bucket(10, 3), bucket(30, 4)];
        let up = |skip| place(buckets(), Direction::Ascending, skip);
        assert_eq!(up(0), (Some(bucket(0, 5)), 0));
        assert_eq!(up(4), (Some(bucket(0, 5)), 4));
        assert_eq!(up(5), (Some(bucket(10, 3)), 0));
        assert_eq!(up(11), (Some(bucket(30, 4)), 3));
        assert_eq!(up(12), (None, 0));
        let down = |skip| place(buckets(), Direction::Descending, skip);
        assert_eq!(down(3), (Some(bucket(30, 4)), 3));
        assert_eq!(down(7), (Some(bucket(0, 5)), 0));
    }
}
