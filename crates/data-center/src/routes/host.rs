//! `/data/host`: what users and services read of machines, and agents that announce themselves.

use std::collections::HashMap;

use actix_web::web::Data;
use aops_api::HostId;
use aops_api::host::{
    HostCountAnswer, HostGetAnswer, HostGetRequest, HostInfo, HostRegisterAnswer, HostRegisterRequest,
    MachinesAnswer,
};
use aops_api::page::{self, Page};
use aops_api::rule::DataKind;
use aops_api::series::{SeriesFetchRequest, SeriesSelector};
use aops_api::time::TimeRange;
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiError, ApiResult, answer, random};

use super::State;
use crate::store::HostRow;

/// Scrapes after which a machine without an answer is offline.
const SCRAPES_UNTIL_OFFLINE: i64 = 3;

pub(super) async fn get(
    _: ServiceName,
    Lenient(request): Lenient<HostGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<HostGetAnswer> {
    let caller = state.caller(&token).await?;
    let page = Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    let rows = state.tables.hosts(&caller, &request).await?;
    let total_count = rows.len() as u64;
    let rows = page::slice(rows, page);
    answer(HostGetAnswer {
        total_count,
        total_page: page::total_pages(total_count, page),
        host_infos: with_status(&state, rows).await?,
    })
}

pub(super) async fn with_status(state: &State, rows: Vec<HostRow>) -> Result<Vec<HostInfo>, ApiError> {
    let answering = last_answers(state, &rows).await;
    let has_samples: HashMap<HostId, bool> = state
        .tables
        .machines()
        .await?
        .into_iter()
        .map(|machine| (machine.host_id, machine.first_sample_ms.is_some()))
        .collect();
    let status = |host_id: &HostId| {
        if answering.get(host_id).copied().unwrap_or(false) {
            return "online";
        }
        match has_samples.get(host_id) {
            Some(true) => "offline",
            _ => "unknown",
        }
    };
    let info = |row: HostRow| HostInfo {
        status: status(&row.host_id).to_owned(),
        host_id: row.host_id,
        host_name: row.host_name,
        host_group_name: row.host_group_name,
        public_ip: row.address,
        ssh_port: row.ssh_port,
        management: row.management,
        revision: row.revision,
    };
    Ok(rows.into_iter().map(info).collect())
}

/// Whether the last scrapes of machines were answered; what cannot be read is left out.
async fn last_answers(state: &State, rows: &[HostRow]) -> HashMap<HostId, bool> {
    let now_ms = state.now_ms();
    let interval_ms = i64::try_from(state.scrape_interval.as_millis()).unwrap_or(i64::MAX);
    let since_ms = now_ms.saturating_sub(interval_ms.saturating_mul(SCRAPES_UNTIL_OFFLINE));
    let request = SeriesFetchRequest {
        hosts: rows.iter().map(|row| row.host_id.clone()).collect(),
        selectors: vec![SeriesSelector {
            name: "up".to_owned(),
            kind: DataKind::Kpi,
            matchers: Vec::new(),
            range: TimeRange::new(since_ms, now_ms.saturating_add(1)),
            want_never_had: false,
        }],
    };
    let mut answering = HashMap::new();
    // Somebody waits for the list, and can do without this.
    for series in state.series.for_request().fetch(&request, now_ms).await.series {
        let up = series.values.last().is_some_and(|value| *value > 0.0);
        *answering.entry(series.host_id).or_default() |= up;
    }
    answering
}

pub(super) async fn count(
    _: ServiceName,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<HostCountAnswer> {
    let caller = state.caller(&token).await?;
    answer(HostCountAnswer {
        host_count: state.tables.visible_hosts(&caller).await?.len() as u64,
    })
}

pub(super) async fn register(
    _: ServiceName,
    Lenient(request): Lenient<HostRegisterRequest>,
    state: Data<State>,
) -> ApiResult<HostRegisterAnswer> {
    let new_host_id = HostId::new(random::id());
    let host_id = state
        .tables
        .register_host(&request, new_host_id, state.now_ms())
        .await?;
    answer(HostRegisterAnswer { host_id })
}

pub(super) async fn machines(_: ServiceName, state: Data<State>) -> ApiResult<MachinesAnswer> {
    let machines = state.tables.machines().await?;
    answer(MachinesAnswer { machines })
}
