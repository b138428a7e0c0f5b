//! Elasticsearch away, slow, full, overloaded, or half there; and indices of other releases.

use std::time::Duration;

use aops_api::Code;
use aops_api::code::Empty;
use aops_api::result::ResultGetRequest;
use aops_data_center::documents::{
    Direction, Documents, DocumentsConfig, DocumentsError, Field, Kind, Query,
};
use aops_data_center::elasticsearch::{ElasticsearchConfig, ElasticsearchError};
use aops_data_center::feeder;
use serde_json::{Value, json};

use super::elasticsearch::{Server, open};
use super::proxy::{Asked, Proxy, Verdict, free_address};
use super::{day, everything, get, ids, open_file, put, report, result, search};
use crate::backend::Backend;
use crate::center::{Center, config, eventually, refused};
use crate::routes::check::{register, save, window};
use crate::tables::rule;

/// Through the proxy, with little patience.
fn config_through(proxy_url: &str, server: &Server) -> ElasticsearchConfig {
    ElasticsearchConfig {
        urls: vec![proxy_url.to_owned()],
        request_timeout: Duration::from_secs(10),
        ..server.new_config()
    }
}

fn outage(outcome: Result<impl std::fmt::Debug, DocumentsError>) -> ElasticsearchError {
    let error = outcome.expect_err("an outage");
    assert!(error.is_outage(), "{error:?}");
    match error {
        DocumentsError::Elasticsearch(error) => error,
        other => panic!("{other:?}"),
    }
}

