//! `aops report`: reports of diagnoses.

use aops_api::diagnosis::{Report, ReportHead, ReportIdsRequest, ReportListRequest, ReportSort};
use aops_api::id::{HostId, ReportId, TaskId};
use aops_api::read::Integer;
use aops_fault_tree::{Style, render_markdown, render_text};
use clap::{Args, ValueEnum};

use crate::arguments::{List, Paging, Window};
use crate::context::{Context, Unasked, answer, check};
use crate::failure::Failure;
use crate::{listing, screen};

/// Reports of diagnoses: listed, or shown whole.
///
/// `get` with --report_list shows reports whole: the tree, what was found at each leaf, and the cause. Otherwise it
/// lists: the reports of a task (--task_id), or those between --start and --end, of some hosts or trees only if named.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(long, value_enum)]
    action: Action,

    /// Ids of reports, separated by commas.
    #[arg(
        long = "report_list",
        alias = "report-list",
        required_if_eq("action", "delete"),
        value_name = "IDS"
    )]
    report_list: Option<List>,

    /// List the reports of this task; beside it the other options do not count.
    #[arg(long = "task_id", alias = "task-id", value_name = "ID")]
    task_id: Option<String>,

    /// List reports about these hosts only, by id, separated by commas.
    #[arg(long = "host_list", alias = "host-list", value_name = "IDS")]
    host_list: Option<List>,

    /// List reports by these fault trees only, separated by commas.
    #[arg(long = "tree_list", alias = "tree-list", value_name = "NAMES")]
    tree_list: Option<List>,

    /// In what form reports are shown: a drawing, or Markdown for a ticket or a chat. JSON is what --output json prints.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORM")]
    format: Format,

    #[command(flatten)]
    window: Window,

    #[command(flatten)]
    paging: Paging,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Show reports whole, or list them.
    Get,
    /// Delete reports.
    Delete,
}

/// Form of a whole report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A drawing of the tree, in colour on a terminal.
    Text,
    /// The cause, the evidence, what was ruled out, and the drawing.
    Markdown,
    /// The platform's answer, as with --output json.
    Json,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    match arguments.action {
        Action::Get if arguments.report_list.is_some() => show(arguments, context).await,
        Action::Get => {
            let paging = arguments.paging.clone();
            list(&list_request(arguments, context)?, &paging, context).await
        }
        Action::Delete => delete(arguments, context).await,
    }
}

fn list_request(arguments: Arguments, context: &Context) -> Result<ReportListRequest, Failure> {
    let mut request = ReportListRequest {
        sort: Some(ReportSort::Start),
        ..ReportListRequest::default()
    };
    if let Some(task_id) = arguments.task_id {
        request.task_id = Some(TaskId::from(task_id));
        return Ok(request);
    }
    let time_range = arguments.window.resolve(&context.clock)?;
    request.time_range = Some(time_range.map(Integer).to_vec());
    let host_list = List::of(arguments.host_list);
    if !host_list.is_empty() {
        request.host_list = Some(host_list.into_iter().map(HostId::from).collect());
    }
    let tree_list = List::of(arguments.tree_list);
    if !tree_list.is_empty() {
        request.tree_list = Some(tree_list);
    }
    Ok(request)
}

/// Lists reports.
pub(crate) async fn list(all: &ReportListRequest, paging: &Paging, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let ask = async |(page, per_page)| {
        let request = ReportListRequest {
            page,
            per_page,
            ..all.clone()
        };
        platform.report_list(&request).await
    };
    let header = ["report_id", "host_id", "tree_name", "start", "end"];
    let table = listing::table(header, |head| row(head, context));
    listing::print(context, paging, ask, table).await
}

fn row(head: &ReportHead, context: &Context) -> [String; 5] {
    [
        head.report_id.to_string(),
        head.host_id.to_string(),
        head.tree_name.clone(),
        context.show(head.start),
        context.show(head.end),
    ]
}

async fn show(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let wanted = report_ids(arguments.report_list)?;
    let format = arguments.format;
    let request = ReportIdsRequest {
        report_list: wanted.clone(),
    };
    let outcome = context.receive(context.platform()?.reports(&request).await)?;
    let found: Vec<ReportId> = outcome
        .payload
        .iter()
        .flat_map(|answer| &answer.result)
        .map(|report| report.report_id.clone())
        .collect();
    let answer = if format == Format::Json {
        screen::print_json(&answer(&outcome))?;
        check(&outcome)?;
        None
    } else {
        context.finish(outcome)?
    };
    if let Some(answer) = answer {
        let reports = answer.result.iter();
        let drawings: Vec<String> = reports.map(|report| draw(report, format, context)).collect();
        let mut output = context.long_output();
        output.write(&drawings.join("\n"))?;
        output.finish()?;
    }
    match wanted.iter().find(|id| !found.contains(id)) {
        Some(missing) => Err(Failure::Local(format!("there is no report {missing}"))),
        None => Ok(()),
    }
}

fn draw(report: &Report, format: Format, context: &Context) -> String {
    let show_time = |time_ms: i64| context.show(time_ms.div_euclid(1_000));
    let style = Style {
        show_time: &show_time,
        colour: screen::has_colour(),
    };
    let head = format!(
        "report {}\nhost {}, tree {}, from {} until {}",
        report.report_id,
        report.host_id,
        screen::plain(&report.tree_name),
        context.show(report.start),
        context.show(report.end),
    );
    if format == Format::Markdown {
        return render_markdown(
            &head.replace('\n', ": "),
            &report.report,
            &report.explanation,
            style,
        );
    }
    format!(
        "{head}\n\n{}",
        render_text(&report.report, &report.explanation, style)
    )
}

async fn delete(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = ReportIdsRequest {
        report_list: report_ids(arguments.report_list)?,
    };
    let question = format!("delete {}", super::counted(request.report_list.len(), "report"));
    context.confirm(&question, Unasked::GoesOn)?;
    context.take_done(context.platform()?.delete_reports(&request).await, "deleted")
}

fn report_ids(option: Option<List>) -> Result<Vec<ReportId>, Failure> {
    let ids = List::required(option, "--report_list")?;
    Ok(ids.into_iter().map(ReportId::from).collect())
}
