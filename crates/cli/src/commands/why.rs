//! Why a verdict is what it is, in the words of a line; what `check` and `checkrule` share.

use aops_api::Labels;
use aops_api::finding::{DecidingSample, Evidence, FindingValue};

/// `device="sda", mode="idle"`
pub(super) fn show_labels(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    pairs.join(", ")
}

/// The values that decided, at their worst; for what is no anomaly, the reason.
pub(super) fn why(value: FindingValue, evidence: &Evidence, reason: &str) -> String {
    match evidence.worst.as_ref().or(evidence.first.as_ref()) {
        Some(sample) if value == FindingValue::Abnormal => show_values(sample),
        _ => reason.to_owned(),
    }
}

/// `$0 = 0.98, max(60s) = 0.99`
pub(super) fn show_values(sample: &DecidingSample) -> String {
    let values: Vec<String> = sample
        .values
        .iter()
        .map(|value| format!("{} = {}", value.expression, value.value))
        .collect();
    values.join(", ")
}
