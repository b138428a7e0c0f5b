//! `/data/diag/report`

use actix_web::web::Data;
use aops_api::code::Empty;
use aops_api::diagnosis::{
    ReportGetAnswer, ReportIdsRequest, ReportListAnswer, ReportListRequest, ReportSaveRequest,
};
use aops_service::http::{CallerToken, Lenient, ServiceName};
use aops_service::{ApiResult, answer};

use super::State;
use crate::reports;

pub(super) async fn save(
    _: ServiceName,
    Lenient(request): Lenient<ReportSaveRequest>,
    state: Data<State>,
) -> ApiResult<Empty> {
    reports::save(&state.tables, &state.documents, request, state.now_ms()).await?;
    answer(Empty {})
}

pub(super) async fn get(
    _: ServiceName,
    Lenient(request): Lenient<ReportIdsRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ReportGetAnswer> {
    let caller = state.caller(&token).await?;
    let result = reports::get(&state.documents.for_request(), &caller, &request.report_list).await?;
    answer(ReportGetAnswer { result })
}

pub(super) async fn get_list(
    _: ServiceName,
    Lenient(request): Lenient<ReportListRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ReportListAnswer> {
    let caller = state.caller(&token).await?;
    answer(reports::list(&state.documents.for_request(), &caller, &request).await?)
}

pub(super) async fn delete(
    _: ServiceName,
    Lenient(request): Lenient<ReportIdsRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<Empty> {
    let caller = state.caller(&token).await?;
    let documents = state.documents.for_request();
    reports::delete(&documents, &caller, &request.report_list, state.now_ms()).await?;
    answer(Empty {})
}
