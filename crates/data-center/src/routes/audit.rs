//! `/data/audit`

use actix_web::web::Data;
use aops_api::audit::{AuditGetAnswer, AuditGetRequest};
use aops_api::page::{self, Page};
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiError, ApiResult, answer};

use super::State;

pub(super) async fn get(
    _: ServiceName,
    Lenient(request): Lenient<AuditGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<AuditGetAnswer> {
    let caller = state.caller(&token).await?;
    caller.require_admin()?;
    let page = Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    let (total_count, audit_infos) = state.tables.audit(&request, page).await?;
    answer(AuditGetAnswer {
        total_count,
        total_page: page::total_pages(total_count, page),
        audit_infos,
    })
}
