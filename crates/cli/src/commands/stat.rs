//! `aops stat`: how many there are.

use aops_api::code::Empty;
use aops_api::result::{CountSort, HostCount, ResultCountRequest};
use clap::{Args, ValueEnum};

use crate::arguments::{List, Order, Paging};
use crate::context::Context;
use crate::failure::Failure;
use crate::{listing, screen};

/// How many hosts and rules there are, and how many anomalies each host has.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(long, value_enum)]
    action: Action,

    /// What to count.
    #[arg(long, value_enum)]
    field: Field,

    /// Of anomalies: only those of these hosts, by id, separated by commas.
    #[arg(long = "host_list", alias = "host-list", value_name = "IDS")]
    host_list: Option<List>,

    /// Of anomalies: sort by this.
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
    /// Count.
    Count,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Field {
    /// Hosts.
    Host,
    /// Check rules.
    CheckRule,
    /// Anomalies, by host.
    CheckResult,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sort {
    Count,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let Action::Count = arguments.action;
    match arguments.field {
        Field::Host => {
            let answered = context.platform()?.count_hosts(&Empty {}).await;
            match context.take(answered)? {
                Some(answer) => print_count("host_count", answer.host_count),
                None => Ok(()),
            }
        }
        Field::CheckRule => {
            let answered = context.platform()?.count_rules(&Empty {}).await;
            match context.take(answered)? {
                Some(answer) => print_count("rule_count", answer.rule_count),
                None => Ok(()),
            }
        }
        Field::CheckResult => count_results(arguments, context).await,
    }
}

fn print_count(header: &str, count: u64) -> Result<(), Failure> {
    screen::print(&screen::table([header], [[count.to_string()]]))
}

async fn count_results(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let host_list = List::hosts(arguments.host_list);
    let sort = arguments.sort.map(|Sort::Count| CountSort::Count);
    let direction = arguments.direction.map(Into::into);
    let ask = async |(page, per_page)| {
        let request = ResultCountRequest {
            host_list: host_list.clone(),
            sort,
            direction,
            page,
            per_page,
        };
        platform.count_results(&request).await
    };
    let table = listing::table(["host_id", "count"], |row: &HostCount| {
        [row.host_id.to_string(), row.count.to_string()]
    });
    listing::print(context, &arguments.paging, ask, table).await
}
