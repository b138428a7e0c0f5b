//! Reports of diagnoses.

use actix_web::web::Data;
use aops_api::code::Empty;
use aops_api::diagnosis::{ReportGetAnswer, ReportIdsRequest, ReportListAnswer, ReportListRequest};
use aops_api::page::Page;
use aops_service::http::{CallerToken, Checked};
use aops_service::{ApiError, ApiResult, answer};

use super::{State, check_time_range, require};

/// POST /diag/report/get: whole reports, by id.
pub(super) async fn get(
    Checked(request): Checked<ReportIdsRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ReportGetAnswer> {
    require("report_list", &request.report_list)?;
    let data_center = state.data_center.for_caller(token.as_deref());
    answer(data_center.reports(&request).await?)
}

/// POST /diag/report/get_list: heads of reports. Beside `task_id` the other filters do not count.
pub(super) async fn get_list(
    Checked(request): Checked<ReportListRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ReportListAnswer> {
    Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    check_time_range(request.time_range.as_deref())?;
    if request
        .task_id
        .as_ref()
        .is_some_and(|task_id| task_id.as_str().is_empty())
    {
        return Err(ApiError::param("task_id: must not be empty"));
    }
    let data_center = state.data_center.for_caller(token.as_deref());
    answer(data_center.report_list(&request).await?)
}

/// DELETE /diag/report/delete: reports of the caller, by id; an empty list deletes nothing.
pub(super) async fn delete(
    Checked(request): Checked<ReportIdsRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let data_center = state.data_center.for_caller(token.as_deref());
    answer(data_center.delete_reports(&request).await?)
}
