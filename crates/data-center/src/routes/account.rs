//! `/data/account`

use actix_web::web::Data;
use aops_api::account::{ChangePasswordRequest, LoginAnswer, LoginRequest};
use aops_api::code::Empty;
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiResult, answer, random};

use super::State;
use crate::account::FIRST_ACCOUNT;
use crate::first_admin;

pub(super) async fn login(
    _: ServiceName,
    Lenient(request): Lenient<LoginRequest>,
    state: Data<State>,
) -> ApiResult<LoginAnswer> {
    answer(
        state
            .tables
            .login(&request.username, &request.password, random::id(), state.now_ms())
            .await?,
    )
}

pub(super) async fn logout(_: ServiceName, token: CallerToken, state: Data<State>) -> ApiResult<Empty> {
    let caller = state.caller_with_any_password(&token).await?;
    state.tables.logout(&caller.session_id).await?;
    answer(Empty {})
}

pub(super) async fn change(
    _: ServiceName,
    Lenient(request): Lenient<ChangePasswordRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller_with_any_password(&token).await?;
    state
        .tables
        .change_password(&caller, &request.password, random::id(), state.now_ms())
        .await?;
    if caller.username == FIRST_ACCOUNT {
        first_admin::forget(&state.first_password_file)?;
    }
    answer(Empty {})
}
