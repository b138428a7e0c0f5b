//! Changes with their entries in the operation log.

use aops_api::Code;
use aops_service::ApiResult;
use aops_service::{client_address, request_id};
use serde_json::Value;

use super::State;
use crate::store::NewAuditEntry;

impl State {
    /// Does `work`, which changes something, and writes down who did what and what came of it. Nothing is done that cannot be
    /// written down.
    pub(super) async fn audited<T>(
        &self,
        username: &str,
        action: &'static str,
        detail: Value,
        work: impl Future<Output = ApiResult<T>>,
    ) -> ApiResult<T> {
        let entry = NewAuditEntry {
            username: username.to_owned(),
            address: client_address::current().unwrap_or_default(),
            action,
            detail,
            request_id: request_id::current().unwrap_or_default(),
        };
        let audit_id = self.tables.begin_audit(&entry, self.now_ms()).await?;
        let outcome = work.await;
        let (code, message) = match &outcome {
            Ok(answer) if answer.code == Code::Succeed => (Code::Succeed, ""),
            Ok(answer) => (answer.code, answer.msg.as_str()),
            Err(refusal) => (refusal.code, refusal.detail.as_str()),
        };
        if let Err(error) = self.tables.end_audit(audit_id, code.number(), message).await {
            tracing::warn!(
                audit_id,
                action,
                code = code.number(),
                error = &error as &dyn std::error::Error,
                "the outcome of a change is not in the operation log"
            );
        }
        outcome
    }
}

/// What is written down of a long list.
pub(super) fn listed<T: ToString>(names: &[T]) -> Value {
    const MOST: usize = 100;
    let mut listed: Vec<String> = names.iter().take(MOST).map(T::to_string).collect();
    if names.len() > MOST {
        listed.push(format!("and {} more", names.len() - MOST));
    }
    listed.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(&["a", "b"]), serde_json::json!(["a", "b"]));
        let long = listed(&vec!["x"; 10_000]);
        let long = long.as_array().expect("a list");
        assert_eq!((long.len(), &long[100]), (101, &"and 9900 more".into()));
    }
}
