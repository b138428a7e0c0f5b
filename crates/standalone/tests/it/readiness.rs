//! `GET /ready`: every engine that the platform opened, each with its state.

use std::net::TcpListener;
use std::path::Path;

use aops_bus::{BusConfig, KafkaConfig};
use aops_data_center::documents::DocumentsConfig;
use aops_data_center::elasticsearch::ElasticsearchConfig;
use aops_data_center::logs::{ElasticsearchLogsConfig, LogsConfig};
use aops_data_center::series::{PrometheusConfig, SeriesConfig};
use aops_data_center::{MysqlConfig, TablesConfig};
use aops_standalone::{Platform, StandaloneConfig, start};
use aops_test_platform::{Engine, Engines, eventually, fast_config};
use serde_json::{Value, json};

/// What is opened when everything is embedded; logs are not.
const EMBEDDED: [&str; 4] = ["bus", "documents", "series", "tables"];

async fn readiness(platform: &Platform) -> (u16, Value) {
    let url = format!("http://{}/ready", platform.internal_address);
    let answer = reqwest::get(url).await.expect("answered");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

/// Names with the reasons of those that are not ready, sorted.
fn engines(readiness: &Value) -> Vec<(&str, Option<&str>)> {
    let listed = readiness["engines"].as_array().expect("a list").iter();
    let mut engines: Vec<_> = listed
        .map(|engine| {
            let reason = engine["reason"].as_str();
            let expected = if reason.is_none() { "ready" } else { "not ready" };
            assert_eq!(engine["status"], expected, "{engine}");
            (engine["name"].as_str().expect("a name"), reason)
        })
        .collect();
    engines.sort_unstable();
    engines
}

/// `/ready` once exactly these engines are not ready; gives their reasons in the order of the names.
async fn not_ready(platform: &Platform, names: &[&str]) -> Vec<String> {
    eventually("the right engines to be away", async || {
        let (status, readiness) = readiness(platform).await;
        let engines = engines(&readiness);
        let away: Vec<&str> = engines
            .iter()
            .filter(|(_, reason)| reason.is_some())
            .map(|(name, _)| *name)
            .collect();
        if away != names {
            return None;
        }
        let (expected_status, expected) = match names.is_empty() {
            true => (200, "ready"),
            false => (503, "not ready"),
        };
        assert_eq!(
            (status, &readiness["status"]),
            (expected_status, &json!(expected))
        );
        Some(
            engines
                .iter()
                .filter_map(|(_, reason)| reason.map(str::to_owned))
                .collect(),
        )
    })
    .await
}

async fn stop(platform: Platform) {
    platform.shutdown.cancel();
    platform.finished().await.expect("stopped in good order");
}

/// Starts a platform on which one engine is at an address where nobody listens.
async fn is_told(name: &str, change: impl FnOnce(&mut StandaloneConfig, String)) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = fast_config(folder.path(), &Engines::embedded());
    let refusing = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = refusing.local_addr().expect("bound").to_string();
    drop(refusing);
    change(&mut config, address.clone());
    let platform = start(config).await.expect("it starts without its engine");
    let reasons = not_ready(&platform, &[name]).await;
    assert!(reasons[0].contains(&address), "{reasons:?}");
    stop(platform).await;
}

fn at(address: &str) -> ElasticsearchConfig {
    ElasticsearchConfig {
        urls: vec![format!("http://{address}")],
        ..ElasticsearchConfig::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_away_are_told() {
    is_told("tables", |config, address| {
        config.tables = TablesConfig::Mysql(MysqlConfig::new(format!("mysql://aops@{address}/aops")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_away_are_told() {
    is_told("documents", |config, address| {
        config.documents = DocumentsConfig::Elasticsearch(at(&address));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_is_away_is_told() {
    is_told("bus", |config, address| {
        config.bus = BusConfig::Kafka(KafkaConfig {
            brokers: vec![address],
            ..KafkaConfig::default()
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn series_that_are_away_are_told() {
    is_told("series", |config, address| {
        config.series = SeriesConfig::Prometheus(PrometheusConfig {
            url: format!("http://{address}"),
            ..PrometheusConfig::default()
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_that_are_away_are_told() {
    is_told("logs", |config, address| {
        config.logs = LogsConfig::Elasticsearch(ElasticsearchLogsConfig {
            connection: at(&address),
            ..ElasticsearchLogsConfig::default()
        });
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_embedded_is_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = fast_config(folder.path(), &Engines::embedded());
    let platform = start(config).await.expect("started");
    not_ready(&platform, &[]).await;
    let (_, readiness) = readiness(&platform).await;
    assert_eq!(engines(&readiness), EMBEDDED.map(|name| (name, None)));
    stop(platform).await;
}

/// All five on real servers.
fn on_all(folder: &Path, engines: &Engines, prometheus: String) -> StandaloneConfig {
    let mut config = fast_config(folder, engines);
    let DocumentsConfig::Elasticsearch(connection) = config.documents.clone() else {
        panic!("another engine");
    };
    config.series = SeriesConfig::Prometheus(PrometheusConfig {
        url: prometheus,
        ..PrometheusConfig::default()
    });
    config.logs = LogsConfig::Elasticsearch(ElasticsearchLogsConfig {
        connection,
        ..ElasticsearchLogsConfig::default()
    });
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_that_refuse_and_hang_are_told_and_come_back() {
    let Ok(prometheus) = std::env::var("AOPS_TEST_PROMETHEUS_URL") else {
        eprintln!("skipped: AOPS_TEST_PROMETHEUS_URL is not set");
        return;
    };
    let Some(engines_given) = Engines::with_proxies(&[Engine::Tables, Engine::Documents]).await else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let config = on_all(folder.path(), &engines_given, prometheus);
    let platform = start(config).await.expect("started");
    not_ready(&platform, &[]).await;
    let (_, all) = readiness(&platform).await;
    let names = ["bus", "documents", "logs", "series", "tables"];
    assert_eq!(engines(&all), names.map(|name| (name, None)));

    // Documents and logs share the server behind the proxy.
    let documents = engines_given.proxy(Engine::Documents);
    documents.refuse();
    let tables = engines_given.proxy(Engine::Tables);
    tables.stall();
    let reasons = not_ready(&platform, &["documents", "logs", "tables"]).await;
    let addresses = [documents, documents, tables].map(|proxy| proxy.address().to_string());
    for (reason, address) in reasons.iter().zip(addresses) {
        assert!(reason.contains(&address), "{reason}");
    }
    documents.forward();
    tables.forward();
    not_ready(&platform, &[]).await;
    stop(platform).await;
    engines_given.remove().await;
}
