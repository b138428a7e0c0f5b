//! The contract of the document store: what every engine must do alike.

//!
//! With `AOPS_TEST_ELASTICSEARCH_URL` (such as `http://127.0.0.1:9200`) it also runs there, each test in indices of its
//! own.

pub(crate) mod elasticsearch;
mod model;
mod outages;
mod proxy;

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use aops_data_center::documents::retention::pass;
use aops_data_center::documents::{
    Direction, Document, Documents, DocumentsConfig, DocumentsError, Field, Filter, Found, Kind, MAX_ID,
    MAX_VALUES, Query, Removal,
};
use aops_data_center::store::sqlite_url;
use serde_json::{Value, json};

use crate::center::eventually;

/// The whole contract, over a constructor of empty stores.
async fn contract<Open, Opening>(open: Open)
where
    Open: Fn() -> Opening,
    Opening: Future<Output = Documents>,
{
    an_older_or_equal_revision_is_ignored(&open().await).await;
    a_removed_document_stays_removed(&open().await).await;
    removals_and_puts_commute(&open().await).await;
    bodies_come_back_as_they_were(&open().await).await;
    kinds_are_apart(&open().await).await;
    pages_are_stable_and_complete(&open().await).await;
    groups_are_alternatives(&open().await).await;
    thousands_of_groups_are_taken_and_too_many_refused(&open().await).await;
    hostile_texts_are_only_texts(&open().await).await;
    counts_follow_the_query(&open().await).await;
    retention_deletes_what_is_below(&open().await).await;
    wrong_documents_store_nothing(&open().await).await;
    wrong_queries_name_the_field(&open().await).await;
    results_are_found_soon_and_reports_at_once(&open().await).await;
    every_part_of_the_store_is_searched(&open().await).await;
    old_parts_go_and_marks_stay(&open().await).await;
    a_report_is_as_old_as_its_making(&open().await).await;
    tens_of_thousands_are_paged_and_counted(&open().await).await;
    tens_of_thousands_of_texts_are_compared(&open().await).await;
}

fn result(id: &str, revision: i64, host: &str, value: &str, start_ms: i64) -> Document {
    Document {
        kind: Kind::Result,
        id: id.to_owned(),
        revision,
        body: json!({
            "evaluation_key": "key", "host_id": host, "value": value, "start_ms": start_ms, "end_ms": start_ms + 10,
        }),
    }
}

fn everything() -> Query {
    Query {
        limit: 1_000,
        ..Query::default()
    }
}

fn one_of(field: Field, texts: &[&str]) -> Filter {
    Filter::In(field, texts.iter().map(|text| (*text).to_owned()).collect())
}

/// Stored, and found from now on.
async fn put(documents: &Documents, new: Vec<Document>) {
    let refused = documents.put(new).await.expect("stored");
    assert_eq!(refused, []);
    documents.refresh(Kind::Result).await.expect("refreshed");
}

async fn search(documents: &Documents, query: &Query) -> Found {
    documents.search(Kind::Result, query).await.expect("searched")
}

async fn get(documents: &Documents, id: &str) -> Option<Document> {
    let mut found = documents.get(Kind::Result, &[id.to_owned()]).await.expect("read");
    assert!(found.len() <= 1);
    found.pop()
}

fn ids(found: &Found) -> Vec<&str> {
    found
        .documents
        .iter()
        .map(|document| document.id.as_str())
        .collect()
}

async fn thousands_of_groups_are_taken_and_too_many_refused(documents: &Documents) {
    let new = (0..20).map(|number| result(&format!("{number:02}"), 1, &format!("h{number}"), "x", 0));
    put(documents, new.collect()).await;
    let asking = |groups: usize| {
        let group = |number: usize| {
            vec![
                one_of(Field::HostId, &[&format!("h{}", number + 10)]),
                Filter::Range(Field::StartMs, Some(0), Some(1)),
            ]
        };
        Query {
            any_of: (0..groups).map(group).collect(),
            ..everything()
        }
    };
    assert_eq!(search(documents, &asking(5_000)).await.total, 10);
    let beyond = documents.search(Kind::Result, &asking(MAX_VALUES / 3 + 1)).await;
    assert!(
        matches!(beyond, Err(DocumentsError::TooWide { values }) if values > MAX_VALUES),
        "{beyond:?}"
    );
}

