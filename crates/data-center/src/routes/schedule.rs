//! `/data/check/cursor`

use actix_web::web::Data;
use aops_api::schedule::{CursorMoveAnswer, CursorMoveRequest, CursorsAnswer};
use aops_service::http::{Lenient, ServiceName};
use aops_service::{ApiResult, answer};

use super::State;

pub(super) async fn get(_: ServiceName, state: Data<State>) -> ApiResult<CursorsAnswer> {
    answer(state.tables.cursors().await?)
}

pub(super) async fn move_cursor(
    _: ServiceName,
    Lenient(request): Lenient<CursorMoveRequest>,
    state: Data<State>,
) -> ApiResult<CursorMoveAnswer> {
    let moved = state.tables.move_cursor(&request).await?;
    answer(CursorMoveAnswer { moved })
}
