//! Reading results and their counts from the document store.

use std::collections::BTreeMap;

use aops_api::finding::FindingValue;
use aops_api::page::{self, Page};
use aops_api::result::{CountSort, HostCount, ResultCountAnswer, ResultGetAnswer, ResultRow, ResultSort};
use aops_api::{HostId, ResultId, TimeRange, page::Direction as Order};

use super::plan::{self, Layers};
use super::{ResultDocument, rows_of};
use crate::documents::{Direction, Document, Documents, Field, Filter, Kind, Query};
use crate::error::Error;
use crate::store::RuleHistory;

/// As many as there are.
const ALL: u64 = i64::MAX.unsigned_abs();

/// Which results.
#[derive(Clone, Debug, Default)]
pub struct ResultFilter {
    /// On these hosts.
    pub hosts: Vec<HostId>,
    /// That overlap this range; `None` = of any time.
    pub range: Option<TimeRange>,
    /// With this verdict; `None` = with any.
    pub value: Option<FindingValue>,
    /// Order of the rows.
    pub sort: Option<ResultSort>,
    /// Direction of the order.
    pub direction: Option<Order>,
    /// Which page; `None` = everything.
    pub page: Option<Page>,
}

impl ResultFilter {
    fn all_of(&self) -> Vec<Filter> {
        let hosts = self.hosts.iter().map(|host| host.as_str().to_owned()).collect();
        let mut filters = vec![Filter::In(Field::HostId, hosts)];
        if let Some(range) = self.range {
            filters.push(Filter::Range(Field::StartMs, None, Some(range.end_ms)));
            filters.push(Filter::Range(
                Field::EndMs,
                Some(range.start_ms.saturating_add(1)),
                None,
            ));
        }
        if let Some(value) = self.value {
            filters.push(Filter::In(Field::Value, vec![value.text().to_owned()]));
        }
        filters
    }

    /// The documents of some rules, in order of time.
    fn query<'a>(&self, rules: impl IntoIterator<Item = &'a RuleHistory>, offset: u64, limit: u64) -> Query {
        let field = match self.sort {
            Some(ResultSort::End) => Field::EndMs,
            _ => Field::StartMs,
        };
        let by_time = matches!(self.sort, Some(ResultSort::Start | ResultSort::End));
        let direction = match self.direction {
            Some(Order::Desc) if by_time => Direction::Descending,
            _ => Direction::Ascending,
        };
        Query {
            all_of: self.all_of(),
            any_of: plan::clauses(rules),
            sort: vec![(field, direction)],
            offset,
            limit,
        }
    }

    fn offset_and_limit(&self) -> (u64, u64) {
        self.page.map_or((0, ALL), |page| (page.offset(), page.per_page))
    }
}

/// A page of the results of these rules.
pub async fn read_results(
    documents: &Documents,
    rules: &[RuleHistory],
    filter: &ResultFilter,
) -> Result<ResultGetAnswer, Error> {
    let (total_count, check_result) = match filter.sort {
        Some(ResultSort::CheckItem) => read_by_rule(documents, rules, filter).await?,
        _ => read_by_time(documents, rules, filter).await?,
    };
    Ok(ResultGetAnswer {
        total_count,
        total_page: page::total_pages(total_count, filter.page),
        check_result,
    })
}