async fn an_older_or_equal_revision_is_ignored(documents: &Documents) {
    put(documents, vec![result("a", 5, "h", "first", 0)]).await;
    put(documents, vec![result("a", 5, "h", "equal", 0)]).await;
    put(documents, vec![result("a", 4, "h", "older", 0)]).await;
    assert_eq!(get(documents, "a").await, Some(result("a", 5, "h", "first", 0)));
    put(documents, vec![result("a", 6, "g", "newer", 3)]).await;
    assert_eq!(get(documents, "a").await, Some(result("a", 6, "g", "newer", 3)));
    let by_old_host = Query {
        all_of: vec![one_of(Field::HostId, &["h"])],
        ..everything()
    };
    assert_eq!(search(documents, &by_old_host).await.total, 0);
}

/// Of a document that starts at the epoch.
async fn remove(documents: &Documents, id: &str, revision: i64, now_ms: i64) {
    remove_of(documents, id, 0, revision, now_ms).await;
}

async fn remove_of(documents: &Documents, id: &str, partition_ms: i64, revision: i64, now_ms: i64) {
    let removal = Removal {
        id: id.to_owned(),
        revision,
        partition_ms,
    };
    documents
        .remove(Kind::Result, vec![removal], now_ms)
        .await
        .expect("removed");
    documents.refresh(Kind::Result).await.expect("refreshed");
}

async fn a_removed_document_stays_removed(documents: &Documents) {
    put(
        documents,
        vec![result("a", 1, "h", "x", 0), result("b", 1, "h", "x", 0)],
    )
    .await;
    remove(documents, "a", 2, 100).await;
    assert_eq!(get(documents, "a").await, None);
    assert_eq!(ids(&search(documents, &everything()).await), ["b"]);

    put(documents, vec![result("a", 2, "h", "late", 0)]).await;
    assert_eq!(get(documents, "a").await, None, "older puts that come late");
    let trimmed = documents.trim_removed(Kind::Result, 100).await.expect("trimmed");
    assert_eq!(trimmed, 0, "made at 100, so not before");
    put(documents, vec![result("a", 3, "h", "again", 0)]).await;
    assert_eq!(get(documents, "a").await, Some(result("a", 3, "h", "again", 0)));

    remove(documents, "a", 4, 200).await;
    let trimmed = documents.trim_removed(Kind::Result, 201).await.expect("trimmed");
    assert_eq!(trimmed, 1);
    put(documents, vec![result("a", 1, "h", "forgotten", 0)]).await;
    assert!(get(documents, "a").await.is_some(), "the mark is gone");
    assert!(get(documents, "b").await.is_some(), "what lives is not trimmed");
}

async fn removals_and_puts_commute(documents: &Documents) {
    remove(documents, "unseen", 7, 0).await;
    put(documents, vec![result("unseen", 7, "h", "x", 0)]).await;
    assert_eq!(get(documents, "unseen").await, None);
    put(documents, vec![result("seen", 7, "h", "x", 0)]).await;
    remove(documents, "seen", 7, 0).await;
    assert_eq!(get(documents, "seen").await, None);
    put(documents, vec![result("newer", 8, "h", "x", 0)]).await;
    remove(documents, "newer", 7, 0).await;
    assert!(get(documents, "newer").await.is_some());
}

