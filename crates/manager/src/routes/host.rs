//! Hosts.

use actix_web::web::Data;
use aops_api::host::{HostGetAnswer, HostGetRequest};
use aops_api::page::Page;
use aops_service::http::{CallerToken, Checked};
use aops_service::{ApiError, ApiResult, answer};

use crate::State;

/// POST /manage/host/get: the hosts that the caller may see.
pub(crate) async fn get(
    Checked(request): Checked<HostGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<HostGetAnswer> {
    Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    let data_center = state.data_center.for_caller(token.as_deref());
    answer(data_center.hosts(&request).await?)
}
