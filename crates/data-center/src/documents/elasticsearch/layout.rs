//! How documents lie in Elasticsearch: names of indices, their settings and mapping, and the stored form. Pure.
//!
//! A kind lies in one index for each period of its partition field: `aops-result-v2-2026.11`. The number is the version
//! of the layout; what raises it, and how documents get from one to the next, stands in ADR 0007.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::{Document, Field, FieldType, Kind, Period, Removal};
use crate::elasticsearch::ElasticsearchConfig;

/// Times before lie in the first period and times after in the last, so that a wrong clock cannot make indices without
/// end.
const FIRST_YEAR: i16 = 2020;
const LAST_YEAR: i16 = 2099;

/// Version of the layout. Raise it with every change of [`Layout::template`]'s mapping or of [`Stored`].
pub(super) const VERSION: u32 = 2;

/// The names and settings of a platform's indices.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    prefix: String,
    shards: u32,
    replicas: Option<u32>,
}

/// A document as it is stored. One that was removed keeps its id and revision, so that an older put cannot bring it back.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    pub(super) id: String,
    pub(super) revision: i64,
    pub(super) removed_ms: Option<i64>,
    pub(super) body: Option<Value>,
}

#[derive(Serialize)]
struct StoredMark<'a> {
    id: &'a str,
    revision: i64,
    removed_ms: i64,
}

#[derive(Serialize)]
struct StoredDocument<'a> {
    id: &'a str,
    revision: i64,
    #[serde(flatten)]
    fields: Map<String, Value>,
    body: &'a Value,
}

impl Layout {
    pub(super) fn new(config: &ElasticsearchConfig) -> Self {
        Self {
            prefix: config.index_prefix.clone(),
            shards: config.shards,
            replicas: config.replicas,
        }
    }

    /// All indices of a kind and a version.
    pub(super) fn pattern(&self, kind: Kind, version: u32) -> String {
        format!("{}-{}-v{version}-*", self.prefix, name(kind))
    }

    /// All indices of a kind, of any version.
    pub(super) fn any_version(&self, kind: Kind) -> String {
        format!("{}-{}-v*", self.prefix, name(kind))
    }

    pub(super) fn template_name(&self, kind: Kind, version: u32) -> String {
        format!("{}-{}-v{version}", self.prefix, name(kind))
    }

    /// Where a document lies, by its partition field.
    pub(super) fn index(&self, kind: Kind, partition_ms: i64) -> String {
        let version = VERSION;
        format!(
            "{}-{}-v{version}-{}",
            self.prefix,
            name(kind),
            period_of(kind.partition().1, partition_ms)
        )
    }

    /// The version in the name of an index, if it is one of ours.
    pub(super) fn version_of(&self, kind: Kind, index: &str) -> Option<u32> {
        let rest = index.strip_prefix(&format!("{}-{}-v", self.prefix, name(kind)))?;
        rest.split('-').next()?.parse().ok()
    }

    /// The same place in the layout of today.
    pub(super) fn moved(&self, kind: Kind, index: &str) -> Option<String> {
        let version = self.version_of(kind, index)?;
        let period = index.strip_prefix(&format!("{}-", self.template_name(kind, version)))?;
        Some(format!("{}-{period}", self.template_name(kind, VERSION)))
    }

    /// What every new index of the kind gets.
    pub(super) fn template(&self, kind: Kind) -> Value {
        let mut settings = json!({
            "number_of_shards": self.shards,
            // Searches see within half a second what was stored; set, so that idle indices are refreshed too.
            "refresh_interval": "500ms",
            // What retention has deleted may come again as of any revision; marks of removals are documents.
            "gc_deletes": "-1",
        });
        match self.replicas {
            Some(replicas) => settings["number_of_replicas"] = json!(replicas),
            None => settings["auto_expand_replicas"] = json!("0-1"),
        }
        self.template_with(kind, VERSION, settings, mapping(kind))
    }

    /// For a version that is moved away: what an older release makes from now on takes no writes.
    pub(super) fn blocked_template(&self, kind: Kind, version: u32) -> Value {
        self.template_with(kind, version, json!({ "blocks.write": true }), json!({}))
    }

    fn template_with(&self, kind: Kind, version: u32, settings: Value, mapping: Value) -> Value {
        json!({
            "index_patterns": [self.pattern(kind, version)],
            "priority": 500,
            "version": version,
            "_meta": { "description": "Documents of A-Ops. Written by its data center at every start." },
            "template": { "settings": settings, "mappings": mapping },
        })
    }
}

const fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Result => "result",
        Kind::Report => "report",
    }
}