async fn bodies_come_back_as_they_were(documents: &Documents) {
    let mut document = result("a", 1, "主机 \"1\"", "x'; --", i64::MIN);
    document.body["nested"] = json!({"z": [1, 2.5, null, true], "a": "\u{0001}\n", "big": u64::MAX});
    document.body["end_ms"] = json!(i64::MAX);
    put(documents, vec![document.clone()]).await;
    assert_eq!(get(documents, "a").await, Some(document.clone()));
    assert_eq!(search(documents, &everything()).await.documents, [document]);
    let none = documents.get(Kind::Result, &[]).await.expect("read");
    assert_eq!(none, []);
}

fn report(id: &str) -> Document {
    Document {
        kind: Kind::Report,
        id: id.to_owned(),
        revision: 1,
        body: json!({
            "task_id": "t", "owner": "o", "host_id": "h", "tree_name": "n", "start_ms": 1, "end_ms": 2,
            "created_ms": 3, "report": {},
        }),
    }
}

async fn kinds_are_apart(documents: &Documents) {
    let report = report("a");
    put(documents, vec![result("a", 9, "h", "x", 0), report.clone()]).await;
    remove(documents, "a", 9, 0).await;
    let query = Query {
        all_of: vec![one_of(Field::TaskId, &["t"]), one_of(Field::Owner, &["o", "p"])],
        ..everything()
    };
    let found = documents.search(Kind::Report, &query).await.expect("searched");
    assert_eq!(found.documents, [report]);
}

async fn pages_are_stable_and_complete(documents: &Documents) {
    let many = (0..25)
        .map(|number| result(&format!("{number:02}"), 1, "h", "x", number % 3))
        .collect();
    put(documents, many).await;
    let mut seen = Vec::new();
    for page in 0..4 {
        let query = Query {
            sort: vec![(Field::StartMs, Direction::Descending)],
            offset: page * 8,
            limit: 8,
            ..Query::default()
        };
        let found = search(documents, &query).await;
        assert_eq!(found.total, 25);
        seen.extend(found.documents);
    }
    let order: Vec<(i64, String)> = seen
        .iter()
        .map(|document| {
            (
                -document.body["start_ms"].as_i64().expect("integer"),
                document.id.clone(),
            )
        })
        .collect();
    let mut sorted = order.clone();
    sorted.sort();
    assert_eq!(order, sorted, "by the field downward, equal ones by id upward");
    assert_eq!(seen.len(), 25);
    let nothing = search(documents, &Query::default()).await;
    assert_eq!(
        (nothing.total, nothing.documents.len()),
        (25, 0),
        "a limit of 0 only counts"
    );
}

async fn groups_are_alternatives(documents: &Documents) {
    put(
        documents,
        vec![
            result("a", 1, "h1", "Abnormal", 0),
            result("b", 1, "h1", "No data", 10),
            result("c", 1, "h2", "Abnormal", 20),
            result("d", 1, "h3", "Abnormal", 30),
        ],
    )
    .await;
    let either = Query {
        any_of: vec![
            vec![one_of(Field::HostId, &["h1"]), one_of(Field::Value, &["No data"])],
            vec![Filter::Range(Field::StartMs, Some(20), Some(30))],
        ],
        ..everything()
    };
    assert_eq!(ids(&search(documents, &either).await), ["b", "c"]);
    let both = Query {
        all_of: vec![one_of(Field::Value, &["Abnormal"])],
        ..either
    };
    assert_eq!(ids(&search(documents, &both).await), ["c"]);
    let nobody = Query {
        all_of: vec![one_of(Field::HostId, &[])],
        ..everything()
    };
    assert_eq!(search(documents, &nobody).await.total, 0);
    let whatever = Query {
        any_of: vec![vec![]],
        ..everything()
    };
    assert_eq!(
        search(documents, &whatever).await.total,
        4,
        "an empty group holds"
    );
}

