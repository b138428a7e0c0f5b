//! What was found, as users see it.

use actix_web::web::Data;
use aops_api::finding::FindingValue;
use aops_api::page::Page;
use aops_api::result::{ResultCountAnswer, ResultCountRequest, ResultGetAnswer, ResultGetRequest};
use aops_service::http::{CallerToken, Checked};
use aops_service::{ApiError, ApiResult, answer};

use super::State;

/// POST /check/result/get: results that overlap a time range.
pub(super) async fn get(
    Checked(request): Checked<ResultGetRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ResultGetAnswer> {
    check(&request).map_err(ApiError::param)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .results(&request)
            .await?,
    )
}

/// POST /check/result/count: anomalies by host.
pub(super) async fn count(
    Checked(request): Checked<ResultCountRequest>,
    token: CallerToken,
    state: Data<State>,
) -> ApiResult<ResultCountAnswer> {
    Page::check(request.page, request.per_page).map_err(ApiError::param)?;
    answer(
        state
            .data_center
            .for_caller(token.as_deref())
            .count_results(&request)
            .await?,
    )
}

fn check(request: &ResultGetRequest) -> Result<(), String> {
    Page::check(request.page, request.per_page)?;
    match request.time_range.as_slice() {
        [] => {}
        [start, end] if start.0 <= end.0 => {}
        [start, end] => return Err(format!("time_range: {} is after {}", start.0, end.0)),
        other => {
            return Err(format!(
                "time_range: {} numbers, neither none nor two",
                other.len()
            ));
        }
    }
    match request.value.as_deref() {
        None | Some("") => Ok(()),
        Some(text) if FindingValue::from_text(text).is_some() => Ok(()),
        Some(text) => Err(format!(
            "value: '{text}' is none of Abnormal, No data, Internal error"
        )),
    }
}

#[cfg(test)]
mod tests {
    use aops_api::read::Integer;

    use super::*;

    #[test]
    fn ranges_and_values_are_checked() {
        let request = |times: &[i64], value: Option<&str>| ResultGetRequest {
            time_range: times.iter().copied().map(Integer).collect(),
            value: value.map(str::to_owned),
            ..ResultGetRequest::default()
        };
        for good in [
            request(&[], None),
            request(&[5, 5], Some("")),
            request(&[5, 6], Some("No data")),
        ] {
            assert_eq!(check(&good), Ok(()));
        }
        for (bad, field) in [
            (request(&[5], None), "time_range"),
            (request(&[6, 5], None), "time_range"),
            (request(&[1, 2, 3], None), "time_range"),
            (request(&[], Some("Normal")), "value"),
        ] {
            assert!(check(&bad).expect_err("refused").starts_with(field));
        }
    }
}