async fn put_one(documents: &Documents, id: &str) -> Result<(), DocumentsError> {
    let refused = documents.put(vec![result(id, 1, "h", "x", 0)]).await?;
    assert_eq!(refused, []);
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_away_fails_calls_and_is_prepared_when_it_comes() {
    let Some(server) = Server::given() else {
        return;
    };
    let address = free_address();
    let documents = open(&config_through(&format!("http://{address}"), &server)).await;
    let error = outage(put_one(&documents, "a").await);
    assert!(
        matches!(error, ElasticsearchError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(error.to_string().contains(&address.to_string()), "{error}");
    outage(documents.search(Kind::Result, &everything()).await);

    for id in ["a", "b"] {
        let proxy = Proxy::start_at(address, &server.url);
        eventually(async || put_one(&documents, id).await, Result::is_ok)
            .await
            .expect("stored");
        assert!(
            proxy.asked("_index_template").len() >= Kind::ALL.len(),
            "it may have come back empty: prepared each time"
        );
        proxy.stop().await;
        let error = outage(put_one(&documents, "c").await);
        assert!(
            matches!(error, ElasticsearchError::Unreachable { .. }),
            "{error:?}"
        );
    }
    server.clean_up().await;
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let Some(server) = Server::given() else {
        return;
    };
    let proxy = Proxy::start(&server.url);
    proxy.play(|_| Verdict::Hang);
    let config = ElasticsearchConfig {
        request_timeout: Duration::from_millis(200),
        ..config_through(&proxy.url, &server)
    };
    let documents = open(&config).await;
    let refusal = documents
        .search(Kind::Result, &everything())
        .await
        .expect_err("hangs");
    assert!(refusal.is_outage(), "{refusal:?}");
    proxy.play(|_| Verdict::Forward);
    eventually(
        async || documents.search(Kind::Result, &everything()).await,
        Result::is_ok,
    )
    .await
    .expect("searched");
    proxy.play(|_| Verdict::Hang);
    for outcome in [
        documents.search(Kind::Report, &everything()).await.map(drop),
        documents.get(Kind::Report, &["a".to_owned()]).await.map(drop),
        documents
            .count_by(Kind::Result, &everything(), Field::HostId)
            .await
            .map(drop),
        put_one(&documents, "a").await,
    ] {
        let error = outage(outcome);
        assert!(matches!(error, ElasticsearchError::TimedOut { .. }), "{error:?}");
    }
    server.clean_up().await;
}

/// What a server says of a store with a million results, of which it gives none: every page is to be looked for, every
/// count has more to come.
fn endless() -> Value {
    let bucket = |number: usize| json!({ "key": { "text": format!("{number:05}") }, "doc_count": 1 });
    json!({
        "id": "moment", "pit_id": "moment",
        "hits": { "total": { "value": 1_000_000 }, "hits": [] },
        "aggregations": {
            "least": { "value": 0 }, "most": { "value": 1_000_000 },
            "ranges": { "buckets": [{ "key": 0, "doc_count": 1_000_000 }] },
            "by": { "buckets": (0..10_000).map(bucket).collect::<Vec<_>>() },
        },
    })
}

/// Each request is answered in time; all of them together are not.
#[tokio::test]
async fn a_call_of_many_requests_ends_in_the_time_of_one() {
    const LIMIT: Duration = Duration::from_millis(1_500);
    let Some(server) = Server::given() else {
        return;
    };
    let proxy = Proxy::start(&server.url);
    let config = ElasticsearchConfig {
        request_timeout: LIMIT,
        ..config_through(&proxy.url, &server)
    };
    let documents = open(&config).await;
    eventually(
        async || documents.search(Kind::Result, &everything()).await,
        Result::is_ok,
    )
    .await
    .expect("prepared");
    proxy.play(
        |asked| match asked.path.contains("_search") || asked.path.contains("_pit") {
            true => Verdict::Late(LIMIT / 3, endless()),
            false => Verdict::Forward,
        },
    );
    let deep = Query {
        sort: vec![(Field::StartMs, Direction::Descending)],
        offset: 500_000,
        limit: 50,
        ..Query::default()
    };
    let at_once = Query {
        limit: 0,
        ..Query::default()
    };
    let outcomes = [
        documents.search(Kind::Result, &deep).await.map(drop),
        documents
            .count_by(Kind::Result, &Query::default(), Field::HostId)
            .await
            .map(drop),
        // A request of a user that asks for one small thing after another.
        async {
            let documents = documents.for_request();
            loop {
                documents.search(Kind::Result, &at_once).await?;
            }
        }
        .await,
    ];
    for outcome in outcomes {
        let error = outage(outcome);
        assert!(matches!(error, ElasticsearchError::TimedOut { .. }), "{error:?}");
        assert!(error.to_string().contains("within 1.5s"), "{error}");
    }
    // What was opened by the page that was given up is closed all the same.
    eventually(
        async || {
            proxy
                .asked("_pit")
                .iter()
                .filter(|asked| asked.method == "DELETE")
                .count()
        },
        |closed| *closed == 1,
    )
    .await;
    proxy.play(|_| Verdict::Forward);
    documents
        .search(Kind::Result, &everything())
        .await
        .expect("searched");
    server.clean_up().await;
}

#[tokio::test]
async fn half_an_answer_is_an_error() {
    let Some(server) = Server::given() else {
        return;
    };
    let proxy = Proxy::start(&server.url);
    let documents = open(&config_through(&proxy.url, &server)).await;
    put(&documents, vec![result("a", 1, "h", "x", 0)]).await;
    proxy.play(|asked| {
        if asked.path.contains("_search") {
            return Verdict::Changed(|answer| answer["_shards"]["failed"] = json!(1));
        }
        Verdict::Forward
    });
    let unavailable = |error: ElasticsearchError| {
        assert!(
            matches!(error, ElasticsearchError::Unavailable { .. }),
            "{error:?}"
        );
    };
    unavailable(outage(documents.search(Kind::Result, &everything()).await));
    unavailable(outage(documents.get(Kind::Result, &["a".to_owned()]).await));
    unavailable(outage(
        documents
            .count_by(Kind::Result, &everything(), Field::HostId)
            .await,
    ));
    let deep = Query {
        offset: 20_000,
        ..everything()
    };
    unavailable(outage(documents.search(Kind::Result, &deep).await));
    unavailable(outage(
        documents
            .delete_before(Kind::Result, Field::EndMs, i64::MAX)
            .await,
    ));
    proxy.play(|_| Verdict::Forward);
    assert!(
        get(&documents, "a").await.is_some(),
        "nothing was deleted on half an answer"
    );
    server.clean_up().await;
}

fn is_bulk(asked: &Asked) -> bool {
    asked.path.starts_with("/_bulk")
}

#[tokio::test]
async fn only_what_was_turned_away_is_sent_again() {
    let Some(server) = Server::given() else {
        return;
    };
    let proxy = Proxy::start(&server.url);
    let documents = open(&config_through(&proxy.url, &server)).await;
    proxy.play(|asked| {
        if is_bulk(asked) && asked.body.contains("first of three") {
            return Verdict::Instead(200, busy_items());
        }
        Verdict::Forward
    });
    let of_three = ["first of three", "second", "third"].map(|id| result(id, 1, "h", "x", 0));
    put(&documents, of_three.to_vec()).await;
    let sent = proxy.asked("/_bulk");
    assert_eq!(sent.len(), 2, "{sent:?}");
    let again = &sent[1].body;
    assert!(again.contains("second") && again.contains("third") && !again.contains("first of three"));
    assert_eq!(ids(&search(&documents, &everything()).await), ["second", "third"]);

    let busy = json!({ "error": { "type": "es_rejected_execution_exception", "reason": "queue full" } });
    proxy.play(move |asked| match is_bulk(asked) {
        true => Verdict::Instead(429, busy.clone()),
        false => Verdict::Forward,
    });
    let before = proxy.asked("/_bulk").len();
    let error = outage(put_one(&documents, "a").await);
    assert!(
        matches!(error, ElasticsearchError::Overloaded { .. }),
        "{error:?}"
    );
    assert_eq!(proxy.asked("/_bulk").len() - before, 3, "attempts are bounded");
    server.clean_up().await;
}

/// The first was stored, or so the server says; the others are to come again.
fn busy_items() -> Value {
    let busy =
        |status, kind| json!({ "index": { "status": status, "error": { "type": kind, "reason": "busy" } } });
    json!({
        "errors": true,
        "items": [
            { "index": { "status": 201 } },
            busy(429, "es_rejected_execution_exception"),
            busy(503, "unavailable_shards_exception"),
        ],
    })
}

#[tokio::test]
async fn a_full_disk_stops_writes_and_nothing_else() {
    let Some(server) = Server::given() else {
        return;
    };
    let config = server.new_config();
    let documents = open(&config).await;
    put(&documents, vec![result("a", 1, "h", "x", 0), report("r")]).await;
    let block = async |value: Value| {
        for index in server.indices(&config.index_prefix).await {
            let body = json!({ "index.blocks.read_only_allow_delete": value }).to_string();
            server.send("PUT", &format!("/{index}/_settings"), &body).await;
        }
    };
    block(json!(true)).await;
    let error = outage(put_one(&documents, "b").await);
    assert!(matches!(error, ElasticsearchError::Blocked { .. }), "{error:?}");
    assert!(error.to_string().contains("free disk space"), "{error}");
    assert!(get(&documents, "a").await.is_some());
    assert_eq!(
        documents
            .search(Kind::Report, &everything())
            .await
            .expect("searched")
            .total,
        1
    );
    // A data center that starts now can read, too.
    let started = open(&config).await;
    assert!(get(&started, "a").await.is_some());
    block(Value::Null).await;
    put_one(&documents, "b").await.expect("stored");
    server.clean_up().await;
}

#[tokio::test]
async fn a_document_that_is_refused_does_not_hold_up_the_others() {
    let Some(server) = Server::given() else {
        return;
    };
    let documents = open(&server.new_config()).await;
    // Longer than a term can be.
    let long = "h".repeat(40_000);
    let refused = documents
        .put(vec![
            result("a", 1, "h", "x", 0),
            result("b", 1, &long, "x", 0),
            result("c", 1, "h", "x", 0),
        ])
        .await
        .expect("the others are stored");
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].id, "b");
    assert!(
        refused[0].reason.contains("immense term"),
        "{}",
        refused[0].reason
    );
    documents.refresh(Kind::Result).await.expect("refreshed");
    assert_eq!(ids(&search(&documents, &everything()).await), ["a", "c"]);

    feed_with_one_bad(&documents, &long).await;
    server.clean_up().await;
}

#[tokio::test]
async fn a_change_that_cannot_be_read_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let documents = open_file(&folder.path().join("documents.db")).await;
    let backend = Backend::sqlite();
    let tables = backend.open().await;
    backend.run(&outbox_row("bad", "{")).await;
    backend.run(&outbox_row("good", &body("h"))).await;
    assert_eq!(feeder::feed(&tables, &documents, 100, 7).await.expect("fed"), 2);
    assert_eq!(tables.outbox(100).await.expect("read"), []);
    assert_eq!(tables.count_set_aside().await.expect("counted"), 1);
    assert_eq!(ids(&search(&documents, &everything()).await), ["good"]);
}

