//! What can go wrong with Elasticsearch, by what is to be done about it.

use std::sync::Arc;
use std::time::Duration;

use aops_service::config::Refusal;
use serde_json::Value;

/// Longer reasons are cut: Elasticsearch repeats whole documents in some.
const MAX_REASON: usize = 500;

/// An error of Elasticsearch or of the way to it. Cloneable, because what waits together fails together.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ElasticsearchError {
    /// A setting that cannot be meant.
    #[error("elasticsearch.{0}")]
    Setting(Refusal),
    /// No node can be connected to.
    #[error(
        "Elasticsearch at {address} cannot be reached: check that it runs and that elasticsearch.urls names it"
    )]
    Unreachable {
        /// Of all nodes that were tried.
        address: String,
        /// Why, of the last one.
        #[source]
        source: Arc<::elasticsearch::Error>,
    },
    /// A node took the request and did not answer in time.
    #[error("Elasticsearch at {address} did not answer within {after:?}: look at its load and its log")]
    TimedOut {
        /// Of the node.
        address: String,
        /// How long was waited.
        after: Duration,
    },
    /// The user may not, or is not known.
    #[error(
        "Elasticsearch at {address} refuses this user: {cause}; check elasticsearch.username, password_file and the \
         user's role"
    )]
    Unauthorized {
        /// Of the node.
        address: String,
        /// As it says.
        cause: Cause,
    },
    /// It has too much to do and asks to come again later.
    #[error("Elasticsearch at {address} is overloaded: {cause}; it is tried again")]
    Overloaded {
        /// Of the node.
        address: String,
        /// As it says.
        cause: Cause,
    },
    /// Indices are read-only, most often because the disk is full.
    #[error(
        "Elasticsearch at {address} takes no writes: {cause}; free disk space or lift the block of the index, writes go \
         on by themselves"
    )]
    Blocked {
        /// Of the node.
        address: String,
        /// As it says.
        cause: Cause,
    },
    /// It cannot serve now: shards are missing, a master is missing, or it failed.
    #[error("Elasticsearch at {address} cannot serve now: {cause}; look at its cluster health and its log")]
    Unavailable {
        /// Of the node.
        address: String,
        /// As it says.
        cause: Cause,
    },
    /// What the request names is not there.
    #[error("Elasticsearch at {address} has no such thing: {cause}")]
    NotFound {
        /// Of the node.
        address: String,
        /// As it says.
        cause: Cause,
    },
    /// The request itself is wrong: it fails again when it is repeated.
    #[error("Elasticsearch at {address} refused a request: {cause}")]
    Refused {
        /// Of the node.
        address: String,
        /// As it says.
        cause: Cause,
    },
    /// The answer is not one of Elasticsearch.
    #[error(
        "what answers at {address} is not Elasticsearch, or not one that is understood: check elasticsearch.urls"
    )]
    Foreign {
        /// Of the node.
        address: String,
        /// What does not fit.
        #[source]
        source: Arc<serde_json::Error>,
    },
}

/// What Elasticsearch says went wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// HTTP status, of the request or of the item in a bulk request.
    pub status: u16,
    /// Its name of the error, such as `mapper_parsing_exception`; empty when it gave none.
    pub kind: String,
    /// Its words, with those of the innermost cause.
    pub reason: String,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind.as_str() {
            "" => write!(formatter, "status {}: {}", self.status, self.reason),
            kind => write!(formatter, "{kind}: {}", self.reason),
        }
    }
}

impl Cause {
    /// Reads the `error` of an answer or of an item.
    pub fn read(status: u16, error: &Value) -> Self {
        let kind = error["type"].as_str().unwrap_or_default().to_owned();
        let outer = error["reason"]
            .as_str()
            .or(error.as_str())
            .unwrap_or("no reason given");
        let reason = match innermost(error) {
            Some(inner) if !outer.contains(inner) => format!("{outer}: {inner}"),
            _ => outer.to_owned(),
        };
        Self {
            status,
            kind,
            reason: cut(reason),
        }
    }

    /// Whether it is about this one document, so that it fails each time it is sent, and others do not.
    pub fn is_of_document(&self) -> bool {
        if self.status != 400 && self.status != 413 {
            return false;
        }
        match self.kind.as_str() {
            "mapper_parsing_exception"
            | "document_parsing_exception"
            | "strict_dynamic_mapping_exception" => true,
            // A text longer than a term can be.
            "illegal_argument_exception" => self.reason.contains("immense term"),
            _ => self.status == 413,
        }
    }
}

/// The words of the last cause that is told.
fn innermost(error: &Value) -> Option<&str> {
    let mut current = match &error["caused_by"] {
        Value::Null => &error["root_cause"][0],
        cause => cause,
    };
    while !current["caused_by"].is_null() {
        current = &current["caused_by"];
    }
    current["reason"].as_str()
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_REASON) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl From<Refusal> for ElasticsearchError {
    fn from(refusal: Refusal) -> Self {
        Self::Setting(refusal)
    }
}