async fn hostile_texts_are_only_texts(documents: &Documents) {
    let hostile = ["' OR 1=1 --", "\"", "%", "*", "null", "1", "\\", "[\"a\"]", ""];
    let many = hostile
        .iter()
        .map(|text| result(&format!("id {text}"), 1, text, "x", 0))
        .collect();
    put(documents, many).await;
    for text in hostile {
        let query = Query {
            all_of: vec![one_of(Field::HostId, &[text])],
            ..everything()
        };
        assert_eq!(ids(&search(documents, &query).await), [format!("id {text}")]);
        assert!(get(documents, &format!("id {text}")).await.is_some());
    }
}

async fn counts_follow_the_query(documents: &Documents) {
    let many = (0..30)
        .map(|number| result(&format!("{number}"), 1, &format!("h{}", number % 4), "x", number))
        .collect();
    put(documents, many).await;
    remove(documents, "0", 2, 0).await;
    let query = Query {
        all_of: vec![Filter::Range(Field::StartMs, None, Some(8))],
        offset: 3,
        limit: 1,
        ..Query::default()
    };
    let counts = documents
        .count_by(Kind::Result, &query, Field::HostId)
        .await
        .expect("counted");
    let expected = [("h0", 1), ("h1", 2), ("h2", 2), ("h3", 2)].map(|(host, count)| (host.to_owned(), count));
    assert_eq!(counts, expected);
}

async fn retention_deletes_what_is_below(documents: &Documents) {
    put(
        documents,
        vec![
            result("a", 1, "h", "x", 0),
            result("b", 1, "h", "x", 5),
            result("c", 1, "h", "x", 6),
        ],
    )
    .await;
    let delete = |before_ms| documents.delete_before(Kind::Result, Field::EndMs, before_ms);
    assert_eq!(delete(15).await.expect("deleted"), 1);
    assert_eq!(ids(&search(documents, &everything()).await), ["b", "c"]);
    assert_eq!(delete(i64::MAX).await.expect("deleted"), 2);
}

async fn wrong_documents_store_nothing(documents: &Documents) {
    let mut without_host = result("b", 1, "h", "x", 0);
    without_host
        .body
        .as_object_mut()
        .expect("an object")
        .remove("host_id");
    let mut fraction = result("b", 1, "h", "x", 0);
    fraction.body["end_ms"] = json!(0.5);
    let mut no_object = result("b", 1, "h", "x", 0);
    no_object.body = Value::Null;
    for id in [String::new(), "x".repeat(MAX_ID + 1)] {
        let refusal = documents
            .put(vec![result("a", 1, "h", "x", 0), result(&id, 1, "h", "x", 0)])
            .await;
        assert!(
            matches!(refusal, Err(DocumentsError::IdLength { .. })),
            "{refusal:?}"
        );
    }
    for wrong in [without_host, fraction, no_object] {
        let refusal = documents.put(vec![result("a", 1, "h", "x", 0), wrong]).await;
        let Err(DocumentsError::MissingField { id, .. }) = refusal else {
            panic!("{refusal:?}");
        };
        assert_eq!(id, "b");
    }
    assert_eq!(search(documents, &everything()).await.total, 0);
}

async fn wrong_queries_name_the_field(documents: &Documents) {
    let queries = [
        Query {
            all_of: vec![one_of(Field::Owner, &["o"])],
            ..everything()
        },
        Query {
            any_of: vec![vec![Filter::Range(Field::HostId, None, None)]],
            ..everything()
        },
        Query {
            sort: vec![(Field::TaskId, Direction::Ascending)],
            ..everything()
        },
    ];
    for query in queries {
        let refusal = documents.search(Kind::Result, &query).await;
        assert!(
            matches!(refusal, Err(DocumentsError::NoSuchField { .. })),
            "{refusal:?}"
        );
    }
    let refusal = documents
        .count_by(Kind::Result, &everything(), Field::StartMs)
        .await
        .expect_err("an integer");
    assert!(refusal.to_string().contains("'start_ms'"), "{refusal}");
}

