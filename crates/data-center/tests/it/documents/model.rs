//! The document store against a naive one in memory.

use std::collections::BTreeMap;

use aops_data_center::documents::{
    Direction, Document, Documents, Field, FieldType, Filter, Found, Kind, Query,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{day, elasticsearch, open_file, put, remove_of, search};

/// The store as anyone would write it in an afternoon: a map, and a walk over it.
#[derive(Default)]
struct Model {
    /// Revision, and the body unless it was removed.
    rows: BTreeMap<String, (i64, Option<Value>)>,
}

#[derive(Clone, Debug)]
enum Step {
    Put(Document),
    /// Id and revision.
    Remove(String, i64),
    DeleteBefore(i64),
}

impl Model {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Put(document) => {
                let newer = self
                    .rows
                    .get(&document.id)
                    .is_none_or(|(stored, _)| document.revision > *stored);
                if newer {
                    let row = (document.revision, Some(document.body.clone()));
                    self.rows.insert(document.id.clone(), row);
                }
            }
            Step::Remove(id, revision) => {
                let newer = self.rows.get(id).is_none_or(|(stored, _)| revision >= stored);
                if newer {
                    self.rows.insert(id.clone(), (*revision, None));
                }
            }
            Step::DeleteBefore(before_ms) => self.rows.retain(|_, (_, body)| {
                body.as_ref()
                    .is_none_or(|body| integer(body, Field::EndMs) >= *before_ms)
            }),
        }
    }

    fn matching(&self, query: &Query) -> Vec<Document> {
        self.rows
            .iter()
            .filter_map(|(id, (revision, body))| Some((id, revision, body.as_ref()?)))
            .filter(|(_, _, body)| query.all_of.iter().all(|filter| holds(filter, body)))
            .filter(|(_, _, body)| {
                query.any_of.is_empty()
                    || query
                        .any_of
                        .iter()
                        .any(|group| group.iter().all(|filter| holds(filter, body)))
            })
            .map(|(id, revision, body)| Document {
                kind: Kind::Result,
                id: id.clone(),
                revision: *revision,
                body: body.clone(),
            })
            .collect()
    }

    fn search(&self, query: &Query) -> Found {
        let mut documents = self.matching(query);
        let total = documents.len() as u64;
        documents.sort_by(|one, other| {
            for (field, direction) in &query.sort {
                let order = match field.field_type() {
                    FieldType::Text => text(&one.body, *field).cmp(text(&other.body, *field)),
                    FieldType::Integer => integer(&one.body, *field).cmp(&integer(&other.body, *field)),
                };
                let order = match direction {
                    Direction::Ascending => order,
                    Direction::Descending => order.reverse(),
                };
                if order.is_ne() {
                    return order;
                }
            }
            one.id.cmp(&other.id)
        });
        let page = documents
            .into_iter()
            .skip(query.offset as usize)
            .take(query.limit as usize);
        Found {
            total,
            documents: page.collect(),
        }
    }

    fn count_by(&self, query: &Query, field: Field) -> Vec<(String, u64)> {
        let mut counts = BTreeMap::new();
        for document in self.matching(query) {
            *counts.entry(text(&document.body, field).to_owned()).or_default() += 1;
        }
        counts.into_iter().collect()
    }
}

fn text(body: &Value, field: Field) -> &str {
    body[field.name()].as_str().expect("a text")
}

fn integer(body: &Value, field: Field) -> i64 {
    body[field.name()].as_i64().expect("an integer")
}

fn holds(filter: &Filter, body: &Value) -> bool {
    match filter {
        Filter::In(field, texts) => texts.iter().any(|wanted| wanted == text(body, *field)),
        Filter::Range(field, minimum, maximum) => {
            let number = integer(body, *field);
            minimum.is_none_or(|minimum| number >= minimum) && maximum.is_none_or(|maximum| number < maximum)
        }
    }
}

/// The start is fixed for an id, each in a month of its own.
fn start_of(id: &str) -> i64 {
    moment(2 * i64::from(id.as_bytes()[0] - b'a'))
}

/// Moments three weeks apart.
fn moment(number: i64) -> i64 {
    day(number * 21)
}

