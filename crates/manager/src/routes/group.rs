//! Groups of hosts.

use actix_web::web::Data;
use aops_api::code::Empty;
use aops_api::group::{
    GroupAddAnswer, GroupAddRequest, GroupDeleteAnswer, GroupDeleteRequest, GroupGetAnswer, GroupGetRequest,
    GroupModifyRequest,
};
use aops_api::page::Page;
use aops_service::http::{CallerToken, Checked};
use aops_service::{ApiError, ApiResult, answer, pass_on};

use super::{require, require_some};
use crate::State;

/// POST /manage/host/group/add: makes a group.
pub(crate) async fn add(
    Checked(request): Checked<GroupAddRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<GroupAddAnswer> {
    require("host_group_name", &request.host_group_name)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .add_group(&request)
            .await?,
    )
}

/// DELETE /manage/host/group/delete: deletes groups that have no hosts.
pub(crate) async fn delete(
    Checked(request): Checked<GroupDeleteRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<GroupDeleteAnswer> {
    require_some("host_group_list", &request.host_group_list)?;
    pass_on(
        state
            .data_center
            .for_caller(token.as_deref())
            .delete_groups(&request)
            .await?,
    )
}

/// POST /manage/host/group/get: the caller's groups.
pub(crate) async fn get(
    Checked(request): Checked<GroupGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<GroupGetAnswer> {
    Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .groups(&request)
            .await?,
    )
}

/// POST /manage/host/group/modify: changes a group.
pub(crate) async fn modify(
    Checked(request): Checked<GroupModifyRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    require("host_group_name", &request.host_group_name)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .modify_group(&request)
            .await?,
    )
}