async fn feed_with_one_bad(documents: &Documents, long: &str) {
    let backend = Backend::sqlite();
    let tables = backend.open().await;
    for (id, host) in [("d", "h"), ("e", long), ("f", "h")] {
        backend.run(&outbox_row(id, &body(host))).await;
    }
    assert_eq!(feeder::feed(&tables, documents, 100, 7).await.expect("fed"), 3);
    assert_eq!(feeder::feed(&tables, documents, 100, 7).await.expect("fed"), 0);
    assert_eq!(tables.count_set_aside().await.expect("counted"), 1);
    documents.refresh(Kind::Result).await.expect("refreshed");
    assert_eq!(ids(&search(documents, &everything()).await), ["a", "c", "d", "f"]);
}

fn body(host: &str) -> String {
    json!({ "evaluation_key": "k", "host_id": host, "value": "x", "start_ms": 0, "end_ms": 1 }).to_string()
}

fn outbox_row(id: &str, body: &str) -> String {
    format!(
        "INSERT INTO outbox (kind, document_id, revision, transition, body, created_ms) \
         VALUES ('result', '{id}', 1, 'opened', '{body}', 0)"
    )
}

#[tokio::test]
async fn a_block_that_retention_left_behind_is_lifted() {
    let Some(server) = Server::given() else {
        return;
    };
    let config = server.new_config();
    let documents = open(&config).await;
    put(
        &documents,
        vec![result("a", 1, "h", "x", day(0)), result("b", 1, "h", "x", day(1))],
    )
    .await;
    let index = format!("{}-result-v2-2026.01", config.index_prefix);
    let block = json!({ "index.blocks.write": true }).to_string();
    server.send("PUT", &format!("/{index}/_settings"), &block).await;
    let blocked = outage(documents.put(vec![result("c", 1, "h", "x", day(2))]).await);
    assert!(
        matches!(blocked, ElasticsearchError::Blocked { .. }),
        "{blocked:?}"
    );
    let deleted = documents.delete_before(Kind::Result, Field::EndMs, day(1)).await;
    assert_eq!(deleted.expect("deleted"), 1);
    put(&documents, vec![result("c", 1, "h", "x", day(2))]).await;
    assert_eq!(ids(&search(&documents, &everything()).await), ["b", "c"]);
    server.clean_up().await;
}