impl ElasticsearchError {
    /// Of an answer that is no success.
    pub(super) fn of_answer(address: &str, status: u16, body: &[u8]) -> Self {
        let cause = match serde_json::from_slice::<Value>(body) {
            Ok(body) if !body["error"].is_null() => Cause::read(status, &body["error"]),
            _ => Cause {
                status,
                kind: String::new(),
                reason: cut(String::from_utf8_lossy(body).into_owned()),
            },
        };
        Self::of_cause(address, cause)
    }

    /// Of what it says, by the status.
    pub fn of_cause(address: &str, cause: Cause) -> Self {
        let address = address.to_owned();
        match cause.status {
            // A block by the flood-stage watermark comes with 429, one set by hand with 403.
            _ if cause.kind == "cluster_block_exception" && cause.status != 503 => {
                Self::Blocked { address, cause }
            }
            401 | 403 => Self::Unauthorized { address, cause },
            404 => Self::NotFound { address, cause },
            408 | 500.. => Self::Unavailable { address, cause },
            429 => Self::Overloaded { address, cause },
            _ => Self::Refused { address, cause },
        }
    }

    /// Whether the same request may succeed later without anybody changing it: an outage, in short.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Unauthorized { .. }
            | Self::Overloaded { .. }
            | Self::Blocked { .. }
            | Self::Unavailable { .. }
            | Self::Foreign { .. } => true,
            Self::Setting(_) | Self::NotFound { .. } | Self::Refused { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(status: u16, error: Value) -> ElasticsearchError {
        let body = json!({"error": error, "status": status}).to_string();
        ElasticsearchError::of_answer("http://a:9200", status, body.as_bytes())
    }

    #[test]
    fn statuses_have_a_meaning() {
        let block =
            json!({"type": "cluster_block_exception", "reason": "index [a] blocked by: [FORBIDDEN/8/write]"});
        assert!(matches!(
            of(403, block.clone()),
            ElasticsearchError::Blocked { .. }
        ));
        assert!(matches!(
            of(429, block.clone()),
            ElasticsearchError::Blocked { .. }
        ));
        assert!(
            matches!(of(503, block), ElasticsearchError::Unavailable { .. }),
            "no master"
        );
        let security = json!({"type": "security_exception", "reason": "unable to authenticate user"});
        assert!(matches!(
            of(401, security.clone()),
            ElasticsearchError::Unauthorized { .. }
        ));
        assert!(matches!(
            of(403, security),
            ElasticsearchError::Unauthorized { .. }
        ));
        let busy = json!({"type": "es_rejected_execution_exception", "reason": "queue full"});
        assert!(matches!(of(429, busy), ElasticsearchError::Overloaded { .. }));
        assert!(matches!(
            of(404, json!("gone")),
            ElasticsearchError::NotFound { .. }
        ));
        assert!(matches!(
            of(400, json!("wrong")),
            ElasticsearchError::Refused { .. }
        ));
        assert!(matches!(
            of(502, json!("proxy")),
            ElasticsearchError::Unavailable { .. }
        ));
    }

    #[test]
    fn messages_name_the_address_and_the_innermost_cause() {
        let error = json!({
            "type": "mapper_parsing_exception", "reason": "failed to parse field [start_ms]",
            "caused_by": {"type": "illegal_argument_exception", "reason": "For input string: \"x\""},
        });
        assert_eq!(
            of(400, error).to_string(),
            "Elasticsearch at http://a:9200 refused a request: mapper_parsing_exception: failed to parse field \
             [start_ms]: For input string: \"x\""
        );
        let page = ElasticsearchError::of_answer("http://a", 502, "<html>Bad gateway</html>".as_bytes());
        assert!(page.to_string().contains("status 502: <html>"), "{page}");
    }

    #[test]
    fn only_errors_of_a_document_are_of_the_document() {
        let cause = |status, kind: &str, reason: &str| Cause {
            status,
            kind: kind.to_owned(),
            reason: reason.to_owned(),
        };
        assert!(cause(400, "mapper_parsing_exception", "failed").is_of_document());
        assert!(
            cause(
                400,
                "illegal_argument_exception",
                "contains at least one immense term"
            )
            .is_of_document()
        );
        assert!(!cause(400, "illegal_argument_exception", "no write index").is_of_document());
        assert!(!cause(400, "validation_exception", "maximum shards open").is_of_document());
        assert!(!cause(403, "mapper_parsing_exception", "failed").is_of_document());
    }

    #[test]
    fn long_reasons_are_cut() {
        let cause = Cause::read(400, &json!({"type": "x", "reason": "ä".repeat(10_000)}));
        assert_eq!(cause.reason.chars().count(), MAX_REASON + 1);
    }
}
