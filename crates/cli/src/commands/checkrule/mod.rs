//! `aops checkrule`: what counts as an anomaly. One file per action that needs no platform; the others are here.

mod check;
mod convert;
mod test;

use std::path::{Path, PathBuf};

use aops_api::rule::{CheckItem, RuleDeleteRequest, RuleGetRequest, RuleImportRequest};
use clap::{Args, ValueEnum};
use reqwest::Method;

use self::test::TestOptions;
use super::import;
use crate::arguments::{List, Paging};
use crate::context::{Context, Unasked};
use crate::failure::Failure;
use crate::{documents, listing, screen};

const EXPORT_NAME: &str = "check_rules.json";

/// Check rules: what counts as an anomaly.
///
/// A file of rules is JSON: {"check_items": [{"check_item": NAME, "data_list": [{"name": METRIC}],
/// "condition": "$0 > 0.9"}]}. What --export writes can be added again.
///
/// The actions check and test need neither a platform nor a token. They take a bare list of rules as well, and exit
/// with 0 when all rules are good, 2 when one is refused, 1 when a file cannot be read.
///
/// To test rules, --data gives a file of series by host:
/// {"10.0.0.1": [{"name": METRIC, "type": "kpi", "label": {"cpu": "0"}, "values": [[1795252272, "0.93"]]}]}.
/// What is found goes to standard output as JSON, or as a table with --output table.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(long, value_enum)]
    action: Action,

    /// The file of rules to add, check or test, or of alerting rules of Prometheus to convert.
    #[arg(
        long,
        required_if_eq_any([("action", "add"), ("action", "check"), ("action", "test"), ("action", "convert")]),
        value_name = "FILE"
    )]
    conf: Option<PathBuf>,

    /// Names of rules, separated by commas; to get: all without it.
    #[arg(
        long = "check_items",
        alias = "check-items",
        required_if_eq("action", "delete"),
        value_name = "NAMES"
    )]
    check_items: Option<List>,

    /// Where to write the rules that were got or converted: a file, or a folder for a file check_rules.json.
    #[arg(long, value_name = "PATH")]
    export: Option<PathBuf>,

    #[command(flatten)]
    test: TestOptions,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Add the rules of a file; a rule of the same name is replaced.
    Add,
    /// List rules, or export them.
    Get,
    /// Delete rules.
    Delete,
    /// Say what is wrong in a file of rules, and where. Needs no platform.
    Check,
    /// Run the rules of a file over the series of another. Needs no platform.
    Test,
    /// Turn alerting rules of Prometheus into rules to add. Needs no platform.
    Convert,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    if !matches!(arguments.action, Action::Test) {
        arguments.test.refuse()?;
    }
    let conf = arguments.conf.as_deref().unwrap_or(Path::new(""));
    match arguments.action {
        Action::Add => add(arguments, context).await,
        Action::Get => get(arguments, context).await,
        Action::Delete => delete(arguments, context).await,
        Action::Check => check::run(conf, context),
        Action::Test => test::run(conf, &arguments.test, context),
        Action::Convert => convert::run(conf, arguments.export.as_deref()),
    }
}

async fn add(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    // The file travels as it is: a field that we do not know is the platform's to refuse.
    let body = documents::read(&arguments.conf.unwrap_or_default())?;
    let answered = context
        .platform()?
        .call(Method::POST, "/check/rule/import", &body)
        .await;
    import::finish(&context.receive(answered)?, context)
}

async fn get(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let all = RuleGetRequest {
        check_items: List::of(arguments.check_items),
        ..RuleGetRequest::default()
    };
    let platform = context.platform()?;
    let ask = async |(page, per_page)| {
        let request = RuleGetRequest {
            page,
            per_page,
            ..all.clone()
        };
        platform.rules(&request).await
    };
    let Some(path) = arguments.export else {
        let header = ["check_item", "condition", "severity", "enabled", "description"];
        let table = listing::table(header, row);
        return listing::print(context, &Paging::default(), ask, table).await;
    };
    let check_items = listing::collect(context, ask).await?;
    let count = check_items.len();
    let path = documents::write(&path, EXPORT_NAME, &RuleImportRequest { check_items })?;
    screen::note(&format!("{count} rules written to {}", path.display()));
    Ok(())
}

fn row(rule: &CheckItem) -> [String; 5] {
    let severity = rule
        .severity
        .map(|severity| format!("{severity:?}").to_lowercase());
    [
        rule.check_item.clone(),
        rule.condition.clone(),
        severity.unwrap_or_default(),
        rule.enabled.unwrap_or(true).to_string(),
        rule.description.clone(),
    ]
}

async fn delete(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = RuleDeleteRequest {
        check_items: List::required(arguments.check_items, "--check_items")?,
    };
    let question = format!("delete the check rules {}", request.check_items.join(", "));
    context.confirm(&question, Unasked::GoesOn)?;
    context.take_done(context.platform()?.delete_rules(&request).await, "deleted")
}
