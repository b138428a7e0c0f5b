//! Reports of diagnoses, in the document store. Their ids are deterministic and a report never changes, so that a
//! repeated save changes nothing; which are finished is kept in the tables.

use aops_api::diagnosis::{
    Report, ReportHead, ReportListAnswer, ReportListRequest, ReportSaveRequest, ReportSort,
};
use aops_api::page::{self, Page};
use aops_api::{ReportId, TaskId, page::Direction as Order};
use serde::{Deserialize, Serialize};

use crate::account::Caller;
use crate::documents::{
    Direction, Document, Documents, DocumentsError, Field, Filter, Kind, Query, Refusal, Removal,
};
use crate::error::Error;
use crate::store::Tables;

/// Of every report: it is written once.
const REVISION: i64 = 1;

#[derive(Serialize, Deserialize)]
struct ReportDocument {
    task_id: String,
    owner: String,
    host_id: String,
    tree_name: String,
    start_ms: i64,
    end_ms: i64,
    created_ms: i64,
    report: Report,
}

/// Saves reports and counts them as finished. One that is finished already stays as it is, deleted or not. They are made
/// at `now_ms`.
pub async fn save(
    tables: &Tables,
    documents: &Documents,
    request: ReportSaveRequest,
    now_ms: i64,
) -> Result<(), Error> {
    let ids: Vec<(TaskId, ReportId)> = request
        .reports
        .iter()
        .map(|report| (report.task_id.clone(), report.report_id.clone()))
        .collect();
    let finished = tables.finished_reports(&ids).await?;
    let new = request
        .reports
        .into_iter()
        .filter(|report| !finished.contains(&report.report_id))
        .map(|report| document(&request.username, report, now_ms))
        .collect();
    // First the report, then its mark: in between, a repetition puts the same report again.
    let refused = documents.put(new).await?;
    if let Some(Refusal { id, reason }) = refused.into_iter().next() {
        let kind = Kind::Report;
        return Err(DocumentsError::Refused { kind, id, reason }.into());
    }
    tables.mark_finished(&ids).await
}

fn document(owner: &str, report: Report, now_ms: i64) -> Document {
    let id = report.report_id.as_str().to_owned();
    let body = ReportDocument {
        task_id: report.task_id.as_str().to_owned(),
        owner: owner.to_owned(),
        host_id: report.host_id.as_str().to_owned(),
        tree_name: report.tree_name.clone(),
        start_ms: start_ms(&report),
        end_ms: report.end.saturating_mul(1_000),
        created_ms: now_ms,
        report,
    };
    Document {
        kind: Kind::Report,
        id,
        revision: REVISION,
        body: serde_json::to_value(body).expect("a report is JSON"),
    }
}

fn start_ms(report: &Report) -> i64 {
    report.start.saturating_mul(1_000)
}

/// The reports with these ids that the caller may see, in the order asked for.
pub async fn get(documents: &Documents, caller: &Caller, ids: &[ReportId]) -> Result<Vec<Report>, Error> {
    let mut found: Vec<Option<Report>> = vec![None; ids.len()];
    for report in visible(documents, caller, ids).await? {
        for (place, _) in ids.iter().enumerate().filter(|(_, id)| **id == report.report_id) {
            found[place] = Some(report.clone());
        }
    }
    Ok(found.into_iter().flatten().collect())
}

/// Deletes the reports with these ids that the caller may see. They count as finished as before.
pub async fn delete(
    documents: &Documents,
    caller: &Caller,
    ids: &[ReportId],
    now_ms: i64,
) -> Result<(), Error> {
    let removals = visible(documents, caller, ids)
        .await?
        .into_iter()
        .map(|report| Removal {
            id: report.report_id.as_str().to_owned(),
            revision: REVISION,
            partition_ms: start_ms(&report),
        })
        .collect();
    Ok(documents.remove(Kind::Report, removals, now_ms).await?)
}

async fn visible(documents: &Documents, caller: &Caller, ids: &[ReportId]) -> Result<Vec<Report>, Error> {
    let ids: Vec<String> = ids.iter().map(|id| id.as_str().to_owned()).collect();
    let mut reports = Vec::new();
    for document in documents.get(Kind::Report, &ids).await? {
        let body = read(document)?;
        if caller.is_admin() || body.owner == caller.username {
            reports.push(body.report);
        }
    }
    Ok(reports)
}

/// A page of the heads of the reports that the caller may see.
pub async fn list(
    documents: &Documents,
    caller: &Caller,
    request: &ReportListRequest,
) -> Result<ReportListAnswer, Error> {
    let page = Page::check(request.page, request.per_page).map_err(Error::Invalid)?;
    let query = Query {
        all_of: filters(caller, request)?,
        any_of: Vec::new(),
        sort: vec![sort(request)],
        offset: page.map_or(0, Page::offset),
        limit: page.map_or(i64::MAX.unsigned_abs(), |page| page.per_page),
    };
    let found = documents.search(Kind::Report, &query).await?;
    let mut heads = Vec::with_capacity(found.documents.len());
    for document in found.documents {
        let report = read(document)?.report;
        heads.push(ReportHead {
            report_id: report.report_id,
            task_id: report.task_id,
            host_id: report.host_id,
            tree_name: report.tree_name,
            start: report.start,
            end: report.end,
        });
    }
    Ok(ReportListAnswer {
        total_count: found.total,
        total_page: page::total_pages(found.total, page),
        result: heads,
    })
}

fn filters(caller: &Caller, request: &ReportListRequest) -> Result<Vec<Filter>, Error> {
    let mut filters = Vec::new();
    if !caller.is_admin() {
        filters.push(Filter::In(Field::Owner, vec![caller.username.clone()]));
    }
    if let Some(task_id) = &request.task_id {
        filters.push(Filter::In(Field::TaskId, vec![task_id.as_str().to_owned()]));
        return Ok(filters);
    }
    match request.time_range.as_deref() {
        None => {}
        Some([start, end]) => {
            let (start_ms, end_ms) = (start.0.saturating_mul(1_000), end.0.saturating_mul(1_000));
            filters.push(Filter::Range(
                Field::StartMs,
                None,
                Some(end_ms.saturating_add(1)),
            ));
            filters.push(Filter::Range(
                Field::EndMs,
                Some(start_ms.saturating_add(1)),
                None,
            ));
        }
        Some(other) => {
            return Err(Error::Invalid(format!(
                "time_range: {} elements, not 2",
                other.len()
            )));
        }
    }
    if let Some(hosts) = &request.host_list {
        let hosts = hosts.iter().map(|host| host.as_str().to_owned()).collect();
        filters.push(Filter::In(Field::HostId, hosts));
    }
    if let Some(trees) = &request.tree_list {
        filters.push(Filter::In(Field::TreeName, trees.clone()));
    }
    Ok(filters)
}

fn sort(request: &ReportListRequest) -> (Field, Direction) {
    let (field, sorted) = match request.sort {
        None | Some(ReportSort::Unsorted) => (Field::StartMs, false),
        Some(ReportSort::Start | ReportSort::Time) => (Field::StartMs, true),
        Some(ReportSort::End) => (Field::EndMs, true),
        Some(ReportSort::TreeName) => (Field::TreeName, true),
    };
    let direction = match request.direction {
        Some(Order::Desc) if sorted => Direction::Descending,
        _ => Direction::Ascending,
    };
    (field, direction)
}

fn read(document: Document) -> Result<ReportDocument, Error> {
    serde_json::from_value(document.body).map_err(Error::stored("report"))
}
