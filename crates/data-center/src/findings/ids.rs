//! Hashes that name things by their content: the same content has the same id in every process, for ever.

use std::fmt::Write;

use aops_api::finding::FindingValue;
use aops_api::{EvaluationKey, HostId, Labels, ResultId};
use sha2::{Digest, Sha256};

/// The first 16 bytes of SHA-256 as 32 hexadecimal digits. Parts are told apart by their lengths.
fn hash_of(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digest = hasher.finalize();
    digest
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// JSON of labels; ordered by name, so that equal sets have equal text.
pub(crate) fn labels_json(labels: &Labels) -> String {
    serde_json::to_string(labels).expect("a map of texts is JSON")
}

/// The id of a result.
pub fn result_id(
    key: &EvaluationKey,
    host_id: &HostId,
    labels: &Labels,
    value: FindingValue,
    start_ms: i64,
) -> ResultId {
    ResultId::new(hash_of(&[
        key.as_str().as_bytes(),
        host_id.as_str().as_bytes(),
        labels_json(labels).as_bytes(),
        value.text().as_bytes(),
        start_ms.to_string().as_bytes(),
    ]))
}

/// Names a set of label sets: 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelSetsHash(String);

impl LabelSetsHash {
    /// One that was stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The label sets that were judged, sorted, each once, as text and by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSets {
    hash: LabelSetsHash,
    json: String,
}

impl LabelSets {
    /// Of sets in any order.
    pub fn of(sets: &[Labels]) -> Self {
        let mut sorted: Vec<&Labels> = sets.iter().collect();
        sorted.sort();
        sorted.dedup();
        let json = serde_json::to_string(&sorted).expect("maps of texts are JSON");
        let hash = LabelSetsHash(hash_of(&[json.as_bytes()]));
        Self { hash, json }
    }

    /// Its name.
    pub fn hash(&self) -> &LabelSetsHash {
        &self.hash
    }

    /// Its text.
    pub fn json(&self) -> &str {
        &self.json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_id_of_a_result_never_changes() {
        // Documents are stored by these ids: a change would double every result.
        let id = result_id(
            &EvaluationKey::from("k"),
            &HostId::from("h"),
            &labels(&[("cpu", "0")]),
            FindingValue::Abnormal,
            1_000,
        );
        assert_eq!(id.as_str(), "4bcd695287a3399de6e522d0550dac01");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(hash_of(&[b"ab", b"c"]), hash_of(&[b"a", b"bc"]));
    }

    #[test]
    fn the_order_of_label_sets_does_not_matter() {
        let (one, two) = (labels(&[("cpu", "0")]), labels(&[("cpu", "1")]));
        let sets = LabelSets::of(&[two.clone(), one.clone(), two.clone()]);
        assert_eq!(sets, LabelSets::of(&[one, two]));
        assert_eq!(sets.json(), r#"[{"cpu":"0"},{"cpu":"1"}]"#);
        assert_ne!(sets.hash(), LabelSets::of(&[]).hash());
    }
}
