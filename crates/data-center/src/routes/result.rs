//! `/data/check/result`

use actix_web::web::Data;
use aops_api::finding::FindingValue;
use aops_api::page::Page;
use aops_api::read::Integer;
use aops_api::result::{ResultCountAnswer, ResultCountRequest, ResultGetAnswer, ResultGetRequest};
use aops_api::{HostId, TimeRange};
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiError, ApiResult, answer};

use super::State;
use crate::account::Caller;
use crate::results::{ResultFilter, count_results, read_results};

pub(super) async fn get(
    _: ServiceName,
    Lenient(request): Lenient<ResultGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ResultGetAnswer> {
    let caller = state.caller(&token).await?;
    let filter = ResultFilter {
        hosts: visible_hosts(&state, &caller, &request.host_list).await?,
        range: range_of(&request.time_range)?,
        value: value_of(request.value.as_deref())?,
        sort: request.sort,
        direction: request.direction,
        page: Page::check(request.page, request.per_page).map_err(ApiError::param)?,
    };
    let mut rules = state.tables.rule_histories(&caller.username).await?;
    let wanted = &request.check_items;
    rules.retain(|rule| wanted.is_empty() || wanted.contains(&rule.item.check_item));
    answer(read_results(&state.documents.for_request(), &rules, &filter).await?)
}

pub(super) async fn count(
    _: ServiceName,
    Lenient(request): Lenient<ResultCountRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ResultCountAnswer> {
    let caller = state.caller(&token).await?;
    let page = Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    let hosts = visible_hosts(&state, &caller, &request.host_list).await?;
    let rules = state.tables.rule_histories(&caller.username).await?;
    let documents = state.documents.for_request();
    let counts = count_results(&documents, &rules, hosts, request.sort, request.direction, page);
    answer(counts.await?)
}

/// Of the hosts asked for (none = all) those that the caller sees.
async fn visible_hosts(state: &State, caller: &Caller, asked: &[HostId]) -> Result<Vec<HostId>, ApiError> {
    let visible = state.tables.visible_hosts(caller).await?;
    if asked.is_empty() {
        return Ok(visible.into_iter().collect());
    }
    Ok(asked
        .iter()
        .filter(|host| visible.contains(host))
        .cloned()
        .collect())
}

/// Two seconds, both ends included; none = of any time.
fn range_of(time_range: &[Integer]) -> Result<Option<TimeRange>, ApiError> {
    match time_range {
        [] => Ok(None),
        [start, end] => {
            let end_ms = end.0.saturating_mul(1_000).saturating_add(1);
            Ok(Some(TimeRange::new(start.0.saturating_mul(1_000), end_ms)))
        }
        other => Err(ApiError::param(format!(
            "time_range: {} elements, not 0 or 2",
            other.len()
        ))),
    }
}

fn value_of(text: Option<&str>) -> Result<Option<FindingValue>, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match FindingValue::from_text(text) {
        Some(value) => Ok(Some(value)),
        None => Err(ApiError::param(format!(
            "value: '{text}' is none of Abnormal, No data, Internal error"
        ))),
    }
}
