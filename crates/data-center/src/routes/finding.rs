//! `/data/check/finding`

use actix_web::web::Data;
use aops_api::code::Empty;
use aops_api::finding::{FindingQueryAnswer, FindingQueryRequest, FindingSaveRequest};
use aops_service::http::{Lenient, ServiceName};
use aops_service::{ApiResult, answer};

use super::State;

pub(super) async fn save(
    _: ServiceName,
    Lenient(request): Lenient<FindingSaveRequest>,
    state: Data<State>,
) -> ApiResult<Empty> {
    state
        .tables
        .save_findings(&request.windows, state.now_ms())
        .await?;
    answer(Empty {})
}

pub(super) async fn query(
    _: ServiceName,
    Lenient(request): Lenient<FindingQueryRequest>,
    state: Data<State>,
) -> ApiResult<FindingQueryAnswer> {
    answer(state.tables.query_findings(&request).await?)
}
