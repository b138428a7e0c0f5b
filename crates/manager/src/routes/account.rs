//! Accounts and sessions.

use actix_web::web::Data;
use aops_api::Code;
use aops_api::account::{
    AccountAddRequest, AccountDeleteRequest, AccountGetAnswer, AccountGetRequest, AccountResetRequest,
    AccountRoleRequest, CertificateRequest, ChangePasswordRequest, GrantGetAnswer, GrantGetRequest,
    GrantRequest, ListOutcome, LoginAnswer, LoginRequest,
};
use aops_api::code::Empty;
use aops_api::page::Page;
use aops_service::http::{CallerToken, Checked};
use aops_service::{ApiError, ApiResult, answer, pass_on};

use super::{require, require_some};
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

/// POST /manage/account/logout_all: ends every session of the caller.
pub(crate) async fn logout_everywhere(token: CallerToken, state: Data<State>) -> ApiResult<Empty> {
    let request = Empty {};
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .logout_everywhere(&request)
            .await?,
    )
}

/// POST /manage/account/certificate: opens the caller's vault for the session.
pub(crate) async fn certificate(
    Checked(request): Checked<CertificateRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    require("key", &request.key)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .open_vault(&request)
            .await?,
    )
}

/// POST /manage/account/add: makes an account.
pub(crate) async fn add(
    Checked(request): Checked<AccountAddRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    require("username", &request.username)?;
    require("password", &request.password)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .add_account(&request)
            .await?,
    )
}

/// DELETE /manage/account/delete: deletes accounts.
pub(crate) async fn delete(
    Checked(request): Checked<AccountDeleteRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ListOutcome> {
    require_some("account_list", &request.account_list)?;
    pass_on(
        state
            .data_center
            .for_caller(token.as_deref())
            .delete_accounts(&request)
            .await?,
    )
}

/// POST /manage/account/get: accounts.
pub(crate) async fn get(
    Checked(request): Checked<AccountGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<AccountGetAnswer> {
    Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .accounts(&request)
            .await?,
    )
}

/// POST /manage/account/role: what an account may do.
pub(crate) async fn role(
    Checked(request): Checked<AccountRoleRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    require("username", &request.username)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .set_role(&request)
            .await?,
    )
}

/// POST /manage/account/reset: a new password for an account.
pub(crate) async fn reset(
    Checked(request): Checked<AccountResetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    require("username", &request.username)?;
    require("password", &request.password)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .reset_password(&request)
            .await?,
    )
}

/// POST /manage/account/grant/add: gives accesses to machines.
pub(crate) async fn add_grants(
    Checked(request): Checked<GrantRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ListOutcome> {
    require("username", &request.username)?;
    require_some("host_list", &request.host_list)?;
    pass_on(
        state
            .data_center
            .for_caller(token.as_deref())
            .add_grants(&request)
            .await?,
    )
}

/// DELETE /manage/account/grant/delete: takes accesses to machines away.
pub(crate) async fn delete_grants(
    Checked(request): Checked<GrantRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ListOutcome> {
    require("username", &request.username)?;
    require_some("host_list", &request.host_list)?;
    pass_on(
        state
            .data_center
            .for_caller(token.as_deref())
            .delete_grants(&request)
            .await?,
    )
}

/// POST /manage/account/grant/get: who has an access to what.
pub(crate) async fn grants(
    Checked(request): Checked<GrantGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<GrantGetAnswer> {
    Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .grants(&request)
            .await?,
    )
}
