//! Accounts and sessions.

use actix_web::web::Data;
use aops_api::Code;
use aops_api::account::{ChangePasswordRequest, LoginAnswer, LoginRequest};
use aops_api::code::Empty;
use aops_service::http::{CallerToken, Checked};
use aops_service::{ApiError, ApiResult, answer};

use crate::State;

/// POST /manage/account/login: opens a session and answers its token.
pub(crate) async fn login(
    Checked(request): Checked<LoginRequest>,
    state: Data<State>,
) -> ApiResult<LoginAnswer> {
    require("username", &request.username)?;
    require("password", &request.password)?;
    answer(state.data_center.login(&request).await?)
}

/// POST /manage/account/logout: ends the caller's session. A body is not needed, and not read.
pub(crate) async fn logout(token: CallerToken, state: Data<State>) -> ApiResult<Empty> {
    let data_center = state.data_center.for_caller(token.as_deref());
    answer(data_center.logout(&Empty {}).await?)
}

/// POST /manage/logout: as [`logout`], and success as well when there is no session to end.
pub(crate) async fn logout_if_logged_in(token: CallerToken, state: Data<State>) -> ApiResult<Empty> {
    if token.as_deref().is_none() {
        return answer(Empty {});
    }
    match logout(token, state).await {
        Err(refusal) if refusal.code == Code::TokenError => answer(Empty {}),
        outcome => outcome,
    }
}

/// POST /manage/account/change: changes the caller's password.
pub(crate) async fn change(
    Checked(request): Checked<ChangePasswordRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    require("password", &request.password)?;
    let data_center = state.data_center.for_caller(token.as_deref());
    answer(data_center.change_password(&request).await?)
}

fn require(field: &str, text: &str) -> Result<(), ApiError> {
    if text.is_empty() {
        return Err(ApiError::param(format!("{field}: must not be empty")));
    }
    Ok(())
}
