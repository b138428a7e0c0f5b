//! Rules: import, export, delete, count.

use actix_web::web::{self, Bytes, Data};
use aops_api::code::{Code, Empty};
use aops_api::page::Page;
use aops_api::rule::{
    ImportAnswer, ImportReason, RuleAddRequest, RuleCountAnswer, RuleDeleteRequest, RuleGetAnswer,
    RuleGetRequest, RuleImportRequest,
};
use aops_service::http::{CallerToken, Checked, read_checked};
use aops_service::{ApiError, ApiResult, answer, answer_with};

use super::State;
use crate::import;

/// POST /check/rule/import: adds or replaces rules of the caller, those that can be compiled. Of those, what looks
/// wrong comes back as warnings.
pub(super) async fn import(
    Checked(mut request): Checked<RuleImportRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ImportAnswer> {
    import::check(&mut request.check_items).map_err(ApiError::param)?;
    let data_center = state.data_center.for_caller(token.as_deref());
    // Asked for its refusal only: nobody unknown has rules compiled, which may take long.
    data_center.count_rules(&Empty {}).await?;
    let sorted = web::block(move || import::sort_out(request.check_items))
        .await
        .map_err(|error| ApiError::new(Code::ServerError, "").with_source(error))?;
    let add = RuleAddRequest {
        rules: sorted.accepted,
    };
    let mut outcome = data_center.add_rules(&add).await?;
    for refused in sorted.refused {
        outcome.fail_list.extend(refused.check_item.clone());
        outcome.fail_reasons.push(refused);
    }
    let is_stored = |warning: &ImportReason| {
        let name = warning.check_item.as_ref();
        let mut stored = outcome.succeed_list.iter().chain(&outcome.update_list);
        stored.any(|stored| Some(stored) == name)
    };
    let warnings: Vec<ImportReason> = sorted.warnings.into_iter().filter(is_stored).collect();
    outcome.warnings.extend(warnings);
    let any_stored = !outcome.succeed_list.is_empty() || !outcome.update_list.is_empty();
    match outcome.fail_reasons.first() {
        None => answer(outcome),
        Some(_) if any_stored => answer_with(Code::PartialSucceed, "", outcome),
        Some(first) => {
            let detail = format!(
                "{}: {}",
                first.check_item.as_deref().unwrap_or("check_items"),
                first.reason
            );
            answer_with(Code::ParamError, &detail, outcome)
        }
    }
}

/// POST /check/rule/get: rules that the caller sees, as they can be imported.
pub(super) async fn get(
    Checked(request): Checked<RuleGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<RuleGetAnswer> {
    Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .rules(&request)
            .await?,
    )
}

/// DELETE /check/rule/delete: rules of the caller, by name.
pub(super) async fn delete(
    Checked(request): Checked<RuleDeleteRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .delete_rules(&request)
            .await?,
    )
}

/// POST /check/rule/count: how many rules the caller has. The body is `{}` or nothing.
pub(super) async fn count(body: Bytes, token: CallerToken, state: Data<State>) -> ApiResult<RuleCountAnswer> {
    if !body.is_empty() {
        check_empty(&body).map_err(ApiError::param)?;
    }
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .count_rules(&Empty {})
            .await?,
    )
}

fn check_empty(body: &[u8]) -> Result<(), String> {
    let fields: serde_json::Map<String, serde_json::Value> = read_checked(body)?;
    match fields.keys().next() {
        Some(field) => Err(format!("{field}: unknown field")),
        None => Ok(()),
    }
}
