//! The connection to Elasticsearch: settings, sending with a bounded time, and errors with a stable meaning.
//!
//! Documents and logs stand on it. It knows nothing of either: it sends a request, checks that the answer is whole, and
//! gives it back. It waits for nothing longer than `request_timeout` and tries nothing twice, except that a node that
//! cannot be reached is skipped for the next one; whether to try again is the caller's decision
//! ([`ElasticsearchError::is_passing`]).

mod answer;
mod client;
mod config;
mod error;

pub use answer::{Hit, Hits, SearchAnswer, Shards, Total};
pub use client::{ElasticsearchClient, Payload, Request};
pub use config::ElasticsearchConfig;
pub use error::{Cause, ElasticsearchError};

pub use ::elasticsearch::http::Method;
