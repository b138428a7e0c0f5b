//! Starting a diagnosis.

use actix_web::web::Data;
use aops_api::diagnosis::{DiagExecuteAnswer, DiagExecuteRequest};
use aops_api::host::HostGetRequest;
use aops_api::rule::{CheckItem, RuleGetRequest};
use aops_api::tree::TreeListRequest;
use aops_api::{Code, TaskId};
use aops_client::{ClientError, DataCenter};
use aops_service::http::{CallerToken, Checked};
use aops_service::{ApiError, ApiResult, answer, random};

use super::State;
use crate::plan::{self, Plan, Refusal, Wanted};

/// POST /diag/execute: saves a task; from then on it will be carried out.
pub(super) async fn execute(
    Checked(request): Checked<DiagExecuteRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<DiagExecuteAnswer> {
    let wanted = plan::read(request).map_err(ApiError::param)?;
    let data_center = state.data_center.for_caller(token.as_deref());
    let plan = plan_with(wanted, &data_center, state.max_reports).await?;
    let rules = rules_by_name(plan.check_items(), &data_center).await?;
    let task = plan.into_task(TaskId::new(random::id()), state.clock.now_ms(), rules);
    data_center.save_task(&task).await?;
    state.saved.notify_one();
    answer(DiagExecuteAnswer {
        task_id: Some(task.task_id),
        expected_report_num: task.expected_report_num,
    })
}

async fn plan_with(wanted: Wanted, data_center: &DataCenter, max_reports: u64) -> Result<Plan, ApiError> {
    let hosts = data_center.hosts(&HostGetRequest::default()).await?.host_infos;
    let named = TreeListRequest {
        tree_list: wanted.trees.clone(),
    };
    let trees = data_center.trees(&named).await?.trees;
    plan::plan(wanted, hosts, trees, max_reports).map_err(|refusal| refuse(&refusal, max_reports))
}

async fn rules_by_name(
    check_items: Vec<String>,
    data_center: &DataCenter,
) -> Result<Vec<CheckItem>, ClientError> {
    // An empty list would ask for all rules.
    if check_items.is_empty() {
        return Ok(Vec::new());
    }
    let named = RuleGetRequest {
        check_items,
        ..RuleGetRequest::default()
    };
    Ok(data_center.rules(&named).await?.check_items)
}

fn refuse(refusal: &Refusal, max_reports: u64) -> ApiError {
    match refusal {
        Refusal::NoTime => ApiError::new(Code::TaskExecutionFail, "Time range is not valid."),
        Refusal::NoHost => ApiError::new(Code::TaskExecutionFail, "No valid host."),
        Refusal::NoTree => ApiError::new(Code::TaskExecutionFail, "No valid fault tree."),
        Refusal::TooMany(number) => ApiError::param(format!(
            "interval: {number} reports would be made, and {max_reports} are allowed; take a longer interval, a \
             shorter time_range, fewer hosts or fewer trees"
        )),
    }
}
