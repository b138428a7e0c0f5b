//! The answers of documented routes: HTTP 200 with `code` and `msg`, whatever the outcome.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError, web};
use aops_api::code::{Answer, Code, Empty, Language};
use aops_client::{ClientError, Outcome};

tokio::task_local! {
    /// Language of the request at hand; set by the server for each request.
    pub(crate) static LANGUAGE: Language;
}

fn language() -> Language {
    LANGUAGE.try_with(|language| *language).unwrap_or_default()
}

/// A refusal: what the client sees (`code`, `detail`) and what only the log gets (`source`).
#[derive(Debug)]
pub struct ApiError {
    /// The code.
    pub code: Code,
    /// What the client is told beside the text of the code: the field and the reason.
    pub detail: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// A refusal with a detail; an empty detail leaves the text of the code.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            source: None,
        }
    }

    /// A request that is wrong: field and reason.
    pub fn param(detail: impl Into<String>) -> Self {
        Self::new(Code::ParamError, detail)
    }

    /// With the cause, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.code.message(Language::English, &self.detail))
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::OK
    }

    fn error_response(&self) -> HttpResponse {
        let msg = self.code.message(language(), &self.detail);
        HttpResponse::Ok().json(Answer::<Empty> {
            code: self.code,
            msg,
            payload: None,
        })
    }
}

impl From<ClientError> for ApiError {
    fn from(error: ClientError) -> Self {
        Self::new(error.code, error.detail)
    }
}

/// What a handler of a documented route returns.
pub type ApiResult<T> = Result<web::Json<Answer<T>>, ApiError>;

/// Success with a payload.
pub fn answer<T>(payload: T) -> ApiResult<T> {
    answer_with(Code::Succeed, "", payload)
}

/// A payload under any code.
pub fn answer_with<T>(code: Code, detail: &str, payload: T) -> ApiResult<T> {
    Ok(web::Json(Answer {
        code,
        msg: code.message(language(), detail),
        payload: Some(payload),
    }))
}

/// What another service answered, passed on as it is.
pub fn pass_on<T>(outcome: Outcome<T>) -> ApiResult<T> {
    let detail = outcome.detail().to_owned();
    match outcome.payload {
        Some(payload) => answer_with(outcome.code, &detail, payload),
        None => Err(ApiError::new(outcome.code, detail)),
    }
}