fn some_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("B".to_owned()),
        Just("ä%'".to_owned()),
        Just("10".to_owned())
    ]
}

fn some_step() -> impl Strategy<Value = Step> {
    let document = (
        "[a-e]",
        0..6_i64,
        some_text(),
        some_text(),
        some_text(),
        0..12_i64,
    )
        .prop_map(|(id, revision, key, host, value, end)| Document {
            kind: Kind::Result,
            revision,
            body: json!({
                "evaluation_key": key, "host_id": host, "value": value,
                "start_ms": start_of(&id), "end_ms": moment(end),
            }),
            id,
        });
    prop_oneof![
        8 => document.prop_map(Step::Put),
        2 => ("[a-e]", 0..6_i64).prop_map(|(id, revision)| Step::Remove(id, revision)),
        1 => (0..8_i64).prop_map(|number| Step::DeleteBefore(moment(number))),
    ]
}

fn some_filter() -> impl Strategy<Value = Filter> {
    let text_field = prop_oneof![
        Just(Field::EvaluationKey),
        Just(Field::HostId),
        Just(Field::Value)
    ];
    let integer_field = prop_oneof![Just(Field::StartMs), Just(Field::EndMs)];
    let bound = || proptest::option::of((0..12_i64).prop_map(moment));
    prop_oneof![
        (text_field, proptest::collection::vec(some_text(), 0..3))
            .prop_map(|(field, texts)| Filter::In(field, texts)),
        (integer_field, bound(), bound())
            .prop_map(|(field, minimum, maximum)| Filter::Range(field, minimum, maximum)),
    ]
}

fn some_query() -> impl Strategy<Value = Query> {
    let field = (0..Kind::Result.fields().len()).prop_map(|index| Kind::Result.fields()[index]);
    let direction = prop_oneof![Just(Direction::Ascending), Just(Direction::Descending)];
    (
        proptest::collection::vec(some_filter(), 0..3),
        proptest::collection::vec(proptest::collection::vec(some_filter(), 0..3), 0..3),
        proptest::collection::vec((field, direction), 0..3),
        0..4_u64,
        0..6_u64,
    )
        .prop_map(|(all_of, any_of, sort, offset, limit)| Query {
            all_of,
            any_of,
            sort,
            offset,
            limit,
        })
}

async fn apply(documents: &Documents, step: &Step) {
    match step.clone() {
        Step::Put(document) => put(documents, vec![document]).await,
        Step::Remove(id, revision) => remove_of(documents, &id, start_of(&id), revision, 0).await,
        Step::DeleteBefore(before_ms) => {
            documents
                .delete_before(Kind::Result, Field::EndMs, before_ms)
                .await
                .expect("deleted");
        }
    }
}

/// Runs random steps on new stores and asks random queries.
fn answers_as_the_model_does(cases: u32, open: impl AsyncFn() -> Documents) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let input = (
        proptest::collection::vec(some_step(), 0..25),
        proptest::collection::vec(some_query(), 1..6),
    );
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&input, |(steps, queries)| {
            runtime.block_on(async {
                let documents = open().await;
                let mut model = Model::default();
                for step in &steps {
                    apply(&documents, step).await;
                    model.apply(step);
                }
                for query in &queries {
                    prop_assert_eq!(search(&documents, query).await, model.search(query));
                    let counts = documents
                        .count_by(Kind::Result, query, Field::Value)
                        .await
                        .expect("counted");
                    prop_assert_eq!(counts, model.count_by(query, Field::Value));
                }
                documents.close().await;
                Ok(())
            })
        })
        .expect("equal");
}

#[test]
fn sqlite_answers_as_the_model_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = std::cell::Cell::new(0);
    answers_as_the_model_does(64, async || {
        opened.set(opened.get() + 1);
        open_file(&folder.path().join(format!("{}.db", opened.get()))).await
    });
}

#[test]
fn elasticsearch_answers_as_the_model_does() {
    let Some(server) = elasticsearch::Server::given() else {
        return;
    };
    // Every case makes some indices, which takes a while.
    answers_as_the_model_does(12, async || server.open_new().await);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(server.clean_up());
}
