//! `/data/account`

use actix_web::web::Data;
use aops_api::account::{
    AccountAddRequest, AccountDeleteRequest, AccountGetAnswer, AccountGetRequest, AccountResetRequest,
    AccountRoleRequest, CertificateRequest, ChangePasswordRequest, GrantGetAnswer, GrantGetRequest,
    GrantRequest, ListOutcome, LoginAnswer, LoginRequest, Role,
};
use aops_api::code::{Code, Empty};
use aops_api::page::{self, Page};
use aops_service::client_address;
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiError, ApiResult, answer, answer_with, random};
use serde_json::json;

use super::State;
use super::audited::listed;
use crate::account::FIRST_ACCOUNT;
use crate::error::Error;
use crate::first_admin;
use crate::store::{LoginAttempt, NewAccount};
use crate::vault;

pub(super) async fn login(
    _: ServiceName,
    Lenient(request): Lenient<LoginRequest>,
    state: Data<State>,
) -> ApiResult<LoginAnswer> {
    let address = client_address::current().unwrap_or_default();
    let attempt = LoginAttempt {
        username: &request.username,
        password: &request.password,
        address: &address,
    };
    let work = async { answer(state.tables.login(attempt, random::id(), state.now_ms()).await?) };
    state
        .audited(&request.username, "account.login", json!({}), work)
        .await
}

pub(super) async fn logout(_: ServiceName, token: CallerToken, state: Data<State>) -> ApiResult<Empty> {
    let caller = state.caller_with_any_password(&token).await?;
    let work = async {
        state.tables.logout(&caller.session_id).await?;
        answer(Empty {})
    };
    state
        .audited(&caller.username, "account.logout", json!({}), work)
        .await
}

pub(super) async fn logout_everywhere(
    _: ServiceName,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller_with_any_password(&token).await?;
    let work = async {
        state.tables.logout_everywhere(&caller.username).await?;
        answer(Empty {})
    };
    state
        .audited(&caller.username, "account.logout_all", json!({}), work)
        .await
}

pub(super) async fn change(
    _: ServiceName,
    Lenient(request): Lenient<ChangePasswordRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller_with_any_password(&token).await?;
    let work = async {
        state
            .tables
            .change_password(&caller, &request.password, random::id(), state.now_ms())
            .await?;
        if caller.username == FIRST_ACCOUNT {
            first_admin::forget(&state.first_password_file)?;
        }
        answer(Empty {})
    };
    state
        .audited(&caller.username, "account.change", json!({}), work)
        .await
}

pub(super) async fn certificate(
    _: ServiceName,
    Lenient(request): Lenient<CertificateRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller(&token).await?;
    let work = async {
        vault::open_for_session(&state.tables, &caller, &request.key, &token).await?;
        answer(Empty {})
    };
    state
        .audited(&caller.username, "account.certificate", json!({}), work)
        .await
}

pub(super) async fn add(
    _: ServiceName,
    Lenient(request): Lenient<AccountAddRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller(&token).await?;
    let role = request.role.unwrap_or(Role::User);
    let detail = json!({ "username": request.username, "role": role });
    let work = async {
        caller.require_admin()?;
        let account = NewAccount {
            username: &request.username,
            password: &request.password,
            role,
            must_change: request.must_change.is_none_or(|must_change| must_change.0),
        };
        state
            .tables
            .add_account(account, random::id(), state.now_ms())
            .await?;
        answer(Empty {})
    };
    state.audited(&caller.username, "account.add", detail, work).await
}

