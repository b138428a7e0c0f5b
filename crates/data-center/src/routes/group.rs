//! `/data/host/group`

use actix_web::web::Data;
use aops_api::code::{Code, Empty};
use aops_api::group::{
    GroupAddAnswer, GroupAddRequest, GroupDeleteAnswer, GroupDeleteRequest, GroupGetAnswer, GroupGetRequest,
    GroupModifyRequest,
};
use aops_api::page::{self, Page};
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiError, ApiResult, answer, answer_with};
use serde_json::json;

use super::State;
use super::audited::listed;

pub(super) async fn add(
    _: ServiceName,
    Lenient(request): Lenient<GroupAddRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<GroupAddAnswer> {
    let caller = state.caller(&token).await?;
    let name = &request.host_group_name;
    let work = async {
        state
            .tables
            .add_group(&caller.username, name, &request.description, state.now_ms())
            .await?;
        answer(GroupAddAnswer {
            host_group_id: name.clone(),
        })
    };
    let detail = json!({ "host_group_name": name });
    state.audited(&caller.username, "group.add", detail, work).await
}

pub(super) async fn delete(
    _: ServiceName,
    Lenient(request): Lenient<GroupDeleteRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<GroupDeleteAnswer> {
    let caller = state.caller(&token).await?;
    let groups = &request.host_group_list;
    let work = async {
        let (deleted, kept) = state.tables.delete_groups(&caller.username, groups).await?;
        match kept.first() {
            None => answer(deleted),
            Some(first) => {
                let detail = format!("host_group_list: there are hosts in {first}");
                answer_with(Code::DataDependency, &detail, deleted)
            }
        }
    };
    let detail = json!({ "host_group_list": listed(groups) });
    state
        .audited(&caller.username, "group.delete", detail, work)
        .await
}

pub(super) async fn get(
    _: ServiceName,
    Lenient(request): Lenient<GroupGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<GroupGetAnswer> {
    let caller = state.caller(&token).await?;
    let page = Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    let groups = state.tables.groups(&caller.username, &request).await?;
    let total_count = groups.len() as u64;
    answer(GroupGetAnswer {
        total_count,
        total_page: page::total_pages(total_count, page),
        host_group_infos: page::slice(groups, page),
    })
}

pub(super) async fn modify(
    _: ServiceName,
    Lenient(request): Lenient<GroupModifyRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller(&token).await?;
    let work = async {
        state.tables.modify_group(&caller.username, &request).await?;
        answer(Empty {})
    };
    let detail = json!(request);
    state
        .audited(&caller.username, "group.modify", detail, work)
        .await
}