#[tokio::test]
async fn a_newer_layout_is_refused() {
    let Some(server) = Server::given() else {
        return;
    };
    let config = server.new_config();
    let index = format!("{}-result-v3-2026.11", config.index_prefix);
    server.send("PUT", &format!("/{index}"), "{}").await;
    let config = DocumentsConfig::Elasticsearch(config);
    let opened = Documents::open(&config, std::path::Path::new("no file"));
    let refusal = opened.await.expect_err("refused").to_string();
    assert!(
        refusal.contains(&index) && refusal.contains("newer release"),
        "{refusal}"
    );
    server.clean_up().await;
}

#[tokio::test]
async fn an_older_layout_is_moved_once() {
    let Some(server) = Server::given() else {
        return;
    };
    let config = server.new_config();
    let index = format!("{}-result-v0-2026.02", config.index_prefix);
    server.send("PUT", &format!("/{index}"), "{}").await;
    let document = result("a", 7, "h", "x", day(40));
    let stored = json!({ "id": "a", "revision": 7, "body": document.body });
    server
        .send(
            "PUT",
            &format!("/{index}/_doc/a?refresh=true"),
            &stored.to_string(),
        )
        .await;
    let mark = json!({ "id": "b", "revision": 3, "removed_ms": 50 });
    server
        .send("PUT", &format!("/{index}/_doc/b?refresh=true"), &mark.to_string())
        .await;

    // From when reports did not say when they were made.
    let mut old_report = report("r");
    let body = old_report.body.as_object_mut().expect("an object");
    body.remove("created_ms");
    let stored = json!({ "id": "r", "revision": 1, "body": body });
    let path = format!("/{}-report-v1-2020/_doc/r?refresh=true", config.index_prefix);
    server.send("PUT", &path, &stored.to_string()).await;

    let (first, second) = tokio::join!(open(&config), open(&config));
    for documents in [first, second] {
        put(&documents, vec![result("b", 3, "h", "late", day(40))]).await;
        let found = search(&documents, &everything()).await.documents;
        assert_eq!(found, std::slice::from_ref(&document));
        let by_host = documents
            .count_by(Kind::Result, &Query::default(), Field::HostId)
            .await;
        assert_eq!(by_host.expect("counted"), [("h".to_owned(), 1)]);
    }
    let moved = format!("{}-result-v2-2026.02", config.index_prefix);
    let moved_report = format!("{}-report-v2-2020", config.index_prefix);
    let mut indices = server.indices(&config.index_prefix).await;
    indices.sort();
    assert_eq!(indices, [moved_report, moved]);
    let again = open(&config).await;
    let reports = again.get(Kind::Report, &["r".to_owned()]).await.expect("read");
    assert_eq!(reports[0].body["created_ms"], 2, "as old as what it is about");

    // An older release that still runs can make an index, but not fill it: its results stay in the outbox.
    let late = format!("/{}-result-v0-2026.03/_doc/c", config.index_prefix);
    assert_eq!(server.try_send("PUT", &late, "{}").await.0, 403);
    server.clean_up().await;
}

