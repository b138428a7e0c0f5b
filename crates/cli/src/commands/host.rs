//! `aops host`: the hosts that are watched.

use aops_api::host::{HostGetRequest, HostInfo, HostSort};
use clap::{ArgAction, Args, ValueEnum};

use crate::arguments::{List, Order, Paging};
use crate::context::Context;
use crate::failure::Failure;
use crate::screen;

/// The hosts that are watched, with their ids.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(long, value_enum)]
    action: Action,

    /// Only these groups, separated by commas.
    #[arg(long = "host_group_name", alias = "host-group-name", value_name = "NAMES")]
    host_group_name: Option<List>,

    /// Only managing nodes (True) or only managed ones (False) [default: both].
    #[arg(long, ignore_case = true, action = ArgAction::Set, value_name = "True|False", value_parser = boolean)]
    management: Option<bool>,

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
    /// List them.
    Query,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Sort {
    HostName,
    HostGroupName,
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected True or False".to_owned()),
    }
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    match arguments.action {
        Action::Query => query(arguments, context).await,
    }
}

async fn query(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let (page, per_page) = arguments.paging.fields();
    let sort = arguments.sort.map(|sort| match sort {
        Sort::HostName => HostSort::HostName,
        Sort::HostGroupName => HostSort::HostGroupName,
    });
    let request = HostGetRequest {
        host_group_list: List::of(arguments.host_group_name),
        management: arguments.management.map(Into::into),
        sort,
        direction: arguments.direction.map(Into::into),
        page,
        per_page,
    };
    let Some(answer) = context.take(context.platform.hosts(&request).await)? else {
        return Ok(());
    };
    context.note_rows(answer.host_infos.len(), answer.total_count);
    let header = [
        "host_id",
        "host_name",
        "host_group_name",
        "public_ip",
        "ssh_port",
        "management",
        "status",
    ];
    screen::print(&screen::table(header, answer.host_infos.into_iter().map(row)))
}

fn row(host: HostInfo) -> [String; 7] {
    [
        host.host_id.to_string(),
        host.host_name,
        host.host_group_name,
        host.public_ip,
        host.ssh_port.to_string(),
        host.management.to_string(),
        host.status,
    ]
}
