//! Queries as Elasticsearch takes them. Pure: names come from the closed enums, texts are JSON strings.

use serde_json::{Value, json};

use super::super::{Direction, Field, Filter, Query};

/// Elasticsearch takes 65,536 texts in one comparison.
const MAX_TEXTS: usize = 65_000;

/// Elasticsearch takes 1,024 alternatives side by side.
const MAX_ALTERNATIVES: usize = 1_000;

/// Documents that are not removed and match.
pub(super) fn matching(query: &Query) -> Value {
    let mut filters: Vec<Value> = query.all_of.iter().map(filter).collect();
    if !query.any_of.is_empty() {
        let groups = query
            .any_of
            .iter()
            .map(|group| all(group.iter().map(filter).collect()));
        filters.push(any(groups.collect()));
    }
    if finds_no_mark(query) {
        return all(filters);
    }
    json!({ "bool": { "filter": filters, "must_not": [{ "exists": { "field": "removed_ms" } }] } })
}

/// A mark of a removal has no fields, so every filter leaves it out: asking for it besides would cost a tenth.
fn finds_no_mark(query: &Query) -> bool {
    let any_leaves_it_out = !query.any_of.is_empty() && query.any_of.iter().all(|group| !group.is_empty());
    !query.all_of.is_empty() || any_leaves_it_out
}

/// A query, and a range of a field besides.
pub(super) fn within(matching: &Value, field: Field, minimum: Option<i64>, maximum: Option<i64>) -> Value {
    let range = range(field, minimum, maximum);
    all(vec![matching.clone(), range])
}

/// What [`super::super::Query::sort`] says, and equal ones by id.
pub(super) fn order(sort: &[(Field, Direction)]) -> Vec<Value> {
    let mut order: Vec<Value> = sort
        .iter()
        .map(|(field, direction)| match direction {
            Direction::Ascending => json!({ field.name(): "asc" }),
            Direction::Descending => json!({ field.name(): "desc" }),
        })
        .collect();
    order.push(json!({ "id": "asc" }));
    order
}

fn all(filters: Vec<Value>) -> Value {
    json!({ "bool": { "filter": filters } })
}

/// At least one. Many alternatives become a tree; each branch is wrapped, because Lucene lays nested alternatives side
/// by side again.
fn any(mut alternatives: Vec<Value>) -> Value {
    while alternatives.len() > MAX_ALTERNATIVES {
        alternatives = alternatives
            .chunks(MAX_ALTERNATIVES)
            .map(|chunk| json!({ "constant_score": { "filter": side_by_side(chunk) } }))
            .collect();
    }
    side_by_side(&alternatives)
}

fn side_by_side(alternatives: &[Value]) -> Value {
    json!({ "bool": { "should": alternatives, "minimum_should_match": 1 } })
}

fn filter(filter: &Filter) -> Value {
    match filter {
        Filter::In(field, texts) if texts.len() <= MAX_TEXTS => json!({ "terms": { field.name(): texts } }),
        Filter::In(field, texts) => {
            let parts = texts.chunks(MAX_TEXTS);
            any(parts
                .map(|part| json!({ "terms": { field.name(): part } }))
                .collect())
        }
        Filter::Range(field, minimum, maximum) => range(*field, *minimum, *maximum),
    }
}

fn range(field: Field, minimum: Option<i64>, maximum: Option<i64>) -> Value {
    let mut bounds = json!({});
    if let Some(minimum) = minimum {
        bounds["gte"] = json!(minimum);
    }
    if let Some(maximum) = maximum {
        bounds["lt"] = json!(maximum);
    }
    json!({ "range": { field.name(): bounds } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widest(query: &Value) -> usize {
        match query {
            Value::Array(parts) => parts.iter().map(widest).max().unwrap_or(0).max(parts.len()),
            Value::Object(parts) => parts.values().map(widest).max().unwrap_or(0),
            _ => 0,
        }
    }

    #[test]
    fn no_level_is_wider_than_elasticsearch_takes() {
        let group = |number| vec![Filter::Range(Field::StartMs, Some(number), None)];
        let query = Query {
            any_of: (0..32_000).map(group).collect(),
            ..Query::default()
        };
        assert_eq!(widest(&matching(&query)), MAX_ALTERNATIVES);
        let texts = (0..150_000).map(|number| number.to_string()).collect();
        let query = Query {
            all_of: vec![Filter::In(Field::HostId, texts)],
            ..Query::default()
        };
        assert_eq!(widest(&matching(&query)), MAX_TEXTS);
    }

    #[test]
    fn marks_are_left_out_by_a_filter_or_by_themselves() {
        let filter = || Filter::Range(Field::StartMs, None, None);
        let query = |all_of, any_of| Query {
            all_of,
            any_of,
            ..Query::default()
        };
        let asks = |query: &Query| matching(query).to_string().contains("must_not");
        assert!(asks(&query(vec![], vec![])));
        assert!(asks(&query(vec![], vec![vec![filter()], vec![]])));
        assert!(!asks(&query(vec![filter()], vec![])));
        assert!(!asks(&query(vec![], vec![vec![filter()], vec![filter()]])));
    }

    #[test]
    fn no_text_leaves_its_place() {
        let query = Query {
            all_of: vec![Filter::In(Field::HostId, vec!["\"}}],\"x".to_owned()])],
            ..Query::default()
        };
        let text = matching(&query).to_string();
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read["bool"]["filter"][0]["terms"]["host_id"][0], "\"}}],\"x");
    }
}
