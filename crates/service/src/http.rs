//! Extractors and route declarations for the documented routes.
//!
//! A handler takes [`Checked`] (or [`Lenient`]) before [`CallerToken`]: a wrong body is 1000 whether or not there is a
//! token, as the original has it.

use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, web};
use aops_api::Code;
use aops_client::SERVICE_CREDENTIAL_HEADER;
use serde::de::DeserializeOwned;

use crate::{ApiError, Credentials};

/// Largest body of a public route: an import of thousands of rules is below, and memory stays bounded before the
/// caller is known.
pub const MAX_CHECKED_BYTES: usize = 8 * 1024 * 1024;
/// Largest body of an internal route: findings and reports of many hosts travel in one.
pub const MAX_LENIENT_BYTES: usize = 64 * 1024 * 1024;

/// A POST route; every other method is 405.
pub fn post<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::post().to(handler))
        .default_service(web::to(method_not_allowed))
}

/// A DELETE route (with a JSON body); every other method is 405.
pub fn delete<F, Args>(path: &str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::delete().to(handler))
        .default_service(web::to(method_not_allowed))
}

async fn method_not_allowed() -> HttpResponse {
    let body = serde_json::json!({ "message": "The method is not allowed for the requested URL." });
    HttpResponse::MethodNotAllowed().json(body)
}

/// The body of a public route. Wrong JSON, a wrong type, a missing or an unknown field is 1000 with the field named.
pub struct Checked<T>(pub T);

/// The body of an internal route: unknown fields are ignored, so that services of two versions work together.
pub struct Lenient<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Checked<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = read_body(request, payload, MAX_CHECKED_BYTES);
        Box::pin(async move { read_checked(&body.await?).map(Checked).map_err(ApiError::param) })
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Lenient<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = read_body(request, payload, MAX_LENIENT_BYTES);
        Box::pin(async move { read_lenient(&body.await?).map(Lenient).map_err(ApiError::param) })
    }
}

fn read_body(
    request: &HttpRequest,
    payload: &mut Payload,
    maximum_bytes: usize,
) -> impl Future<Output = Result<web::Bytes, ApiError>> + use<> {
    let payload = web::Payload::from_request(request, payload);
    async move {
        let payload = payload
            .await
            .map_err(|error| ApiError::param(format!("body: {error}")))?;
        match payload.to_bytes_limited(maximum_bytes).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(ApiError::param(format!("body: {error}"))),
            Err(_) => Err(ApiError::param(format!(
                "body: larger than {maximum_bytes} bytes"
            ))),
        }
    }
}

/// Reads JSON strictly; the error is `field: reason`.
pub fn read_checked<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    // A list would be taken for the fields of an object in their order, which nobody means.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err("body: a list, expected an object with named fields".to_owned());
    }
    let mut unknown = None;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
    let value = serde_ignored::deserialize(tracked, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    });
    let value: T = value.map_err(|error| at(&track.path(), &error))?;
    json.end().map_err(|error| format!("body: {error}"))?;
    match unknown {
        Some(field) => Err(format!("{}: unknown field", plain_path(&field))),
        None => Ok(value),
    }
}

fn read_lenient<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value =
        serde_path_to_error::deserialize(&mut json).map_err(|error| at(error.path(), error.inner()))?;
    json.end().map_err(|error| format!("body: {error}"))?;
    Ok(value)
}

fn at(path: &serde_path_to_error::Path, error: &serde_json::Error) -> String {
    let path = path.to_string();
    let field = if path == "." { "body" } else { path.as_str() };
    format!("{field}: {error}")
}

/// `serde_ignored` writes `a.?.b` for an optional and `a.0.b` for an element; people read `a[0].b`.
fn plain_path(path: &str) -> String {
    let mut plain = String::new();
    for part in path.split('.').filter(|part| *part != "?") {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            plain.push_str(&format!("[{part}]"));
            continue;
        }
        if !plain.is_empty() {
            plain.push('.');
        }
        plain.push_str(part);
    }
    plain
}

/// The caller's token, from `Authorization: Bearer`, `Access-Token` or `access_token`. Not checked here: the data
/// center checks it in the call that does the work.
pub struct CallerToken(pub Option<String>);

impl CallerToken {
    /// The token, if there is one.
    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl FromRequest for CallerToken {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let token = header("authorization")
            .and_then(|value| value.split_once(' '))
            .and_then(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer").then_some(token))
            .or_else(|| header("access-token"))
            .or_else(|| header("access_token"))
            .map(str::trim)
            .filter(|token| !token.is_empty());
        ready(Ok(Self(token.map(str::to_owned))))
    }
}

/// The service that calls an internal route, by a credential that has been checked; 1201 otherwise.
pub struct ServiceName(pub String);

impl FromRequest for ServiceName {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let shown = request
            .headers()
            .get(SERVICE_CREDENTIAL_HEADER)
            .and_then(|value| value.to_str().ok());
        let name = request
            .app_data::<web::Data<Credentials>>()
            .zip(shown)
            .and_then(|(credentials, shown)| credentials.check(shown).map(str::to_owned));
        ready(
            name.map(Self)
                .ok_or_else(|| ApiError::new(Code::TokenError, "this route is for services only")),
        )
    }
}

#[cfg(test)]
mod tests {
    use aops_api::result::ResultGetRequest;
    use aops_api::rule::RuleImportRequest;

    use super::*;

    fn refusal<T: DeserializeOwned>(text: &str) -> String {
        read_checked::<T>(text.as_bytes()).err().expect("refused")
    }

    #[test]
    fn a_refusal_names_the_field() {
        let nested =
            r#"{"check_items":[{"check_item":"a","data_list":[{"name":"m","macro":"x"}],"condition":"1"}]}"#;
        assert_eq!(
            refusal::<RuleImportRequest>(nested),
            "check_items[0].data_list[0].macro: unknown field"
        );
        let wrong = r#"{"check_items":[{"check_item":7}]}"#;
        assert!(refusal::<RuleImportRequest>(wrong).starts_with("check_items[0].check_item: invalid type"));
        let null = r#"{"time_range":[],"check_items":[],"host_list":[],"page":null}"#;
        assert!(refusal::<ResultGetRequest>(null).starts_with("page: invalid type: null"));
        assert!(refusal::<ResultGetRequest>(" [[], [], []]").starts_with("body: a list"));
        assert!(refusal::<ResultGetRequest>("").starts_with("body: "));
        assert!(refusal::<ResultGetRequest>(r#"{"time_range":[]}"#).contains("missing field `check_items`"));
    }

    #[test]
    fn a_numeric_text_is_a_number() {
        let text = r#"{"time_range":[],"check_items":[],"host_list":[],"page":"2","per_page":5}"#;
        let request: ResultGetRequest = read_checked(text.as_bytes()).expect("accepted");
        assert_eq!(request.page.map(|page| page.0), Some(2));
    }
}
