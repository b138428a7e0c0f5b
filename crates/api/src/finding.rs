//! Findings and coverage: what has been judged of a key on a host, and what was found. `/data` only.

use serde::{Deserialize, Serialize};

use crate::Labels;
use crate::id::{EvaluationKey, HostId, ResultId};
use crate::time::TimeRange;

/// A verdict that is stored. `Normal` is not: covered and no finding is normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FindingValue {
    /// The condition held.
    Abnormal,
    /// There was nothing to judge.
    #[serde(rename = "No data")]
    NoData,
    /// The condition could not be evaluated.
    #[serde(rename = "Internal error")]
    InternalError,
}

impl FindingValue {
    /// The text on the wire.
    pub const fn text(self) -> &'static str {
        match self {
            FindingValue::Abnormal => "Abnormal",
            FindingValue::NoData => "No data",
            FindingValue::InternalError => "Internal error",
        }
    }

    /// The value of a text.
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Abnormal, Self::NoData, Self::InternalError]
            .into_iter()
            .find(|value| value.text() == text)
    }
}

/// A maximal stretch of one verdict of one label set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Starred labels and their values; empty for a rule without stars, and for `No data` of a rule as a whole.
    pub labels: Labels,
    /// The verdict.
    pub value: FindingValue,
    /// `[start, end)`.
    pub range: TimeRange,
    /// The samples that decided.
    pub evidence: Evidence,
    /// Why, for `No data` and `Internal error`.
    pub reason: String,
}

/// The samples that decided a finding. Merging two pieces keeps the earliest, the worst and the latest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The earliest.
    pub first: Option<DecidingSample>,
    /// The one furthest on the abnormal side.
    pub worst: Option<DecidingSample>,
    /// The latest.
    pub last: Option<DecidingSample>,
}

/// A sample of `$0` at which the condition was evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecidingSample {
    /// Time of the sample.
    pub time_ms: i64,
    /// How far the condition was from turning, in the unit of the compared values; absent where that has no meaning.
    pub margin: Option<f64>,
    /// Sub-expressions of the condition and their values, in order of appearance.
    pub values: Vec<ExpressionValue>,
}

/// A sub-expression and its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpressionValue {
    /// The sub-expression as written, such as `$0` or `max(60s)`.
    pub expression: String,
    /// Its value as text, or the error.
    pub value: String,
}

/// Why a rule says what it says of a label set at an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictExplanation {
    /// The instant.
    pub at_ms: i64,
    /// The verdict that holds there; absent when it is normal.
    pub value: Option<FindingValue>,
    /// The sample of `$0` that decides it, with the value of every sub-expression; absent when none speaks.
    pub sample: Option<DecidingSample>,
    /// Since when the condition has been true without a break; absent when it is not.
    pub true_since_ms: Option<i64>,
    /// Why, for `No data` and `Internal error`.
    pub reason: String,
    /// The samples that were read, by data item.
    pub used: Vec<UsedSamples>,
    /// All of this in a sentence.
    pub text: String,
}

/// Samples of one data item that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsedSamples {
    /// Which item: 0 is `$0`.
    pub item: usize,
    /// Its name.
    pub name: String,
    /// Labels of the series.
    pub labels: Labels,
    /// Time and value as text, oldest first.
    pub samples: Vec<(i64, String)>,
    /// How many older ones are left out.
    pub omitted: u64,
}

impl DecidingSample {
    /// Whether `self` is worse than `other`: the larger margin, then the earlier sample.
    fn is_worse_than(&self, other: &DecidingSample) -> bool {
        let margin = |sample: &DecidingSample| sample.margin.unwrap_or(f64::NEG_INFINITY);
        match margin(self).total_cmp(&margin(other)) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => self.time_ms < other.time_ms,
        }
    }
}

impl Evidence {
    /// Evidence of one sample.
    pub fn of(sample: DecidingSample) -> Self {
        Self {
            first: Some(sample.clone()),
            worst: Some(sample.clone()),
            last: Some(sample),
        }
    }

    /// Takes in the evidence of another piece of the same finding. Order does not matter.
    pub fn merge(&mut self, other: &Evidence) {
        fn keep(
            mine: &mut Option<DecidingSample>,
            theirs: &Option<DecidingSample>,
            better: impl Fn(&DecidingSample, &DecidingSample) -> bool,
        ) {
            let Some(candidate) = theirs else { return };
            if mine.as_ref().is_none_or(|current| better(candidate, current)) {
                *mine = Some(candidate.clone());
            }
        }
        keep(&mut self.first, &other.first, |candidate, current| {
            candidate.time_ms < current.time_ms
        });
        keep(&mut self.worst, &other.worst, DecidingSample::is_worse_than);
        keep(&mut self.last, &other.last, |candidate, current| {
            candidate.time_ms > current.time_ms
        });
    }

    /// Drops the samples for which `keep` is false, as when a part of the finding is taken back.
    pub fn retain(&mut self, keep: impl Fn(&DecidingSample) -> bool) {
        for slot in [&mut self.first, &mut self.worst, &mut self.last] {
            if slot.as_ref().is_some_and(|sample| !keep(sample)) {
                *slot = None;
            }
        }
    }
}

/// POST /data/check/finding/save: replaces what was said about (key, host) in each window. Services only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindingSaveRequest {
    /// One element per key and host.
    pub windows: Vec<JudgedWindow>,
}

/// What was found for one key on one host in one window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JudgedWindow {
    /// The key.
    pub key: EvaluationKey,
    /// The host.
    pub host_id: HostId,
    /// The window; every finding lies inside.
    pub window: TimeRange,
    /// When the series were read; spans that are stored with a later one stay.
    pub as_of_ms: i64,
    /// False when the series could not be read: the findings are kept, the window stays uncovered, and what is
    /// covered already stays.
    pub covered: bool,
    /// The label sets that were judged.
    pub judged: Vec<Labels>,
    /// Sorted by labels, then start; of one label set not overlapping.
    pub findings: Vec<Finding>,
}

/// POST /data/check/finding/query: what is known of keys on a host. Services only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindingQueryRequest {
    /// The host.
    pub host_id: HostId,
    /// The keys.
    pub keys: Vec<EvaluationKey>,
    /// Findings that overlap this, and coverage clipped to it.
    pub range: TimeRange,
}

/// Answer of /data/check/finding/query.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FindingQueryAnswer {
    /// One element per key asked for, in that order.
    pub keys: Vec<KnownOfKey>,
}

/// What is known of a key on a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnownOfKey {
    /// The key.
    pub key: EvaluationKey,
    /// Sorted, not overlapping, clipped to the range asked for.
    pub coverage: Vec<CoveredSpan>,
    /// Sorted by labels, then start; not clipped.
    pub findings: Vec<StoredFinding>,
}

/// A stretch that has been judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoveredSpan {
    /// The stretch.
    pub range: TimeRange,
    /// The label sets that were judged.
    pub judged: Vec<Labels>,
}

/// A finding with its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredFinding {
    /// Hash of key, host, labels, value and start.
    pub result_id: ResultId,
    /// The finding.
    pub finding: Finding,
}

/// How a result changed; written to the outbox in the transaction that changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transition {
    /// It is new.
    Opened,
    /// Its end or evidence changed and it may go on.
    Extended,
    /// The coverage now goes on beyond its end.
    Closed,
    /// It was taken back, or its start moved and another id stands for it.
    Removed,
}