async fn results_are_found_soon_and_reports_at_once(documents: &Documents) {
    documents.put(vec![report("a")]).await.expect("stored");
    let listed = documents
        .search(Kind::Report, &everything())
        .await
        .expect("searched");
    assert_eq!(ids(&listed), ["a"]);
    documents.put(vec![report("b")]).await.expect("stored");
    let read = documents
        .get(Kind::Report, &["b".to_owned()])
        .await
        .expect("read");
    assert_eq!(read, [report("b")]);
    let removal = Removal {
        id: "a".to_owned(),
        revision: 1,
        partition_ms: 1,
    };
    documents
        .remove(Kind::Report, vec![removal], 0)
        .await
        .expect("removed");
    let listed = documents
        .search(Kind::Report, &everything())
        .await
        .expect("searched");
    assert_eq!(ids(&listed), ["b"]);

    documents
        .put(vec![result("a", 1, "h", "x", 0)])
        .await
        .expect("stored");
    let query = everything();
    eventually(
        async || search(documents, &query).await.total,
        |total| *total == 1,
    )
    .await;
}

/// The first day of a year, and some days later.
fn day(number: i64) -> i64 {
    1_767_225_600_000 + number * 86_400_000
}

async fn every_part_of_the_store_is_searched(documents: &Documents) {
    let many = (0..12).map(|month| result(&format!("{month:02}"), 1, "h", "x", day(month * 31)));
    put(documents, many.collect()).await;
    let query = Query {
        sort: vec![(Field::StartMs, Direction::Descending)],
        offset: 3,
        limit: 4,
        ..Query::default()
    };
    let found = search(documents, &query).await;
    assert_eq!((found.total, ids(&found)), (12, vec!["08", "07", "06", "05"]));
    remove_of(documents, "07", day(7 * 31), 2, 0).await;
    remove_of(documents, "12", day(12 * 31), 2, 0).await;
    put(documents, vec![result("12", 1, "h", "late", day(12 * 31))]).await;
    let wanted = ["00", "07", "11", "12"].map(str::to_owned);
    let read = documents.get(Kind::Result, &wanted).await.expect("read");
    let read: BTreeSet<&str> = read.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(read, BTreeSet::from(["00", "11"]));
    let counted = documents
        .count_by(Kind::Result, &query, Field::HostId)
        .await
        .expect("counted");
    assert_eq!(counted, [("h".to_owned(), 11)]);
}

async fn old_parts_go_and_marks_stay(documents: &Documents) {
    let mut long = result("long", 1, "h", "x", day(0));
    long.body["end_ms"] = json!(day(300));
    let many = (0..6).map(|month| result(&format!("{month}"), 1, "h", "x", day(month * 31)));
    put(documents, many.chain([long]).collect()).await;
    remove_of(documents, "gone", day(35), 5, 1_000).await;

    let before = |before_ms| documents.delete_before(Kind::Result, Field::EndMs, before_ms);
    assert_eq!(before(day(100)).await.expect("deleted"), 4, "0, 31, 62, 93");
    documents.refresh(Kind::Result).await.expect("refreshed");
    assert_eq!(ids(&search(documents, &everything()).await), ["4", "5", "long"]);
    put(documents, vec![result("gone", 5, "h", "late", day(35))]).await;
    assert_eq!(get(documents, "gone").await, None, "the mark has stayed");
    assert_eq!(
        documents
            .trim_removed(Kind::Result, 1_001)
            .await
            .expect("trimmed"),
        1
    );
    put(
        documents,
        vec![
            result("gone", 1, "h", "again", day(35)),
            result("2", 1, "h", "again", day(62)),
        ],
    )
    .await;
    assert_eq!(
        ids(&search(documents, &everything()).await),
        ["2", "4", "5", "gone", "long"],
        "what retention deleted is forgotten"
    );
    assert_eq!(before(day(400)).await.expect("deleted"), 5);
}

