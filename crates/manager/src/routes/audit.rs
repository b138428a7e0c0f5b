//! The operation log.

use actix_web::web::Data;
use aops_api::audit::{AuditGetAnswer, AuditGetRequest};
use aops_api::page::Page;
use aops_service::http::{CallerToken, Checked};
use aops_service::{ApiError, ApiResult, answer};

use crate::State;

/// POST /manage/audit/get: who changed what. Admins only.
pub(crate) async fn get(
    Checked(request): Checked<AuditGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<AuditGetAnswer> {
    Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    match request.time_range.as_slice() {
        [] => {}
        [start, end] if start.0 <= end.0 => {}
        other => {
            return Err(ApiError::param(format!(
                "time_range: {} numbers, or the first after the second; expected none, or two in order",
                other.len()
            )));
        }
    }
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .audit(&request)
            .await?,
    )
}