/// Only what is declared is indexed; anything else in a document is refused, and the body is stored unread.
fn mapping(kind: Kind) -> Value {
    let mut properties = json!({
        "id": { "type": "keyword" },
        "revision": { "type": "long", "index": false, "doc_values": false },
        "removed_ms": { "type": "long" },
        "body": { "type": "object", "enabled": false },
    });
    for field in kind.fields() {
        properties[field.name()] = match field.field_type() {
            FieldType::Text => json!({ "type": "keyword" }),
            FieldType::Integer => json!({ "type": "long" }),
        };
    }
    json!({ "dynamic": "strict", "properties": properties })
}

/// `2026.11`, or `2026`.
fn period_of(period: Period, time_ms: i64) -> String {
    let date = Timestamp::from_millisecond(time_ms).map(|time| time.to_zoned(TimeZone::UTC).date());
    let (year, month) = match date {
        Ok(date) if date.year() < FIRST_YEAR => (FIRST_YEAR, 1),
        Ok(date) if date.year() <= LAST_YEAR => (date.year(), date.month()),
        // Beyond what a calendar holds, on either side.
        Err(_) if time_ms < 0 => (FIRST_YEAR, 1),
        _ => (LAST_YEAR, 12),
    };
    match period {
        Period::Month => format!("{year}.{month:02}"),
        Period::Year => year.to_string(),
    }
}

/// The stored form of a document.
pub(super) fn stored_document(document: &Document) -> String {
    let field = |field: &Field| (field.name().to_owned(), document.body[field.name()].clone());
    to_json(&StoredDocument {
        id: &document.id,
        revision: document.revision,
        fields: document.kind.fields().iter().map(field).collect(),
        body: &document.body,
    })
}

/// The stored form of the mark of a removal.
pub(super) fn stored_mark(removal: &Removal, now_ms: i64) -> String {
    to_json(&StoredMark {
        id: &removal.id,
        revision: removal.revision,
        removed_ms: now_ms,
    })
}

fn to_json(stored: &impl Serialize) -> String {
    serde_json::to_string(stored).expect("texts and numbers are JSON")
}

impl Stored {
    /// As the interface knows it; `None` for a mark.
    pub(super) fn into_document(self, kind: Kind) -> Option<Document> {
        if self.removed_ms.is_some() {
            return None;
        }
        Some(Document {
            kind,
            id: self.id,
            revision: self.revision,
            body: self.body?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::new(&ElasticsearchConfig::default())
    }

    #[test]
    fn periods_are_bounded() {
        let month = |time_ms| period_of(Period::Month, time_ms);
        assert_eq!(month(1_795_305_599_999), "2026.11");
        assert_eq!(month(1_796_083_199_999), "2026.11");
        assert_eq!(month(1_796_083_200_000), "2026.12");
        for early in [i64::MIN, -1, 0, 1_577_836_799_999] {
            assert_eq!(month(early), "2020.01");
        }
        for late in [i64::MAX, 4_102_444_800_000] {
            assert_eq!(month(late), "2099.12");
        }
        assert_eq!(period_of(Period::Year, 1_796_083_199_999), "2026");
    }

    #[test]
    fn versions_are_read_from_names() {
        let layout = layout();
        let index = layout.index(Kind::Result, 1_796_083_199_999);
        assert_eq!(index, "aops-result-v2-2026.11");
        assert_eq!(layout.version_of(Kind::Result, &index), Some(2));
        assert_eq!(
            layout.version_of(Kind::Result, "aops-result-v12-2026.11"),
            Some(12)
        );
        for foreign in [
            "aops-report-v1-2026",
            "aops-result-vx-2026",
            "other-result-v1-2026.11",
        ] {
            assert_eq!(layout.version_of(Kind::Result, foreign), None);
        }
        assert_eq!(
            layout.moved(Kind::Result, "aops-result-v0-2026.11"),
            Some("aops-result-v2-2026.11".to_owned())
        );
    }

    #[test]
    fn fields_stand_beside_the_whole_body() {
        let document = Document {
            kind: Kind::Report,
            id: "r".to_owned(),
            revision: 3,
            body: json!({
                "task_id": "t", "owner": "o", "host_id": "h", "tree_name": "n", "start_ms": 1, "end_ms": 2,
                "created_ms": 3, "id": 9,
            }),
        };
        let stored: Value = serde_json::from_str(&stored_document(&document)).expect("JSON");
        assert_eq!(stored["id"], "r");
        assert_eq!(stored["tree_name"], "n");
        assert_eq!(stored["body"], document.body);
        let declared = mapping(Kind::Report);
        for key in stored.as_object().expect("an object").keys() {
            assert!(!declared["properties"][key].is_null(), "{key} is not declared");
        }
        let read: Stored = serde_json::from_value(stored).expect("read");
        assert_eq!(read.into_document(Kind::Report), Some(document));
    }
}
