//! An engine goes away, at the start and in mid-run: requests meanwhile say so in time, work goes on afterwards, and
//! nothing that was acknowledged is lost or doubled.
//!
//! What is asserted is the code. A request that takes longer than [`HANGS`], far above what it is to take, hangs.

mod bus;
mod series;

use std::time::Duration;

use aops_api::Code;
use aops_api::account::LoginRequest;
use aops_api::code::Empty;
use aops_api::result::{ResultGetRequest, ResultRow};
use aops_api::rule::RuleImportRequest;
use aops_client::{ClientError, Outcome, Platform};
use aops_service::Clock;
use aops_standalone::start;
use aops_test_platform::{
    Engine, Engines, FakeNode, PASSWORD, TestPlatform, eventually, fast_config, log_in,
};
use serde_json::{Value, json};

/// A request that takes longer hangs.
const HANGS: Duration = Duration::from_secs(20);

async fn in_time<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, call).await.expect("it does not hang")
}

/// What a user is told while an engine is away.
fn is_told<A>(answer: Result<Outcome<A>, ClientError>) {
    let code = answer.expect("answered").code;
    assert!(
        matches!(code, Code::DatabaseConnectError | Code::ConnectionError),
        "{code}"
    );
}

async fn import(admin: &Platform, name: &str) -> Result<Outcome<aops_api::rule::ImportAnswer>, ClientError> {
    let request: RuleImportRequest = serde_json::from_value(json!({ "check_items": [
        { "check_item": name, "data_list": [{ "name": "node_load1" }], "condition": "$0 > 100" }
    ]}))
    .expect("a rule");
    in_time(admin.import_rules(&request)).await
}

async fn rows_of(admin: &Platform, name: &str) -> Vec<ResultRow> {
    eventually("results", async || try_rows_of(admin, name).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platform_starts_while_the_tables_are_away() {
    let Some(engines) = Engines::with_proxies(&[Engine::Tables]).await else {
        return;
    };
    engines.proxy(Engine::Tables).refuse();
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = fast_config(folder.path(), &engines);
    // This machine becomes a host all the same, later.
    config.listen.agent = "127.0.0.1:0".to_owned();
    let running = in_time(start(config)).await.expect("started");
    let anonymous = Platform::new(format!("http://{}", running.public_address));
    let login = LoginRequest {
        username: "admin".to_owned(),
        password: PASSWORD.to_owned(),
    };
    is_told(in_time(anonymous.login(&login)).await);
    let ready = format!("http://{}/ready", running.internal_address);
    assert_eq!(reqwest::get(&ready).await.expect("answered").status(), 503);

    engines.proxy(Engine::Tables).forward();
    // Nobody has started this platform's Prometheus.
    eventually("the tables to be ready", async || {
        let answer: Value = reqwest::get(&ready)
            .await
            .expect("answered")
            .json()
            .await
            .expect("JSON");
        let engines = answer["engines"].as_array().expect("a list");
        let tables = engines
            .iter()
            .find(|engine| engine["name"] == "tables")
            .expect("the tables");
        (tables["status"] == "ready").then_some(())
    })
    .await;
    let admin = log_in(&anonymous, "admin", PASSWORD).await;
    eventually("this machine to be a host", async || {
        let hosts = admin.hosts(&Default::default()).await.expect("answered");
        (hosts.succeeded().expect("hosts").host_infos.len() == 1).then_some(())
    })
    .await;
    running.shutdown.cancel();
    running.finished().await.expect("stopped in good order");
    engines.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_go_away_in_mid_run_lose_and_double_nothing() {
    let Some(engines) = Engines::with_proxies(&[Engine::Tables]).await else {
        return;
    };
    let platform = TestPlatform::start_on(&engines).await;
    let admin = &platform.admin;
    let node = FakeNode::start();
    node.set("node_load1", 500.0);
    platform.register(&node, "node-1").await;
    import(admin, "before")
        .await
        .expect("answered")
        .succeeded()
        .expect("imported");
    let before = eventually("the anomaly", async || rows_of(admin, "before").await.pop()).await;

    let proxy = engines.proxy(Engine::Tables);
    for (name, interrupt) in [("refused", true), ("stalled", false)] {
        match interrupt {
            true => proxy.refuse(),
            false => proxy.stall(),
        }
        is_told(import(admin, name).await);
        is_told(in_time(admin.count_rules(&Empty {})).await);
        proxy.forward();
        eventually("the tables to be back", async || {
            import(admin, name).await.expect("answered").succeeded().ok()
        })
        .await;
        eventually("checks of the new rule", async || {
            rows_of(admin, name).await.pop()
        })
        .await;
    }

    // The anomaly that lasted through it all is one interval still, and has no gap.
    let after = eventually("the interval to grow", async || {
        let rows = rows_of(admin, "before").await;
        let last = rows.iter().map(|row| row.end).max()?;
        (last > before.end + 8).then_some(rows)
    })
    .await;
    assert_eq!(after.len(), 1, "{after:?}");
    assert_eq!(after[0].result_id, before.result_id);
    let count = admin.count_rules(&Empty {}).await.expect("answered");
    assert_eq!(count.succeeded().expect("counted").rule_count, 3);
    in_time(platform.stop()).await;
    engines.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_go_away_in_mid_run_lose_and_double_nothing() {
    let Some(engines) = Engines::with_proxies(&[Engine::Documents]).await else {
        return;
    };
    let proxy = engines.proxy(Engine::Documents);
    // Away at the start.
    proxy.refuse();
    let platform = TestPlatform::start_on(&engines).await;
    let admin = &platform.admin;
    let node = FakeNode::start();
    node.set("node_load1", 500.0);
    platform.register(&node, "node-1").await;
    import(admin, "before")
        .await
        .expect("answered")
        .succeeded()
        .expect("imported");
    is_told(in_time(admin.results(&ResultGetRequest::default())).await);
    proxy.forward();
    let before = eventually("the anomaly", async || try_rows_of(admin, "before").await?.pop()).await;

    for interrupt in ["refused", "stalled"] {
        match interrupt {
            "refused" => proxy.refuse(),
            _ => proxy.stall(),
        }
        is_told(in_time(admin.results(&ResultGetRequest::default())).await);
        // What stands in the tables goes on.
        import(admin, interrupt)
            .await
            .expect("answered")
            .succeeded()
            .expect("imported");
        proxy.forward();
        eventually("results of the new rule", async || {
            try_rows_of(admin, interrupt).await?.pop()
        })
        .await;
    }
    let after = eventually("the interval to grow", async || {
        let rows = try_rows_of(admin, "before").await?;
        let last = rows.iter().map(|row| row.end).max()?;
        (last > before.end + 5).then_some(rows)
    })
    .await;
    assert_eq!(after.len(), 1, "{after:?}");
    assert_eq!(after[0].result_id, before.result_id);
    in_time(platform.stop()).await;
    engines.remove().await;
}

/// `None` while they cannot be read.
async fn try_rows_of(admin: &Platform, name: &str) -> Option<Vec<ResultRow>> {
    let request = ResultGetRequest {
        check_items: vec![name.to_owned()],
        value: Some("Abnormal".to_owned()),
        ..ResultGetRequest::default()
    };
    let answer = in_time(admin.results(&request)).await.expect("answered");
    answer.succeeded().ok().map(|answer| answer.check_result)
}