#[tokio::test]
async fn a_data_center_serves_without_its_documents_and_catches_up() {
    let Some(server) = Server::given() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let address = free_address();
    let documents = DocumentsConfig::Elasticsearch(config_through(&format!("http://{address}"), &server));
    let center = Center::start(aops_data_center::DataCenterConfig {
        documents,
        ..config(folder.path())
    })
    .await;
    let admin = center.admin().await;
    let host_id = register(&center).await;
    let rules = vec![rule("load", "k1")];
    admin
        .add_rules(&aops_api::rule::RuleAddRequest { rules })
        .await
        .expect("added");
    save(&center, window("k1", &host_id, 0, 20_000, &[(1_500, 3_200)])).await;
    let all = ResultGetRequest::default();
    assert_eq!(refused(admin.results(&all).await).0, Code::DatabaseConnectError);
    assert_eq!(admin.count_rules(&Empty {}).await.expect("counted").rule_count, 1);

    let proxy = Proxy::start_at(address, &server.url);
    let is_there = |answer: &Result<aops_api::result::ResultGetAnswer, _>| {
        answer.as_ref().is_ok_and(|answer| answer.total_count == 1)
    };
    eventually(async || admin.results(&all).await, is_there)
        .await
        .expect("read");
    center.stop().await;
    proxy.stop().await;
    server.clean_up().await;
}
