//! `aops diag`: diagnose hosts with fault trees over a range of time.

use std::time::Duration;

use aops_api::diagnosis::{DiagExecuteRequest, ProgressRequest, ReportListRequest, ReportSort};
use aops_api::id::{HostId, TaskId};
use aops_api::read::Integer;
use clap::Args;

use super::report;
use crate::arguments::{List, Paging, Window};
use crate::context::{Context, check};
use crate::failure::Failure;
use crate::screen::{self, ChangingLine};

/// How often a diagnosis is asked for its progress.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How many times in a row the platform may fail to answer, as when it restarts, before waiting ends.
const TOLERATED_FAILURES: u32 = 20;

/// Diagnose hosts with fault trees over a range of time.
///
/// The range is cut into slices; each host, tree and slice yields one report. The command waits until all are there
/// and lists them; `aops report --action get --report_list ID` shows what one says. The diagnosis goes on when the
/// waiting is stopped by Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Ids of the hosts, separated by commas.
    #[arg(long = "host_list", alias = "host-list", value_name = "IDS")]
    host_list: List,

    /// Names of the fault trees, separated by commas.
    #[arg(long = "tree_list", alias = "tree-list", value_name = "NAMES")]
    tree_list: List,

    /// Length of a slice in seconds.
    #[arg(
        long,
        default_value_t = 10,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(i64).range(1..)
    )]
    interval: i64,

    #[command(flatten)]
    window: Window,

    /// Print the id of the task and do not wait.
    #[arg(long = "no-wait", alias = "no_wait")]
    no_wait: bool,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let host_list = List::required(Some(arguments.host_list), "--host_list")?;
    let [start, end] = arguments.window.resolve(&context.clock)?;
    let now = context.clock.now.as_second();
    if end > now {
        screen::note("the end lies in the future: diagnosing until now");
    }
    let request = DiagExecuteRequest {
        host_list: host_list.into_iter().map(HostId::from).collect(),
        time_range: vec![Integer(start), Integer(end.min(now))],
        tree_list: List::required(Some(arguments.tree_list), "--tree_list")?,
        interval: Integer(arguments.interval),
    };
    let outcome = context.receive(context.platform()?.execute(&request).await)?;
    check(&outcome)?;
    if arguments.no_wait {
        let Some(answer) = context.finish(outcome)? else {
            return Ok(());
        };
        let task_id = answer.task_id.map(|id| id.to_string());
        return screen::print(&task_id.unwrap_or_default());
    }
    let answer = outcome.payload.ok_or_else(no_task)?;
    let task_id = answer.task_id.ok_or_else(no_task)?;
    let expected = answer.expected_report_num;
    screen::note(&format!("task {task_id}: {expected} reports expected"));
    tokio::select! {
        done = wait_and_list(&task_id, expected, context) => done,
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted(format!(
            "\nno longer waiting; the diagnosis goes on. Its reports: aops report --action get --task_id {task_id}"
        ))),
    }
}

fn no_task() -> Failure {
    Failure::Local("the platform accepted the diagnosis, but named no task".to_owned())
}

async fn wait_and_list(task_id: &TaskId, expected: u64, context: &Context) -> Result<(), Failure> {
    let line = ChangingLine::new();
    let waited = wait(task_id, expected, context, &line).await;
    line.clear();
    waited.inspect_err(|_| {
        screen::note(&format!(
            "the diagnosis may go on; its reports: aops report --action get --task_id {task_id}"
        ));
    })?;
    let request = ReportListRequest {
        task_id: Some(task_id.clone()),
        sort: Some(ReportSort::Start),
        ..ReportListRequest::default()
    };
    report::list(&request, &Paging::default(), context).await
}

/// Waits until all reports are there.
async fn wait(
    task_id: &TaskId,
    expected: u64,
    context: &Context,
    line: &ChangingLine,
) -> Result<(), Failure> {
    let mut failures = 0;
    loop {
        match progress(task_id, context).await {
            Ok(progress) if progress >= expected => return Ok(()),
            Ok(progress) => {
                failures = 0;
                line.set(&format!("{progress} of {expected} reports"));
            }
            Err(Failure::NoAnswer { error, .. }) if error.is_transient() && failures < TOLERATED_FAILURES => {
                failures += 1;
                line.set("the platform does not answer; trying again");
            }
            Err(failure) => return Err(failure),
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn progress(task_id: &TaskId, context: &Context) -> Result<u64, Failure> {
    let request = ProgressRequest {
        task_list: vec![task_id.clone()],
    };
    let outcome = context.receive(context.platform()?.progress(&request).await)?;
    check(&outcome)?;
    let rows = outcome.payload.map(|answer| answer.result).unwrap_or_default();
    Ok(rows.first().map_or(0, |row| row.progress))
}
