//! `/data/check/rule`

use actix_web::web::Data;
use aops_api::Shard;
use aops_api::code::Empty;
use aops_api::rule::{
    EffectiveRulesAnswer, EffectiveRulesRequest, ImportAnswer, RuleAddRequest, RuleCountAnswer,
    RuleDeleteRequest, RuleGetAnswer, RuleGetRequest,
};
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiError, ApiResult, answer};

use super::State;

pub(super) async fn add(
    _: ServiceName,
    Lenient(request): Lenient<RuleAddRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ImportAnswer> {
    let caller = state.caller(&token).await?;
    let added = state
        .tables
        .add_rules(&caller.username, &request.rules, state.now_ms())
        .await?;
    answer(added)
}

pub(super) async fn get(
    _: ServiceName,
    Lenient(request): Lenient<RuleGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<RuleGetAnswer> {
    let caller = state.caller(&token).await?;
    answer(state.tables.rules(&caller.username, &request).await?)
}

pub(super) async fn delete(
    _: ServiceName,
    Lenient(request): Lenient<RuleDeleteRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller(&token).await?;
    state
        .tables
        .delete_rules(&caller.username, &request.check_items)
        .await?;
    answer(Empty {})
}

pub(super) async fn count(
    _: ServiceName,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<RuleCountAnswer> {
    let caller = state.caller(&token).await?;
    let rule_count = state.tables.count_rules(&caller.username).await?;
    answer(RuleCountAnswer { rule_count })
}

pub(super) async fn effective(
    _: ServiceName,
    Lenient(request): Lenient<EffectiveRulesRequest>,
    state: Data<State>,
) -> ApiResult<EffectiveRulesAnswer> {
    let number = request.shard.number();
    if number >= Shard::COUNT {
        return Err(ApiError::param(format!(
            "shard: {number} is not below {}",
            Shard::COUNT
        )));
    }
    answer(state.tables.effective_rules(request.shard).await?)
}
