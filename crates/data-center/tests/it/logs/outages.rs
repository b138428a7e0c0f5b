//! Elasticsearch away, slow, overloaded, half there: told for each selector, and over when it is.

use std::time::Duration;

use aops_data_center::logs::{LogShape, Logs, LogsConfig};

use super::proxy::{Mood, Proxy, free_port};
use super::store::{LINE_SPEAKS_MS, Store, found, line, never_had, request, stream};
use crate::center::NOW_MS;

fn open(store: &Store, url: &str) -> Logs {
    let mut config = store.config.clone();
    config.connection.urls = vec![url.to_owned()];
    config.connection.request_timeout = Duration::from_millis(1_500);
    Logs::open(&LogsConfig::Elasticsearch(config), LINE_SPEAKS_MS).expect("opened without the server")
}

/// The reason that each selector has for each host.
async fn reason(logs: &Logs) -> String {
    let selectors = vec![stream("dmesg", 0, 60_000), stream("messages", 0, 60_000)];
    let answer = logs.fetch(&request(&["a", "b"], selectors), &[], NOW_MS).await;
    assert_eq!((answer.series.len(), answer.failed.len()), (0, 4), "{answer:?}");
    assert_eq!(never_had(&answer), [], "nothing is known");
    let reason = answer.failed[0].reason.clone();
    assert!(answer.failed.iter().all(|failed| failed.reason == reason));
    reason
}

#[tokio::test]
async fn what_fails_is_told_and_passes() {
    let Some(store) = Store::new(LogShape::Rsyslog) else {
        return;
    };
    store.prepared().await;
    store.ship(&[line("a", "dmesg", 1, "x")]).await;
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let logs = open(&store, &url);
    let away = reason(&logs).await;
    assert!(
        away.contains(&url) && away.contains("cannot be reached"),
        "{away}"
    );
    assert!(logs.prepare().await.is_err());

    let target = &store.config.connection.urls[0];
    let proxy = Proxy::start(port, target, Mood::Well);
    let well = async || {
        let answer = logs
            .fetch(&request(&["a"], vec![stream("dmesg", 0, 60_000)]), &[], NOW_MS)
            .await;
        assert_eq!(answer.failed, []);
        assert_eq!(found(&answer, 0, "a"), [(1, "x")]);
    };
    well().await;
    for (mood, expected) in [
        (Mood::Busy, "is overloaded"),
        (Mood::Broken, "cannot serve now"),
        (Mood::Slow, "did not answer within 1.5s"),
        (Mood::Half, "1 shards failed: x: disk gone"),
    ] {
        proxy.feel(mood);
        let told = reason(&logs).await;
        assert!(told.contains(expected), "{mood:?}: {told}");
        proxy.feel(Mood::Well);
        well().await;
    }
    proxy.stop().await;
    let away = reason(&logs).await;
    assert!(away.contains("cannot be reached"), "{away}");
    store.clean_up().await;
}