pub(super) async fn delete(
    _: ServiceName,
    Lenient(request): Lenient<AccountDeleteRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ListOutcome> {
    let caller = state.caller(&token).await?;
    let detail = json!({ "account_list": listed(&request.account_list) });
    let work = async {
        caller.require_admin()?;
        let mut outcome = ListOutcome::default();
        for username in &request.account_list {
            match state
                .tables
                .delete_account(&caller, username, state.now_ms())
                .await
            {
                Ok(()) => outcome.succeed_list.push(username.clone()),
                Err(refusal @ (Error::Invalid(_) | Error::InUse(_))) => {
                    outcome.fail(username, refusal.to_string())
                }
                Err(error) => return Err(error.into()),
            }
        }
        answer_list(outcome, Code::DatabaseDeleteError)
    };
    state
        .audited(&caller.username, "account.delete", detail, work)
        .await
}

pub(super) async fn get(
    _: ServiceName,
    Lenient(request): Lenient<AccountGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<AccountGetAnswer> {
    let caller = state.caller(&token).await?;
    let page = Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    let accounts = state.tables.accounts(&caller, &request).await?;
    let total_count = accounts.len() as u64;
    answer(AccountGetAnswer {
        total_count,
        total_page: page::total_pages(total_count, page),
        account_infos: page::slice(accounts, page),
    })
}

pub(super) async fn role(
    _: ServiceName,
    Lenient(request): Lenient<AccountRoleRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller(&token).await?;
    let detail = json!({ "username": request.username, "role": request.role });
    let work = async {
        caller.require_admin()?;
        state
            .tables
            .set_role(&request.username, request.role, state.now_ms())
            .await?;
        answer(Empty {})
    };
    state
        .audited(&caller.username, "account.role", detail, work)
        .await
}

pub(super) async fn reset(
    _: ServiceName,
    Lenient(request): Lenient<AccountResetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller(&token).await?;
    let detail = json!({ "username": request.username });
    let work = async {
        caller.require_admin()?;
        state
            .tables
            .reset_password(&request.username, &request.password, random::id(), state.now_ms())
            .await?;
        answer(Empty {})
    };
    state
        .audited(&caller.username, "account.reset", detail, work)
        .await
}

pub(super) async fn add_grants(
    _: ServiceName,
    Lenient(request): Lenient<GrantRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ListOutcome> {
    let caller = state.caller(&token).await?;
    let work = async {
        caller.require_admin()?;
        let group = request.host_group_name.as_deref();
        let outcome = state
            .tables
            .add_grants(&request.username, &request.host_list, group, state.now_ms())
            .await?;
        answer_list(outcome, Code::DatabaseInsertError)
    };
    let detail = grant_detail(&request);
    state.audited(&caller.username, "grant.add", detail, work).await
}

pub(super) async fn delete_grants(
    _: ServiceName,
    Lenient(request): Lenient<GrantRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ListOutcome> {
    let caller = state.caller(&token).await?;
    let work = async {
        caller.require_admin()?;
        let outcome = state
            .tables
            .delete_grants(&request.username, &request.host_list)
            .await?;
        answer_list(outcome, Code::DatabaseDeleteError)
    };
    let detail = grant_detail(&request);
    state
        .audited(&caller.username, "grant.delete", detail, work)
        .await
}

fn grant_detail(request: &GrantRequest) -> serde_json::Value {
    json!({ "username": request.username, "host_list": listed(&request.host_list) })
}

pub(super) async fn grants(
    _: ServiceName,
    Lenient(request): Lenient<GrantGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<GrantGetAnswer> {
    let caller = state.caller(&token).await?;
    let page = Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    let grants = state.tables.grants(&caller, &request).await?;
    let total_count = grants.len() as u64;
    answer(GrantGetAnswer {
        total_count,
        total_page: page::total_pages(total_count, page),
        grant_infos: page::slice(grants, page),
    })
}

/// 206 when some was done and some not; `nothing` when only the latter.
pub(super) fn answer_list(outcome: ListOutcome, nothing: Code) -> ApiResult<ListOutcome> {
    let Some(first) = outcome.fail_reasons.first() else {
        return answer(outcome);
    };
    let detail = format!("{}: {}", first.name, first.reason);
    let code = match outcome.succeed_list.is_empty() {
        true => nothing,
        false => Code::PartialSucceed,
    };
    answer_with(code, &detail, outcome)
}
