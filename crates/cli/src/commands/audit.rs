//! `aops audit`: the operation log.

use aops_api::audit::{AuditEntry, AuditGetRequest};
use aops_api::read::Integer;
use clap::{Args, ValueEnum};

use crate::arguments::{List, Order, Paging, Window};
use crate::context::Context;
use crate::failure::Failure;
use crate::listing;

/// The operation log: who changed what, from where, and what came of it. For admins.
///
/// Without --start and --end: all of it, the newest first.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(long, value_enum, default_value_t = Action::Query)]
    action: Action,

    /// Only what these accounts did, separated by commas.
    #[arg(long = "account_list", alias = "account-list", value_name = "NAMES")]
    account_list: Option<List>,

    /// Only this, such as host.add, separated by commas.
    #[arg(long = "action_list", alias = "action-list", value_name = "ACTIONS")]
    action_list: Option<List>,

    #[command(flatten)]
    window: Window,

    /// Newest first (desc) or oldest first (asc) [default: desc].
    #[arg(long, value_enum)]
    direction: Option<Order>,

    #[command(flatten)]
    paging: Paging,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// List entries.
    Query,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let Action::Query = arguments.action;
    let time_range = if arguments.window.is_given() {
        arguments.window.resolve(&context.clock)?.map(Integer).to_vec()
    } else {
        Vec::new()
    };
    let all = AuditGetRequest {
        time_range,
        account_list: List::of(arguments.account_list),
        action_list: List::of(arguments.action_list),
        direction: arguments.direction.map(Into::into),
        ..AuditGetRequest::default()
    };
    let platform = context.platform()?;
    let ask = async |(page, per_page)| {
        let request = AuditGetRequest {
            page,
            per_page,
            ..all.clone()
        };
        platform.audit(&request).await
    };
    let header = [
        "time", "username", "address", "action", "outcome", "detail", "message",
    ];
    let table = listing::table(header, |entry| row(entry, context));
    listing::print(context, &arguments.paging, ask, table).await
}

fn row(entry: &AuditEntry, context: &Context) -> [String; 7] {
    let outcome = entry.outcome.map(|code| code.to_string());
    [
        context.show(entry.time),
        entry.username.clone(),
        entry.address.clone(),
        entry.action.clone(),
        outcome.unwrap_or_else(|| "open".to_owned()),
        entry.detail.to_string(),
        entry.message.clone(),
    ]
}
