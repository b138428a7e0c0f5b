//! Fault trees: import, export, delete.

use std::collections::BTreeSet;

use actix_web::web::{self, Data};
use aops_api::code::{Code, Empty};
use aops_api::rule::{ImportAnswer, RuleGetRequest};
use aops_api::tree::{TreeGetAnswer, TreeImportRequest, TreeListRequest};
use aops_client::DataCenter;
use aops_fault_tree::RuleNames;
use aops_service::http::{CallerToken, Checked};
use aops_service::{ApiError, ApiResult, answer, answer_with};

use super::State;
use crate::import;

/// POST /diag/tree/import: adds or replaces trees of the caller, those that are valid.
pub(super) async fn import(
    Checked(mut request): Checked<TreeImportRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ImportAnswer> {
    import::check(&mut request.trees).map_err(ApiError::param)?;
    let data_center = state.data_center.for_caller(token.as_deref());
    // Asked for its refusal only, and cheaper than a list of trees: nobody unknown has trees parsed, which may take long.
    data_center.count_rules(&Empty {}).await?;
    let mut sorted = in_background(move || import::sort_out(request.trees)).await?;
    let add = TreeImportRequest {
        trees: std::mem::take(&mut sorted.accepted),
    };
    let mut outcome = data_center.add_trees(&add).await?;
    let rules = rule_names(sorted.check_items(), &data_center).await;
    let parsed = sorted.parsed;
    outcome.warnings = in_background(move || import::warnings(&parsed, rules)).await?;
    for refused in sorted.refused {
        outcome.fail_list.extend(refused.tree_name.clone());
        outcome.fail_reasons.push(refused);
    }
    let any_stored = !outcome.succeed_list.is_empty() || !outcome.update_list.is_empty();
    match outcome.fail_reasons.first() {
        None => answer(outcome),
        Some(_) if any_stored => answer_with(Code::PartialSucceed, "", outcome),
        Some(first) => {
            let name = first.tree_name.as_deref().unwrap_or("trees");
            let detail = format!("{name}: {}", first.reason);
            answer_with(Code::ParamError, &detail, outcome)
        }
    }
}

/// Does what may take long where it is in nobody's way.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    web::block(work)
        .await
        .map_err(|error| ApiError::new(Code::ServerError, "").with_source(error))
}

/// The names of rules, for what is told of leaves without one; `None` if they cannot be had: the trees are stored, and
/// that is no reason to say that they are not.
async fn rule_names(check_items: BTreeSet<String>, data_center: &DataCenter) -> Option<RuleNames> {
    if check_items.is_empty() {
        return None;
    }
    let mut request = RuleGetRequest {
        check_items: check_items.into_iter().collect(),
        ..RuleGetRequest::default()
    };
    let mut rules = data_center.rules(&request).await.ok()?.check_items;
    if rules.len() < request.check_items.len() {
        // An empty list asks for all: of them one may be what was meant.
        request.check_items.clear();
        rules = data_center.rules(&request).await.ok()?.check_items;
    }
    Some(RuleNames::new(rules.into_iter().map(|rule| rule.check_item)))
}

/// POST /diag/tree/get: trees that the caller sees; an empty list asks for all.
pub(super) async fn get(
    Checked(request): Checked<TreeListRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<TreeGetAnswer> {
    let data_center = state.data_center.for_caller(token.as_deref());
    answer(data_center.trees(&request).await?)
}

/// DELETE /diag/tree/delete: trees of the caller, by name; an empty list deletes nothing.
pub(super) async fn delete(
    Checked(request): Checked<TreeListRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let data_center = state.data_center.for_caller(token.as_deref());
    answer(data_center.delete_trees(&request).await?)
}