#[tokio::test]
async fn a_file_from_before_reports_said_when_they_were_made_is_upgraded() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("documents.db");
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&sqlite_url(&file)).await.expect("a file");
    let columns = "id TEXT PRIMARY KEY, revision INTEGER NOT NULL, removed_ms INTEGER, task_id TEXT, owner TEXT, \
                   host_id TEXT, tree_name TEXT, start_ms INTEGER, end_ms INTEGER, body TEXT";
    let older = format!(
        "CREATE TABLE result (id TEXT PRIMARY KEY, revision INTEGER NOT NULL, removed_ms INTEGER, evaluation_key TEXT,
             host_id TEXT, value TEXT, start_ms INTEGER, end_ms INTEGER, body TEXT) WITHOUT ROWID;
         CREATE INDEX result_key_host ON result (evaluation_key, host_id, start_ms);
         CREATE INDEX result_start ON result (start_ms);
         CREATE TABLE report ({columns}) WITHOUT ROWID;
         INSERT INTO report VALUES ('a', 1, NULL, 't', 'o', 'h', 'n', 1, 2, '{{\"end_ms\": 2}}');
         INSERT INTO report (id, revision, removed_ms) VALUES ('b', 1, 5);
         PRAGMA user_version = 1;"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(older))
        .execute(&pool)
        .await
        .expect("made");
    pool.close().await;
    let documents = open_file(&file).await;
    let ids = ["a", "b"].map(str::to_owned);
    let found = documents.get(Kind::Report, &ids).await.expect("read");
    assert_eq!(found.len(), 1, "a mark stays a mark");
    assert_eq!(found[0].body, json!({ "end_ms": 2, "created_ms": 2 }));
    let before = |before_ms| documents.delete_before(Kind::Report, Field::CreatedMs, before_ms);
    assert_eq!(before(2).await.expect("asked"), 0);
    assert_eq!(before(3).await.expect("deleted"), 1);
}

/// A diagnosis may be about a time that is longer ago than reports are kept.
async fn a_report_is_as_old_as_its_making(documents: &Documents) {
    let made = |id: &str, created_ms| {
        let mut made = report(id);
        made.body["created_ms"] = json!(created_ms);
        made
    };
    let mut about_now = made("old", day(1));
    about_now.body["end_ms"] = json!(day(400));
    put(documents, vec![about_now, made("new", day(399))]).await;
    let day_long = Duration::from_secs(86_400);
    let (deleted, _) = pass(documents, Kind::Report, 90 * day_long, day(400))
        .await
        .expect("deleted");
    assert_eq!(deleted, 1);
    let left = documents
        .search(Kind::Report, &everything())
        .await
        .expect("searched");
    assert_eq!(ids(&left), ["new"], "it is about the year 1970");
}

