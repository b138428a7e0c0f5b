//! `aops group`: groups of hosts.

use aops_api::group::{
    GroupAddRequest, GroupDeleteAnswer, GroupDeleteRequest, GroupGetRequest, GroupInfo, GroupModifyRequest,
    GroupSort,
};
use aops_client::Outcome;
use clap::{Args, ValueEnum};

use super::outcome;
use crate::arguments::{List, Order, Paging};
use crate::context::{Context, Unasked, check};
use crate::failure::Failure;
use crate::listing;

/// Groups of hosts.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(long, value_enum)]
    action: Action,

    /// Name of the group that is added or modified.
    #[arg(
        long = "host_group_name",
        alias = "host-group-name",
        required_if_eq_any([("action", "add"), ("action", "modify")]),
        value_name = "NAME"
    )]
    host_group_name: Option<String>,

    /// Names of the groups to delete, separated by commas. A group with hosts in it stays.
    #[arg(
        long = "host_group_list",
        alias = "host-group-list",
        required_if_eq("action", "delete"),
        value_name = "NAMES"
    )]
    host_group_list: Option<List>,

    /// Description of the group that is added or modified.
    #[arg(long, alias = "descriptipn", value_name = "TEXT")]
    description: Option<String>,

    /// To modify: the new name. Hosts and rules that name the group follow.
    #[arg(long = "new_name", alias = "new-name", value_name = "NAME")]
    new_name: Option<String>,

    /// Sort by this.
    #[arg(long, value_enum)]
    sort: Option<Sort>,

    /// Direction of the sort.
    #[arg(long, value_enum)]
    direction: Option<Order>,

    #[command(flatten)]
    paging: Paging,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Add a group.
    Add,
    /// Delete groups.
    Delete,
    /// List groups.
    Query,
    /// Change the name or the description; what is not named stays.
    Modify,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Sort {
    HostGroupName,
    HostCount,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    match arguments.action {
        Action::Add => add(arguments, context).await,
        Action::Delete => delete(arguments, context).await,
        Action::Query => query(arguments, context).await,
        Action::Modify => modify(arguments, context).await,
    }
}

async fn add(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = GroupAddRequest {
        host_group_name: arguments.host_group_name.unwrap_or_default(),
        description: arguments.description.unwrap_or_default(),
    };
    let done = format!("added     {}", request.host_group_name);
    context.take_done(context.platform()?.add_group(&request).await, &done)
}

async fn delete(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let host_group_list = List::required(arguments.host_group_list, "--host_group_list")?;
    let question = format!("delete the groups {}", host_group_list.join(", "));
    context.confirm(&question, Unasked::GoesOn)?;
    let request = GroupDeleteRequest { host_group_list };
    let answered = context.platform()?.delete_groups(&request).await;
    finish_delete(&request, &context.receive(answered)?, context)
}

fn finish_delete(
    request: &GroupDeleteRequest,
    outcome: &Outcome<GroupDeleteAnswer>,
    context: &Context,
) -> Result<(), Failure> {
    if context.output.is_for_programs() {
        context.print_answer(outcome)?;
        return check(outcome);
    }
    if let Some(answer) = &outcome.payload {
        for name in &answer.deleted {
            outcome::print_done("deleted", name)?;
        }
        let asked = request.host_group_list.iter();
        for name in asked.filter(|name| !answer.deleted.contains(name)) {
            outcome::note_refused(name, None);
        }
    }
    check(outcome)
}

async fn query(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let all = GroupGetRequest {
        sort: arguments.sort.map(|sort| match sort {
            Sort::HostGroupName => GroupSort::HostGroupName,
            Sort::HostCount => GroupSort::HostCount,
        }),
        direction: arguments.direction.map(Into::into),
        ..GroupGetRequest::default()
    };
    let ask = async |(page, per_page)| {
        let request = GroupGetRequest {
            page,
            per_page,
            ..all.clone()
        };
        platform.groups(&request).await
    };
    let header = ["host_group_name", "host_count", "description"];
    listing::print(context, &arguments.paging, ask, listing::table(header, row)).await
}

fn row(group: &GroupInfo) -> [String; 3] {
    [
        group.host_group_name.clone(),
        group.host_count.to_string(),
        group.description.clone(),
    ]
}

async fn modify(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    if arguments.new_name.is_none() && arguments.description.is_none() {
        return Err(Failure::Usage(
            "nothing to modify: give --new_name or --description".to_owned(),
        ));
    }
    let request = GroupModifyRequest {
        host_group_name: arguments.host_group_name.unwrap_or_default(),
        new_name: arguments.new_name,
        description: arguments.description,
    };
    let done = format!("modified  {}", request.host_group_name);
    context.take_done(context.platform()?.modify_group(&request).await, &done)
}
