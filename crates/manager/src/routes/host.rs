//! Hosts.

use actix_web::web::Data;
use aops_api::account::ListOutcome;
use aops_api::code::Empty;
use aops_api::host::{
    HostAddAnswer, HostAddRequest, HostCountAnswer, HostDeleteRequest, HostGetAnswer, HostGetRequest,
    HostInfoAnswer, HostInfoRequest, HostModifyRequest, InventoryAnswer, InventoryRequest,
};
use aops_api::page::Page;
use aops_service::http::{CallerToken, Checked};
use aops_service::{ApiError, ApiResult, answer, pass_on};

use super::{require, require_some};
use crate::State;

/// POST /manage/host/add: adds machines.
pub(crate) async fn add(
    Checked(request): Checked<HostAddRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<HostAddAnswer> {
    require_some("host_list", &request.host_list)?;
    require("key", &request.key)?;
    pass_on(
        state
            .data_center
            .for_caller(token.as_deref())
            .add_hosts(&request)
            .await?,
    )
}

/// DELETE /manage/host/delete: deletes machines.
pub(crate) async fn delete(
    Checked(request): Checked<HostDeleteRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ListOutcome> {
    require_some("host_list", &request.host_list)?;
    pass_on(
        state
            .data_center
            .for_caller(token.as_deref())
            .delete_hosts(&request)
            .await?,
    )
}

/// POST /manage/host/get: the hosts that the caller may see.
pub(crate) async fn get(
    Checked(request): Checked<HostGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<HostGetAnswer> {
    Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .hosts(&request)
            .await?,
    )
}

/// POST /manage/host/count: how many hosts the caller may see. A body is not read.
pub(crate) async fn count(token: CallerToken, state: Data<State>) -> ApiResult<HostCountAnswer> {
    let request = Empty {};
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .count_hosts(&request)
            .await?,
    )
}

/// POST /manage/host/info/query: hosts with their facts.
pub(crate) async fn info(
    Checked(request): Checked<HostInfoRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<HostInfoAnswer> {
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .host_infos(&request)
            .await?,
    )
}

/// POST /manage/host/modify: changes a host.
pub(crate) async fn modify(
    Checked(request): Checked<HostModifyRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .modify_host(&request)
            .await?,
    )
}

/// POST /manage/host/inventory/export: an Ansible inventory.
pub(crate) async fn export_inventory(
    Checked(request): Checked<InventoryRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<InventoryAnswer> {
    require("key", &request.key)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .export_inventory(&request)
            .await?,
    )
}
