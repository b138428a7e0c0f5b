//! One call: request, envelope, payload.

use std::time::Duration;

use aops_api::Code;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{CLIENT_ADDRESS_HEADER, REQUEST_ID_HEADER, client_address, request_id};

/// How long a call may take before it counts as failed.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A call that brought no payload.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}{}{detail}", if detail.is_empty() { "" } else { ": " })]
pub struct ClientError {
    /// What the service said, or 1001 when it could not be reached, or 500 when it made no sense.
    pub code: Code,
    /// The detail beside the code's text.
    pub detail: String,
}

impl ClientError {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// Whether the service or its database is away: nothing was said of the request, and it may be tried without end.
    pub fn is_outage(&self) -> bool {
        matches!(self.code, Code::ConnectionError | Code::DatabaseConnectError)
    }

    /// Whether the same call may succeed later. The cause may be the request all the same, which makes a service fail
    /// each time: it may be tried a few times, not without end as after an [outage](Self::is_outage).
    pub fn is_transient(&self) -> bool {
        matches!(
            self.code,
            Code::ConnectionError
                | Code::ServerError
                | Code::UnknownError
                | Code::DatabaseConnectError
                | Code::DatabaseInsertError
                | Code::DatabaseQueryError
                | Code::DatabaseUpdateError
                | Code::DatabaseDeleteError
        )
    }
}

/// What a service answered, whatever the code.
#[derive(Clone, Debug)]
pub struct Outcome<A> {
    /// The code.
    pub code: Code,
    /// Its text and detail.
    pub msg: String,
    /// The payload; always there for 200 and 206.
    pub payload: Option<A>,
}

impl<A> Outcome<A> {
    /// The payload of 200 and 206; every other code is an error.
    pub fn succeeded(self) -> Result<A, ClientError> {
        match (self.code, self.payload) {
            (Code::Succeed | Code::PartialSucceed, Some(payload)) => Ok(payload),
            (code, _) => Err(ClientError::new(code, detail(code, &self.msg))),
        }
    }

    /// What the message says beside the text of the code.
    pub fn detail(&self) -> &str {
        detail(self.code, &self.msg)
    }
}

fn detail(code: Code, msg: &str) -> &str {
    let text = code.text(aops_api::code::Language::English).trim_end_matches('.');
    let detail = msg.strip_prefix(text).unwrap_or(msg);
    detail.trim_start_matches(['.', ':', ' '])
}

#[derive(Deserialize)]
struct Head {
    code: Code,
    #[serde(default)]
    msg: String,
}

/// Headers of a call, beside the request id.
pub(crate) type Headers<'a> = [(&'static str, &'a str)];

/// An HTTP client with the time limits of all calls, for addresses without TLS. No certificates of the system are read.
pub(crate) fn http() -> reqwest::Client {
    builder()
        .tls_certs_only(Vec::new())
        .build()
        .expect("a client without certificates has nothing that can fail to initialize")
}

/// The same with TLS: it trusts the authorities in `authorities` (PEM), or those of the system.
pub(crate) fn https(authorities: Option<&[u8]>) -> Result<reqwest::Client, ClientError> {
    let unusable = |error: reqwest::Error| ClientError::new(Code::ConnectionError, innermost(&error));
    let Some(authorities) = authorities else {
        return builder().build().map_err(unusable);
    };
    let authorities = reqwest::Certificate::from_pem_bundle(authorities).map_err(unusable)?;
    if authorities.is_empty() {
        let detail = "the file of trusted authorities holds no certificate (PEM)";
        return Err(ClientError::new(Code::ConnectionError, detail));
    }
    builder().tls_certs_only(authorities).build().map_err(unusable)
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .timeout(CALL_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        // A token is for the address that it was meant for.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
}

/// Sends a request and reads the envelope. The error is about transport only.
pub(crate) async fn send<Q: Serialize + ?Sized, A: DeserializeOwned>(
    http: &reqwest::Client,
    method: Method,
    url: &str,
    headers: &Headers<'_>,
    body: &Q,
) -> Result<Outcome<A>, ClientError> {
    let mut request = http.request(method, url).json(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(id) = request_id::current() {
        request = request.header(REQUEST_ID_HEADER, id);
    }
    if let Some(address) = client_address::current() {
        request = request.header(CLIENT_ADDRESS_HEADER, address);
    }
    let unreachable = |error: reqwest::Error| ClientError::new(Code::ConnectionError, innermost(&error));
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let bytes = response.bytes().await.map_err(unreachable)?;
    if !status.is_success() {
        return Err(ClientError::new(
            Code::ServerError,
            format!("{url} answered HTTP {status}"),
        ));
    }
    // The head is read on its own: a flattened payload would be buffered whole, and its errors swallowed.
    let senseless = |error: serde_json::Error| {
        ClientError::new(
            Code::ServerError,
            format!("{url} answered what cannot be read: {error}"),
        )
    };
    let head: Head = serde_json::from_slice(&bytes).map_err(senseless)?;
    let payload = match serde_json::from_slice(&bytes) {
        Ok(payload) => Some(payload),
        Err(error) if matches!(head.code, Code::Succeed | Code::PartialSucceed) => {
            return Err(senseless(error));
        }
        Err(_) => None,
    };
    Ok(Outcome {
        code: head.code,
        msg: head.msg,
        payload,
    })
}

/// The last cause of an error: what people can act on ("Connection refused").
fn innermost(error: &dyn std::error::Error) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_what_the_request_cannot_cause() {
        let error = |code| ClientError::new(code, "");
        for code in [Code::ConnectionError, Code::DatabaseConnectError] {
            assert!(error(code).is_outage() && error(code).is_transient(), "{code}");
        }
        for code in [
            Code::ServerError,
            Code::UnknownError,
            Code::DatabaseInsertError,
            Code::DatabaseQueryError,
            Code::DatabaseUpdateError,
            Code::DatabaseDeleteError,
        ] {
            assert!(!error(code).is_outage() && error(code).is_transient(), "{code}");
        }
        assert!(!error(Code::ParamError).is_transient());
    }
}
