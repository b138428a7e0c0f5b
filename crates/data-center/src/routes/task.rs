//! `/data/diag/task` and `/data/diag/process`

use actix_web::web::Data;
use aops_api::code::Empty;
use aops_api::diagnosis::{
    PinnedTaskAnswer, PinnedTaskRequest, ProgressAnswer, ProgressRequest, TaskGetAnswer, TaskGetRequest,
    TaskPublishedRequest, TaskSaveRequest, UnpublishedTasksAnswer,
};
use aops_api::page::{self, Page};
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiError, ApiResult, answer};

use super::State;

pub(super) async fn save(
    _: ServiceName,
    Lenient(request): Lenient<TaskSaveRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller(&token).await?;
    state.tables.save_task(&caller.username, &request).await?;
    answer(Empty {})
}

pub(super) async fn get(
    _: ServiceName,
    Lenient(request): Lenient<TaskGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<TaskGetAnswer> {
    let caller = state.caller(&token).await?;
    let page = Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    let tasks = state.tables.tasks(&caller, &request).await?;
    let total_count = tasks.len() as u64;
    answer(TaskGetAnswer {
        total_count,
        total_page: page::total_pages(total_count, page),
        task_infos: page::slice(tasks, page),
    })
}

pub(super) async fn pinned(
    _: ServiceName,
    Lenient(request): Lenient<PinnedTaskRequest>,
    state: Data<State>,
) -> ApiResult<PinnedTaskAnswer> {
    let task = state.tables.pinned_task(&request.task_id).await?;
    answer(PinnedTaskAnswer { task })
}

pub(super) async fn unpublished(_: ServiceName, state: Data<State>) -> ApiResult<UnpublishedTasksAnswer> {
    let tasks = state.tables.unpublished_tasks().await?;
    answer(UnpublishedTasksAnswer { tasks })
}

pub(super) async fn published(
    _: ServiceName,
    Lenient(request): Lenient<TaskPublishedRequest>,
    state: Data<State>,
) -> ApiResult<Empty> {
    state.tables.mark_published(&request.task_id).await?;
    answer(Empty {})
}

pub(super) async fn progress(
    _: ServiceName,
    Lenient(request): Lenient<ProgressRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ProgressAnswer> {
    let caller = state.caller(&token).await?;
    let result = state.tables.progress(&caller, &request.task_list).await?;
    answer(ProgressAnswer { result })
}
