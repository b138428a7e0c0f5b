//! Who has an access to what.

use aops_api::account::{GrantGetRequest, GrantInfo, GrantRequest};
use aops_api::id::HostId;

use super::Arguments;
use crate::arguments::List;
use crate::commands::outcome;
use crate::context::{Context, Unasked};
use crate::failure::Failure;
use crate::listing;

pub(super) async fn add(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = request(arguments)?;
    let answered = context.platform()?.add_grants(&request).await;
    outcome::finish(&context.receive(answered)?, "granted", context)
}

pub(super) async fn delete(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = GrantRequest {
        host_group_name: None,
        ..request(arguments)?
    };
    let question = format!(
        "take the access to {} away from {}",
        crate::commands::counted(request.host_list.len(), "host"),
        request.username
    );
    context.confirm(&question, Unasked::Refused)?;
    let answered = context.platform()?.delete_grants(&request).await;
    outcome::finish(&context.receive(answered)?, "revoked", context)
}

fn request(arguments: Arguments) -> Result<GrantRequest, Failure> {
    let host_list = List::required(arguments.host_list, "--host_list")?;
    Ok(GrantRequest {
        username: arguments.username.unwrap_or_default(),
        host_list: host_list.into_iter().map(HostId::from).collect(),
        host_group_name: arguments.host_group_name,
    })
}

pub(super) async fn query(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let all = GrantGetRequest {
        account_list: List::of(arguments.account_list),
        host_list: List::hosts(arguments.host_list),
        ..GrantGetRequest::default()
    };
    let ask = async |(page, per_page)| {
        let request = GrantGetRequest {
            page,
            per_page,
            ..all.clone()
        };
        platform.grants(&request).await
    };
    let header = ["username", "host_id", "host_name", "host_group_name"];
    listing::print(context, &arguments.paging, ask, listing::table(header, row)).await
}

fn row(grant: &GrantInfo) -> [String; 4] {
    [
        grant.username.clone(),
        grant.host_id.to_string(),
        grant.host_name.clone(),
        grant.host_group_name.clone(),
    ]
}
