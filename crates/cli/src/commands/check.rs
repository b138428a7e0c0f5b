//! `aops check`: anomalies that the check rules found.

use aops_api::read::Integer;
use aops_api::result::{ResultGetRequest, ResultRow, ResultSort};
use clap::{Args, ValueEnum};

use super::why::{show_labels, why};
use crate::arguments::{List, Order, Paging, Window};
use crate::context::Context;
use crate::failure::Failure;
use crate::listing;

/// Anomalies that the check rules found: what overlaps the time between --start and --end.
///
/// Shown with them is where a rule had no data, or could not be evaluated.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only these rules, separated by commas.
    #[arg(long = "check_items", aliases = ["check-items", "chek_items"], value_name = "NAMES")]
    check_items: Option<List>,

    /// Only these hosts, by id, separated by commas.
    #[arg(long = "host_list", alias = "host-list", value_name = "IDS")]
    host_list: Option<List>,

    #[command(flatten)]
    window: Window,

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
#[value(rename_all = "snake_case")]
enum Sort {
    Start,
    End,
    CheckItem,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let time_range = arguments.window.resolve(&context.clock)?;
    let all = ResultGetRequest {
        time_range: time_range.map(Integer).to_vec(),
        check_items: List::of(arguments.check_items),
        host_list: List::hosts(arguments.host_list),
        value: None,
        sort: arguments.sort.map(|sort| match sort {
            Sort::Start => ResultSort::Start,
            Sort::End => ResultSort::End,
            Sort::CheckItem => ResultSort::CheckItem,
        }),
        direction: arguments.direction.map(Into::into),
        page: None,
        per_page: None,
    };
    let platform = context.platform()?;
    let ask = async |(page, per_page)| {
        let request = ResultGetRequest {
            page,
            per_page,
            ..all.clone()
        };
        platform.results(&request).await
    };
    let header = ["host_id", "check_item", "value", "labels", "start", "end", "why"];
    let table = listing::table(header, |result| row(result, context));
    listing::print(context, &arguments.paging, ask, table).await
}

fn row(result: &ResultRow, context: &Context) -> [String; 7] {
    [
        result.host_id.to_string(),
        result.check_item.clone(),
        result.value.text().to_owned(),
        show_labels(&result.labels),
        context.show(result.start),
        context.show(result.end),
        why(result.value, &result.evidence, &result.reason),
    ]
}
