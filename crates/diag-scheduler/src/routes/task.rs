//! Diagnoses and how far they are.

use actix_web::web::Data;
use aops_api::diagnosis::{ProgressAnswer, ProgressRequest, TaskGetAnswer, TaskGetRequest};
use aops_api::page::Page;
use aops_service::http::{CallerToken, Checked};
use aops_service::{ApiError, ApiResult, answer};

use super::{State, check_time_range, require};

/// POST /diag/task/get: diagnoses that the caller may see.
pub(super) async fn get(
    Checked(request): Checked<TaskGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<TaskGetAnswer> {
    Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    check_time_range(request.time_range.as_deref())?;
    if let Some(task_list) = &request.task_list {
        require("task_list", task_list)?;
    }
    let data_center = state.data_center.for_caller(token.as_deref());
    answer(data_center.tasks(&request).await?)
}

/// POST /diag/progress/get: how many reports of each diagnosis are finished.
pub(super) async fn progress(
    Checked(request): Checked<ProgressRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ProgressAnswer> {
    require("task_list", &request.task_list)?;
    let data_center = state.data_center.for_caller(token.as_deref());
    answer(data_center.progress(&request).await?)
}
