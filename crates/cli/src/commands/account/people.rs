//! Accounts.

use aops_api::account::{
    AccountAddRequest, AccountDeleteRequest, AccountGetRequest, AccountInfo, AccountResetRequest,
    AccountRoleRequest, Role,
};

use super::Arguments;
use super::session::NEW_PASSWORD;
use crate::arguments::List;
use crate::commands::outcome;
use crate::context::{Context, Unasked};
use crate::failure::Failure;
use crate::listing;

pub(super) async fn add(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let username = arguments.username.unwrap_or_default();
    let request = AccountAddRequest {
        password: NEW_PASSWORD.read(arguments.password)?,
        role: arguments.role.map(Into::into),
        must_change: arguments.must_change.map(Into::into),
        username,
    };
    let done = format!("added     {}", request.username);
    context.take_done(platform.add_account(&request).await, &done)
}

pub(super) async fn delete(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let account_list = List::required(arguments.account_list, "--account_list")?;
    let question = format!("delete the accounts {} and all they own", account_list.join(", "));
    context.confirm(&question, Unasked::Refused)?;
    let request = AccountDeleteRequest { account_list };
    let answered = context.platform()?.delete_accounts(&request).await;
    outcome::finish(&context.receive(answered)?, "deleted", context)
}

pub(super) async fn set_role(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = AccountRoleRequest {
        username: arguments.username.unwrap_or_default(),
        role: arguments.role.map_or(Role::User, Into::into),
    };
    let done = format!("{} is {} now", request.username, role_text(request.role));
    context.take_done(context.platform()?.set_role(&request).await, &done)
}

pub(super) async fn reset(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let request = AccountResetRequest {
        username: arguments.username.unwrap_or_default(),
        password: NEW_PASSWORD.read(arguments.password)?,
    };
    let done = format!("{} has a new password, and has to change it", request.username);
    context.take_done(platform.reset_password(&request).await, &done)
}

pub(super) async fn query(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let all = AccountGetRequest {
        account_list: List::of(arguments.account_list),
        sort: arguments.sort.map(Into::into),
        direction: arguments.direction.map(Into::into),
        ..AccountGetRequest::default()
    };
    let ask = async |(page, per_page)| {
        let request = AccountGetRequest {
            page,
            per_page,
            ..all.clone()
        };
        platform.accounts(&request).await
    };
    let header = [
        "username",
        "role",
        "created",
        "last_login",
        "must_change",
        "host_count",
    ];
    let table = listing::table(header, |account| row(account, context));
    listing::print(context, &arguments.paging, ask, table).await
}

fn row(account: &AccountInfo, context: &Context) -> [String; 6] {
    let last_login = account.last_login.map(|seconds| context.show(seconds));
    [
        account.username.clone(),
        role_text(account.role).to_owned(),
        context.show(account.created),
        last_login.unwrap_or_else(|| "never".to_owned()),
        account.must_change.to_string(),
        account.host_count.to_string(),
    ]
}

fn role_text(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::User => "user",
    }
}
