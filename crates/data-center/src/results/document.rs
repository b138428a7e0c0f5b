//! The document of a result: what the outbox carries and what is searched.

use aops_api::finding::{Evidence, FindingValue};
use aops_api::{EvaluationKey, HostId, Labels};
use serde::{Deserialize, Serialize};

use crate::findings::{KnownFinding, Subject};

/// Kind of documents of results.
pub const RESULT_KIND: &str = "result";

/// One interval of one verdict. Whose it is, is not said: rules of any owner point to the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultDocument {
    /// The key.
    #[serde(rename = "evaluation_key")]
    pub key: EvaluationKey,
    /// The machine.
    pub host_id: HostId,
    /// The starred labels.
    pub labels: Labels,
    /// The verdict.
    pub value: FindingValue,
    /// `[start, end)`.
    pub start_ms: i64,
    /// `[start, end)`.
    pub end_ms: i64,
    /// The samples that decided.
    pub evidence: Evidence,
    /// Why, for `No data` and `Internal error`.
    pub reason: String,
    /// Whether the coverage goes on beyond its end.
    pub closed: bool,
}

impl ResultDocument {
    /// Of a finding as it is stored.
    pub fn of(subject: &Subject, known: &KnownFinding) -> Self {
        let finding = &known.finding;
        Self {
            key: subject.key.clone(),
            host_id: subject.host_id.clone(),
            labels: finding.labels.clone(),
            value: finding.value,
            start_ms: finding.range.start_ms,
            end_ms: finding.range.end_ms,
            evidence: finding.evidence.clone(),
            reason: finding.reason.clone(),
            closed: known.closed,
        }
    }
}
