//! `/data/diag/tree`

use actix_web::web::Data;
use aops_api::code::Empty;
use aops_api::rule::ImportAnswer;
use aops_api::tree::{TreeGetAnswer, TreeImportRequest, TreeListRequest};
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiResult, answer};

use super::State;

pub(super) async fn add(
    _: ServiceName,
    Lenient(request): Lenient<TreeImportRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ImportAnswer> {
    let caller = state.caller(&token).await?;
    let added = state
        .tables
        .add_trees(&caller.username, &request.trees, state.now_ms())
        .await?;
    answer(added)
}

pub(super) async fn get(
    _: ServiceName,
    Lenient(request): Lenient<TreeListRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<TreeGetAnswer> {
    let caller = state.caller(&token).await?;
    let trees = state.tables.trees(&caller.username, &request).await?;
    answer(TreeGetAnswer { trees })
}

pub(super) async fn delete(
    _: ServiceName,
    Lenient(request): Lenient<TreeListRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller(&token).await?;
    state
        .tables
        .delete_trees(&caller.username, &request.tree_list)
        .await?;
    answer(Empty {})
}