async fn read_by_time(
    documents: &Documents,
    rules: &[RuleHistory],
    filter: &ResultFilter,
) -> Result<(u64, Vec<ResultRow>), Error> {
    let (offset, limit) = filter.offset_and_limit();
    let layers = plan::layers(rules);
    match layers.as_slice() {
        [] => Ok((0, Vec::new())),
        [layer] => {
            let found = documents
                .search(Kind::Result, &filter.query(layer.iter().copied(), offset, limit))
                .await?;
            Ok((found.total, rows(&found.documents, rules)?))
        }
        _ => {
            let total = count_rows(documents, &layers, filter).await?;
            // Each document gives at least one row: the page lies among the rows of the first offset + limit.
            let reach = offset.saturating_add(limit).min(ALL);
            let found = documents
                .search(Kind::Result, &filter.query(rules, 0, reach))
                .await?;
            let skip = usize::try_from(offset).unwrap_or(usize::MAX);
            let take = usize::try_from(limit).unwrap_or(usize::MAX);
            let rows = rows(&found.documents, rules)?
                .into_iter()
                .skip(skip)
                .take(take)
                .collect();
            Ok((total, rows))
        }
    }
}

async fn count_rows(documents: &Documents, layers: &Layers<'_>, filter: &ResultFilter) -> Result<u64, Error> {
    let mut total = 0;
    for layer in layers {
        let query = filter.query(layer.iter().copied(), 0, 0);
        total += documents.search(Kind::Result, &query).await?.total;
    }
    Ok(total)
}

/// Names of rules are not in the documents: one rule after the other, each in order of time.
async fn read_by_rule(
    documents: &Documents,
    rules: &[RuleHistory],
    filter: &ResultFilter,
) -> Result<(u64, Vec<ResultRow>), Error> {
    let mut sorted: Vec<&RuleHistory> = rules.iter().filter(|rule| !rule.keys.is_empty()).collect();
    sorted.sort_by(|left, right| left.item.check_item.cmp(&right.item.check_item));
    if filter.direction == Some(Order::Desc) {
        sorted.reverse();
    }
    let (mut skip, mut take) = filter.offset_and_limit();
    let mut total = 0;
    let mut page = Vec::new();
    for rule in sorted {
        let found = documents
            .search(Kind::Result, &filter.query([rule], skip, take))
            .await?;
        total += found.total;
        skip = skip.saturating_sub(found.total);
        take -= found.documents.len() as u64;
        page.extend(rows(&found.documents, [rule])?);
    }
    Ok((total, page))
}

fn rows<'a>(
    documents: &[Document],
    rules: impl IntoIterator<Item = &'a RuleHistory> + Clone,
) -> Result<Vec<ResultRow>, Error> {
    let mut rows = Vec::with_capacity(documents.len());
    for document in documents {
        let result_id = ResultId::new(document.id.clone());
        let body: ResultDocument =
            serde_json::from_value(document.body.clone()).map_err(Error::stored("result"))?;
        rows.extend(rows_of(&result_id, &body, rules.clone()));
    }
    Ok(rows)
}

/// How many anomalies of these rules each host has; hosts without one are left out.
pub async fn count_results(
    documents: &Documents,
    rules: &[RuleHistory],
    hosts: Vec<HostId>,
    sort: Option<CountSort>,
    direction: Option<Order>,
    page: Option<Page>,
) -> Result<ResultCountAnswer, Error> {
    let filter = ResultFilter {
        hosts,
        value: Some(FindingValue::Abnormal),
        ..ResultFilter::default()
    };
    let mut by_host: BTreeMap<String, u64> = BTreeMap::new();
    for layer in plan::layers(rules) {
        let query = filter.query(layer, 0, 0);
        for (host, count) in documents.count_by(Kind::Result, &query, Field::HostId).await? {
            *by_host.entry(host).or_default() += count;
        }
    }
    let mut results: Vec<HostCount> = by_host
        .into_iter()
        .map(|(host, count)| HostCount {
            host_id: HostId::new(host),
            count,
        })
        .collect();
    if sort == Some(CountSort::Count) {
        match direction {
            Some(Order::Desc) => results.sort_by_key(|host| std::cmp::Reverse(host.count)),
            _ => results.sort_by_key(|host| host.count),
        }
    }
    let total_count = results.len() as u64;
    Ok(ResultCountAnswer {
        total_count,
        total_page: page::total_pages(total_count, page),
        results: page::slice(results, page),
    })
}
