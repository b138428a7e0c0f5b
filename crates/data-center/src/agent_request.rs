//! A request to an agent: straight to its address, and an answer within bounds. Agents are not trusted: an address that is
//! wrong may lead to anything.

use std::error::Error;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum AgentRequestError {
    /// The address is something else.
    #[error("'{0}' is not host:port")]
    Address(String),
    /// There is nobody at the address, or they broke off.
    #[error("{}", .0.source().map_or_else(|| .0.to_string(), last_cause))]
    Request(reqwest::Error),
    /// It took too long.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// Anything but 200.
    #[error("answered {0}")]
    Status(StatusCode),
    /// It brought too much.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
}

/// What a client says at the end of its chain of causes: "Connection refused", not "error sending request".
fn last_cause(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// What an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentRequestLimits {
    /// From the first byte sent to the last one read.
    pub timeout: Duration,
    /// Of its body.
    pub maximum_body_bytes: usize,
}

/// The client of all requests to agents: straight to the agent, and nowhere else.
pub fn agent_client() -> Result<Client, reqwest::Error> {
    Client::builder().no_proxy().redirect(Policy::none()).build()
}

/// The body of what `http://ADDRESS PATH` answers.
pub(crate) async fn get(
    client: &Client,
    address: &str,
    path: &str,
    accept: &'static str,
    limits: AgentRequestLimits,
) -> Result<Vec<u8>, AgentRequestError> {
    let url = url(address, path)?;
    let accept = HeaderValue::from_static(accept);
    let reading = async {
        let answer = client.get(url).header(ACCEPT, accept).send().await;
        let mut response = answer.map_err(AgentRequestError::Request)?;
        if response.status() != StatusCode::OK {
            return Err(AgentRequestError::Status(response.status()));
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(AgentRequestError::Request)? {
            if body.len() + piece.len() > limits.maximum_body_bytes {
                return Err(AgentRequestError::TooLong(limits.maximum_body_bytes));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    };
    tokio::time::timeout(limits.timeout, reading)
        .await
        .map_err(|_| AgentRequestError::Timeout(limits.timeout))?
}

/// An address names a host and a port, and no path, user or query on it.
fn url(address: &str, path: &str) -> Result<Url, AgentRequestError> {
    let refuse = || AgentRequestError::Address(address.to_owned());
    let has_only_host_and_port = !address.contains(['/', '?', '#', '@', '\\']);
    let has_port = address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !has_only_host_and_port || !has_port {
        return Err(refuse());
    }
    Url::parse(&format!("http://{address}{path}")).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for (address, expected) in [
            ("127.0.0.1:9100", "http://127.0.0.1:9100/metrics"),
            ("[::1]:9100", "http://[::1]:9100/metrics"),
            ("node-1.example:80", "http://node-1.example/metrics"),
        ] {
            assert_eq!(url(address, "/metrics").expect(address).as_str(), expected);
        }
        for address in [
            "", "a", ":80", "a:b", "a:80/b", "a:80?b", "u@a:80", "a:80#b", "a:99999", "a b:80", "a\\b:80",
        ] {
            assert!(url(address, "/metrics").is_err(), "{address}");
        }
    }
}
