//! `aops faultree`: how anomalies lead to a root cause.
//!
//! | module | what it does |
//! |---|---|
//! | `source` | files of trees, and where in them something is wrong |
//! | `offline` | what needs no platform: check, test, convert |

mod offline;
mod source;

use std::path::PathBuf;

use aops_api::tree::{TreeDocument, TreeImportRequest, TreeListRequest, TreeRow};
use clap::{Args, ValueEnum};
use reqwest::Method;

use self::source::Source;
use super::import;
use crate::arguments::List;
use crate::context::{Context, Unasked, check};
use crate::failure::Failure;
use crate::{documents, screen};

const EXPORT_NAME: &str = "fault_trees.json";

/// Fault trees: how anomalies lead to a root cause.
///
/// A file of trees is JSON: either one tree, which --tree_list names, or
/// {"trees": [{"tree_name": NAME, "tree_content": TREE}]}, of which --tree_list may pick some; or a workbook (.xlsx) with
/// one tree, drawn as an outline on the sheet "diag". What --export writes can be added again.
///
/// check, test and convert need no platform and no token. They exit with 2 if a tree is refused; its reasons are on
/// standard error. How trees are written, and what they mean: docs/fault-trees.md.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(long, value_enum)]
    action: Action,

    /// The file of trees: JSON, or a workbook if its name ends in .xlsx.
    #[arg(
        long,
        required_if_eq_any([("action", "add"), ("action", "check"), ("action", "test"), ("action", "convert")]),
        value_name = "FILE"
    )]
    conf: Option<PathBuf>,

    /// Names of trees, separated by commas; to get: all without it.
    #[arg(
        long = "tree_list",
        alias = "tree-list",
        required_if_eq("action", "delete"),
        value_name = "NAMES"
    )]
    tree_list: Option<List>,

    /// Where to write the trees that were got: a file, or a folder for a file fault_trees.json. To convert: the file, a
    /// workbook if its name ends in .xlsx.
    #[arg(long, required_if_eq("action", "convert"), value_name = "PATH")]
    export: Option<PathBuf>,

    /// Description of the one tree that is added.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// To test: a file of results, [{"check_item": NAME, "value": "Abnormal", "labels": {}}], or what
    /// `aops checkrule --action test` prints. Values: Abnormal, No data, Internal error, Normal; what is not told is normal.
    #[arg(long, required_if_eq("action", "test"), value_name = "FILE")]
    results: Option<PathBuf>,

    /// To test: say what the outcome means and why, instead of printing the diagnosed tree alone.
    #[arg(long)]
    explain: bool,

    /// To test with results of several hosts: the one that counts.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// To check or test: a file of check rules. Leaves without a rule are told.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// To check, beside --rules: a file of series, {HOST: [{"name": METRIC, "label": {}}]}. For each host it is told which
    /// leaves can never be true there, and why.
    #[arg(long, requires = "rules", value_name = "FILE")]
    data: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Add the trees of a file; a tree of the same name is replaced.
    Add,
    /// List trees, or export them.
    Get,
    /// Delete trees.
    Delete,
    /// Validate the trees of a file; what is probably not meant is told as well.
    Check,
    /// Diagnose with the results of a file.
    Test,
    /// Write a tree of a file to another: JSON to a workbook, or the other way round.
    Convert,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    match arguments.action {
        Action::Add => add(arguments, context).await,
        Action::Get => get(arguments, context).await,
        Action::Delete => delete(arguments, context).await,
        Action::Check => offline::check(arguments, context),
        Action::Test => offline::test(arguments, context),
        Action::Convert => offline::convert(arguments),
    }
}

async fn add(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let source = Source::read(&arguments.conf.unwrap_or_default())?;
    let names = List::of(arguments.tree_list);
    source.check_workbook(&names)?;
    let body = source.into_import(&names, arguments.description)?;
    let answered = context
        .platform()?
        .call(Method::POST, "/diag/tree/import", &body)
        .await;
    import::finish(&context.receive(answered)?, context)
}

async fn get(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = TreeListRequest {
        tree_list: List::of(arguments.tree_list),
    };
    let outcome = context.receive(context.platform()?.trees(&request).await)?;
    let Some(path) = arguments.export else {
        let Some(answer) = context.finish(outcome)? else {
            return Ok(());
        };
        let header = ["tree_name", "root", "description"];
        let mut output = context.long_output();
        output.write(&(screen::table(header, answer.trees.into_iter().map(row)) + "\n"))?;
        return output.finish();
    };
    check(&outcome)?;
    let rows = outcome.payload.map(|answer| answer.trees).unwrap_or_default();
    let trees: Vec<TreeDocument> = rows.into_iter().map(document).collect();
    let count = trees.len();
    let path = documents::write(&path, EXPORT_NAME, &TreeImportRequest { trees })?;
    screen::note(&format!("{count} trees written to {}", path.display()));
    Ok(())
}

fn row(tree: TreeRow) -> [String; 3] {
    let root = tree.tree_content["node name"].as_str().unwrap_or_default();
    [tree.tree_name, root.to_owned(), tree.description]
}

fn document(tree: TreeRow) -> TreeDocument {
    TreeDocument {
        tree_name: tree.tree_name,
        tree_content: tree.tree_content,
        description: tree.description,
    }
}

async fn delete(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = TreeListRequest {
        tree_list: List::required(arguments.tree_list, "--tree_list")?,
    };
    let question = format!("delete the fault trees {}", request.tree_list.join(", "));
    context.confirm(&question, Unasked::GoesOn)?;
    context.take_done(context.platform()?.delete_trees(&request).await, "deleted")
}