async fn tens_of_thousands_are_paged_and_counted(documents: &Documents) {
    const MANY: i64 = 25_000;
    // Half of them at one moment, as windows of a large fleet are.
    let start_ms = |number: i64| {
        if number % 2 == 0 {
            5_000_000
        } else {
            number * 1_000
        }
    };
    let many = (0..MANY).map(|number| {
        result(
            &format!("{number:05}"),
            1,
            &format!("h{:05}", number % 11_000),
            "x",
            start_ms(number),
        )
    });
    put(documents, many.collect()).await;
    let mut order: Vec<(i64, String)> = (0..MANY)
        .map(|number| (start_ms(number), format!("{number:05}")))
        .collect();
    order.sort();
    let ids_at = |order: &[(i64, String)], offset: usize, limit: usize| -> Vec<String> {
        let page = order.iter().skip(offset).take(limit);
        page.map(|(_, id)| id.clone()).collect()
    };
    let page = async |direction, offset: usize, limit: usize| {
        let query = Query {
            sort: vec![(Field::StartMs, direction)],
            offset: offset as u64,
            limit: limit as u64,
            ..Query::default()
        };
        let found = search(documents, &query).await;
        assert_eq!(found.total, MANY as u64);
        found
            .documents
            .into_iter()
            .map(|document| document.id)
            .collect::<Vec<_>>()
    };
    let mut reversed: Vec<(i64, String)> = order.clone();
    reversed.sort_by(|(left, left_id), (right, right_id)| right.cmp(left).then(left_id.cmp(right_id)));
    for offset in [0, 2_490, 9_990, 10_000, 12_345, 20_000, 24_995, 25_000, 30_000] {
        assert_eq!(
            page(Direction::Ascending, offset, 10).await,
            ids_at(&order, offset, 10),
            "{offset}"
        );
        assert_eq!(
            page(Direction::Descending, offset, 10).await,
            ids_at(&reversed, offset, 10),
            "{offset}"
        );
    }
    assert_eq!(
        page(Direction::Ascending, 4, 30_000).await,
        ids_at(&order, 4, 30_000)
    );
    let by_host = Query {
        sort: vec![(Field::HostId, Direction::Descending)],
        offset: 12_000,
        limit: 1,
        ..Query::default()
    };
    let mut hosts: Vec<String> = (0..MANY)
        .map(|number| format!("h{:05}", number % 11_000))
        .collect();
    hosts.sort();
    let found = search(documents, &by_host).await.documents;
    assert_eq!(found[0].body["host_id"], hosts[hosts.len() - 1 - 12_000]);

    let counts = documents
        .count_by(Kind::Result, &Query::default(), Field::HostId)
        .await
        .expect("counted");
    assert_eq!(counts.len(), 11_000);
    assert!(counts.is_sorted());
    assert_eq!(counts[0], ("h00000".to_owned(), 3));
    assert_eq!(counts[10_999], ("h10999".to_owned(), 2));
}

async fn tens_of_thousands_of_texts_are_compared(documents: &Documents) {
    put(
        documents,
        vec![result("a", 1, "h0", "x", 0), result("b", 1, "h69999", "x", 0)],
    )
    .await;
    let query = Query {
        all_of: vec![Filter::In(
            Field::HostId,
            (0..70_000).map(|number| format!("h{number}")).collect(),
        )],
        ..everything()
    };
    assert_eq!(ids(&search(documents, &query).await), ["a", "b"]);
}

async fn open_file(path: &std::path::Path) -> Documents {
    Documents::open(&DocumentsConfig::default(), path)
        .await
        .expect("opened")
}

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = std::cell::Cell::new(0);
    contract(|| {
        opened.set(opened.get() + 1);
        let path = folder.path().join(format!("documents-{}.db", opened.get()));
        async move { open_file(&path).await }
    })
    .await;
}

#[tokio::test]
async fn elasticsearch_keeps_the_contract() {
    let Some(server) = elasticsearch::Server::given() else {
        return;
    };
    contract(|| async { server.open_new().await }).await;
    server.clean_up().await;
}

async fn documents_are_kept_over_a_restart(open: impl AsyncFn() -> Documents) {
    let documents = open().await;
    put(
        &documents,
        vec![result("a", 1, "h", "x", 0), result("b", 1, "h", "x", 0)],
    )
    .await;
    remove(&documents, "b", 2, 0).await;
    documents.close().await;
    drop(documents);
    let documents = open().await;
    put(&documents, vec![result("b", 1, "h", "late", 0)]).await;
    assert_eq!(ids(&search(&documents, &everything()).await), ["a"]);
}

#[tokio::test]
async fn sqlite_keeps_documents_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("documents.db");
    documents_are_kept_over_a_restart(async || open_file(&path).await).await;
}

#[tokio::test]
async fn elasticsearch_keeps_documents_over_a_restart() {
    let Some(server) = elasticsearch::Server::given() else {
        return;
    };
    let config = server.new_config();
    documents_are_kept_over_a_restart(async || elasticsearch::open(&config).await).await;
    server.clean_up().await;
}
