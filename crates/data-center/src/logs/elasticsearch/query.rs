//! Questions as Elasticsearch takes them, and its answers read. Pure: names come from the settings, texts are JSON strings.

use std::collections::BTreeMap;

use aops_api::{HostId, Labels, TimeRange};
use serde_json::{Value, json};

use crate::elasticsearch::Hit;
use crate::label_condition::LabelCondition;
use crate::logs::config::FieldNames;
use crate::logs::owner::Owners;

/// What a document says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) time_ms: Option<i64>,
    pub(super) received_ms: Option<i64>,
    pub(super) host_id: String,
    pub(super) address: String,
    pub(super) host: String,
    pub(super) message: String,
    pub(super) labels: Labels,
}

/// Fields, and labels by the fields they stand for.
#[derive(Clone, Debug)]
pub(super) struct Vocabulary {
    pub(super) fields: FieldNames,
    pub(super) labels: BTreeMap<String, String>,
}

impl Vocabulary {
    /// Lines of a stream of these hosts, in a range by their time or by their receipt.
    pub(super) fn lines(
        &self,
        stream: &str,
        owners: &Owners,
        range: TimeRange,
        conditions: &[LabelCondition],
    ) -> Value {
        let within = json!({ "gte": range.start_ms, "lt": range.end_ms, "format": "epoch_millis" });
        let times = [&self.fields.time, &self.fields.received];
        let in_range = times.map(|field| json!({ "range": { field.as_str(): within } }));
        let mut filters = vec![
            self.stream(stream),
            any(&in_range),
            self.of_hosts(owners.hosts(), owners.addresses()),
        ];
        for condition in conditions {
            if let (Some(text), Some(field)) = (condition.required_text(), self.labels.get(condition.label()))
            {
                filters.push(json!({ "term": { field.as_str(): text } }));
            }
        }
        all(&filters)
    }

    /// Any line of a stream of one host. With `naming`, one whose text has this word.
    pub(super) fn any_line(
        &self,
        stream: &str,
        host_id: &HostId,
        owners: &Owners,
        naming: Option<&str>,
    ) -> Value {
        let mut filters = vec![
            self.stream(stream),
            self.of_hosts(std::iter::once(host_id), owners.addresses_of(host_id)),
        ];
        if let Some(word) = naming {
            let text = json!({ "query": word, "operator": "and" });
            filters.push(json!({ "match": { self.fields.message.as_str(): text } }));
        }
        all(&filters)
    }

    fn stream(&self, stream: &str) -> Value {
        json!({ "term": { self.fields.stream.as_str(): stream } })
    }

    /// By their ids; where there is none, by where a line came from.
    fn of_hosts<'a>(
        &self,
        hosts: impl Iterator<Item = &'a HostId>,
        addresses: impl Iterator<Item = &'a str>,
    ) -> Value {
        let hosts: Vec<&str> = hosts.map(HostId::as_str).collect();
        let by_id = json!({ "terms": { self.fields.host_id.as_str(): hosts } });
        let addresses: Vec<&str> = addresses.collect();
        if addresses.is_empty() {
            return by_id;
        }
        let places = [&self.fields.address, &self.fields.host];
        let from = places.map(|field| json!({ "terms": { field.as_str(): addresses } }));
        let has_id = json!({ "bool": {
            "filter": [{ "exists": { "field": self.fields.host_id } }],
            "must_not": [{ "term": { self.fields.host_id.as_str(): "" } }],
        } });
        any(&[
            by_id,
            json!({ "bool": { "filter": [any(&from)], "must_not": [has_id] } }),
        ])
    }

    /// The oldest first.
    pub(super) fn order(&self) -> Value {
        json!([{ self.fields.time.as_str(): { "order": "asc", "unmapped_type": "date" } }])
    }

    /// What is read of each document, as `fields` takes it.
    pub(super) fn wanted(&self) -> Vec<Value> {
        let times = [&self.fields.time, &self.fields.received];
        let times = times.map(|field| json!({ "field": field, "format": "epoch_millis" }));
        let fields = &self.fields;
        let texts = [&fields.host_id, &fields.address, &fields.host, &fields.message];
        let texts = texts.into_iter().chain(self.labels.values());
        times.into_iter().chain(texts.map(|field| json!(field))).collect()
    }

    pub(super) fn read(&self, hit: &Hit<Value>) -> Found {
        let first = |field: &str| hit.fields.get(field).and_then(|values| values.first());
        let text = |field: &str| first(field).map(text_of).unwrap_or_default();
        let time = |field: &str| first(field).and_then(milliseconds);
        let label = |(label, field): (&String, &String)| (label.clone(), text(field));
        Found {
            time_ms: time(&self.fields.time),
            received_ms: time(&self.fields.received),
            host_id: text(&self.fields.host_id),
            address: text(&self.fields.address),
            host: text(&self.fields.host),
            message: text(&self.fields.message),
            labels: self.labels.iter().map(label).collect(),
        }
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Elasticsearch writes them as text, with a fraction where it keeps nanoseconds.
fn milliseconds(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.split('.').next()?.parse().ok(),
        other => other.as_i64(),
    }
}

fn all(filters: &[Value]) -> Value {
    json!({ "bool": { "filter": filters } })
}

fn any(alternatives: &[Value]) -> Value {
    json!({ "bool": { "should": alternatives, "minimum_should_match": 1 } })
}

#[cfg(test)]
mod tests {
    use aops_api::series::{LabelMatcher, MatchOperator};

    use super::*;
    use crate::logs::ElasticsearchLogsConfig;

    fn vocabulary() -> Vocabulary {
        let config = ElasticsearchLogsConfig::default();
        Vocabulary {
            fields: config.field_names(),
            labels: config.labels,
        }
    }

    #[test]
    fn no_text_leaves_its_place() {
        let evil = "\"}}],\"x";
        let matcher = LabelMatcher {
            name: "program".to_owned(),
            operator: MatchOperator::Equal,
            value: evil.to_owned(),
        };
        let condition = LabelCondition::new(&matcher).expect("a condition");
        let owners = Owners::new(&[HostId::from(evil)], &[]);
        let query = vocabulary().lines(evil, &owners, TimeRange::new(1, 2), &[condition]);
        let read: Value = serde_json::from_str(&query.to_string()).expect("JSON");
        let filters = &read["bool"]["filter"];
        assert_eq!(filters[0]["term"]["stream"], evil);
        assert_eq!(filters[2]["terms"]["host_id"][0], evil);
        assert_eq!(filters[3]["term"]["program"], evil);
    }

    #[test]
    fn documents_are_read_as_shippers_write_them() {
        let hit = json!({ "_index": "i", "_id": "1", "fields": {
            "@timestamp": ["1700000000123"], "host_id": ["h"], "message": ["a line"], "severity": [3],
        } });
        let hit: Hit<Value> = serde_json::from_value(hit).expect("a hit");
        let found = vocabulary().read(&hit);
        assert_eq!(found.time_ms, Some(1_700_000_000_123));
        assert_eq!(found.received_ms, None);
        assert_eq!((found.host_id.as_str(), found.message.as_str()), ("h", "a line"));
        assert_eq!(found.labels["severity"], "3");
        assert_eq!(found.labels["program"], "");
        assert_eq!(
            milliseconds(&json!("1700000000123.456789")),
            Some(1_700_000_000_123)
        );
    }
}
