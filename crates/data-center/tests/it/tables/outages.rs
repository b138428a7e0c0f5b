//! A server of the tables that is away, hangs, has no connection left, or lets a transaction lose.
//!
//! Each call has a bound of its own here, far above what it is to take: none may hang.

use std::time::Duration;

use aops_api::finding::JudgedWindow;
use aops_api::{EvaluationKey, HostId, Shard, TimeRange};
use aops_data_center::store::{Tables, TablesSource};
use aops_data_center::{Error, MysqlConfig};
use aops_service::log::chain;
use aops_service::random;
use aops_test_server::Proxy;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};

use super::{NOW_MS, add_admin, add_user};
use crate::backend::{Backend, tables};

/// A call that takes longer hangs.
const HANGS: Duration = Duration::from_secs(20);

async fn in_time<T>(call: impl Future<Output = T>) -> T {
    tokio::time::timeout(HANGS, call).await.expect("it does not hang")
}

/// Until the call succeeds.
async fn eventually(tables: &Tables) {
    in_time(async {
        while tables.has_accounts().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

async fn is_away(tables: &Tables) {
    let reading = in_time(tables.has_accounts()).await;
    assert!(matches!(reading, Err(Error::Unreachable(_))), "{reading:?}");
    let writing = in_time(tables.logout("nobody")).await;
    assert!(matches!(writing, Err(Error::Unreachable(_))), "{writing:?}");
}

/// The address in a URL of a server.
fn address(url: &str) -> String {
    let after_user = url.split('@').nth(1).expect("a user");
    after_user.split('/').next().expect("a host").to_owned()
}

fn through(proxy: &Proxy, url: &str) -> MysqlConfig {
    MysqlConfig::new(url.replace(&address(url), &proxy.address().to_string()))
}

async fn connect(url: &str) -> MySqlConnection {
    MySqlConnection::connect(url).await.expect("a connection")
}

async fn run(connection: &mut MySqlConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .expect("a statement");
}

#[tokio::test]
async fn calls_fail_in_time_while_the_server_is_away_and_go_on_afterwards() {
    let Some(backend) = Backend::mysql().await else {
        return;
    };
    let proxy = Proxy::start(address(backend.url())).await;
    proxy.refuse();
    let tables = tables(TablesSource::Server(through(&proxy, backend.url())));
    let refusal = in_time(tables.prepare()).await.expect_err("away at the start");
    assert!(refusal.is_outage(), "{refusal:?}");
    is_away(&tables).await;
    let away = chain(&in_time(tables.ping()).await.expect_err("not ready"));
    assert!(away.contains(&proxy.address().to_string()), "{away}");

    proxy.forward();
    in_time(async {
        while tables.prepare().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    in_time(tables.ping()).await.expect("ready");
    add_admin(&tables).await;

    // Connections that broke while nobody used them cost no call.
    proxy.cut();
    assert!(in_time(tables.has_accounts()).await.expect("another connection"));

    proxy.refuse();
    is_away(&tables).await;
    proxy.forward();
    eventually(&tables).await;
    add_user(&tables, "ann").await;

    proxy.stall();
    is_away(&tables).await;
    assert!(in_time(tables.ping()).await.is_err());
    proxy.forward();
    eventually(&tables).await;
    in_time(tables.ping()).await.expect("ready");
    add_user(&tables, "bob").await;
    in_time(tables.close()).await;
    backend.remove().await;
}

#[tokio::test]
async fn a_server_that_hangs_in_the_middle_of_a_transaction_changes_nothing() {
    let Some(backend) = Backend::mysql().await else {
        return;
    };
    backend.open().await.close().await;
    let proxy = Proxy::start(address(backend.url())).await;
    let tables = tables(TablesSource::Server(through(&proxy, backend.url())));
    tables.prepare().await.expect("prepared");

    // The save waits for this lock, so that the stall meets it after its begin.
    let mut holder = connect(backend.url()).await;
    run(&mut holder, "START TRANSACTION").await;
    run(&mut holder, "UPDATE finding_revision SET number = number").await;
    let windows = [window(&host_of_shard(3))];
    let (saved, ()) = in_time(async {
        tokio::join!(tables.save_findings(&windows, NOW_MS), async {
            until_somebody_waits_for_a_lock(backend.url()).await;
            proxy.stall();
        })
    })
    .await;
    assert!(saved.as_ref().is_err_and(Error::is_outage), "{saved:?}");
    run(&mut holder, "ROLLBACK").await;
    proxy.forward();
    eventually(&tables).await;
    assert!(known(&tables, &windows[0]).await.is_empty(), "nothing was saved");
    tables.save_findings(&windows, NOW_MS).await.expect("saved");
    assert_eq!(known(&tables, &windows[0]).await.len(), 1);
    holder.close().await.expect("closed");
    in_time(tables.close()).await;
    backend.remove().await;
}

#[tokio::test]
async fn a_server_without_connections_is_an_outage_that_ends() {
    let Some(backend) = Backend::mysql().await else {
        return;
    };
    backend.open().await.close().await;
    let user = format!("u{}", &random::id()[..16]);
    let mut root = connect(backend.url()).await;
    let name = backend.url().rsplit('/').next().expect("a name").to_owned();
    // By both names that this machine may have for the server: an account without a name may stand before '%'.
    let accounts = [format!("{user}@'%'"), format!("{user}@localhost")];
    for account in &accounts {
        let create = format!("CREATE USER {account} WITH MAX_USER_CONNECTIONS 2");
        run(&mut root, &create).await;
        run(&mut root, &format!("GRANT ALL ON {name}.* TO {account}")).await;
    }
    let url = backend.url().replace("root@", &format!("{user}@"));

    let tables = tables(TablesSource::Server(MysqlConfig::new(&url)));
    let first = connect(&url).await;
    let second = connect(&url).await;
    let refusal = in_time(tables.prepare()).await.expect_err("no connection left");
    assert!(matches!(refusal, Error::Unreachable(_)), "{refusal:?}");
    first.close().await.expect("closed");
    in_time(async {
        while tables.prepare().await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    second.close().await.expect("closed");
    add_admin(&tables).await;
    tables.close().await;
    for account in &accounts {
        run(&mut root, &format!("DROP USER {account}")).await;
    }
    backend.remove().await;
}

#[tokio::test]
async fn a_transaction_that_loses_to_a_deadlock_is_done_anew() {
    let Some(backend) = Backend::mysql().await else {
        return;
    };
    let tables = backend.open().await;
    let windows = [window(&host_of_shard(2)), window(&host_of_shard(5))];

    // The other one holds shard 5 and has changed most, so that it is not the one that is made to lose.
    let mut other = connect(backend.url()).await;
    let deadlocks_before = deadlocks(&mut other).await;
    run(&mut other, "START TRANSACTION").await;
    run(
        &mut other,
        "UPDATE finding_revision SET number = number + 1 WHERE shard >= 5",
    )
    .await;
    let (saved, ()) = in_time(async {
        tokio::join!(tables.save_findings(&windows, NOW_MS), async {
            until_somebody_waits_for_a_lock(backend.url()).await;
            // Shard 2 is held by the save, which waits for shard 5: a circle.
            run(
                &mut other,
                "UPDATE finding_revision SET number = number + 1 WHERE shard = 2",
            )
            .await;
            run(&mut other, "COMMIT").await;
        })
    })
    .await;
    saved.expect("done anew");
    assert!(
        deadlocks(&mut other).await > deadlocks_before,
        "the server has seen one"
    );
    for window in &windows {
        assert_eq!(known(&tables, window).await.len(), 1);
    }
    tables.close().await;
    backend.remove().await;
}

#[tokio::test]
async fn a_lock_that_is_held_for_long_makes_a_transaction_give_up_in_time() {
    let Some(backend) = Backend::mysql().await else {
        return;
    };
    let tables = backend.open().await;
    let mut holder = connect(backend.url()).await;
    run(&mut holder, "START TRANSACTION").await;
    run(
        &mut holder,
        "UPDATE finding_revision SET number = number + 1 WHERE shard = 7",
    )
    .await;
    let windows = [window(&host_of_shard(7))];
    let refusal = in_time(tables.save_findings(&windows, NOW_MS))
        .await
        .expect_err("busy");
    assert!(
        matches!(refusal, Error::Busy(_)) && refusal.is_outage(),
        "{refusal:?}"
    );
    // Others go on meanwhile, and it goes on afterwards.
    tables
        .save_findings(&[window(&host_of_shard(8))], NOW_MS)
        .await
        .expect("saved");
    run(&mut holder, "ROLLBACK").await;
    tables.save_findings(&windows, NOW_MS).await.expect("saved");
    tables.close().await;
    backend.remove().await;
}

#[tokio::test]
async fn a_wrong_collation_and_a_wrong_engine_are_told_with_what_to_do() {
    let Some(backend) = Backend::mysql().await else {
        return;
    };
    backend.open().await.close().await;
    backend
        .run("ALTER TABLE diag_task CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        .await;
    let refusal = backend.try_open().await.err().expect("refused").to_string();
    assert!(
        refusal.contains("diag_task.") && refusal.contains("ALTER TABLE diag_task CONVERT TO"),
        "{refusal}"
    );
    backend
        .run("ALTER TABLE diag_task CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        .await;
    backend.run("ALTER TABLE outbox ENGINE = MyISAM").await;
    let refusal = backend.try_open().await.err().expect("refused").to_string();
    assert!(
        refusal.contains("ALTER TABLE outbox ENGINE = InnoDB"),
        "{refusal}"
    );
    // What is not ours is not looked at.
    backend.run("ALTER TABLE outbox ENGINE = InnoDB").await;
    backend
        .run("CREATE TABLE theirs (name VARCHAR(8)) ENGINE = MyISAM, COLLATE utf8mb4_general_ci")
        .await;
    backend.open().await.close().await;
    backend.remove().await;
}

fn host_of_shard(shard: u8) -> HostId {
    (0_u32..)
        .map(|number| HostId::from(format!("host {number}").as_str()))
        .find(|host| Shard::of(host).number() == shard)
        .expect("every shard has hosts")
}

fn window(host_id: &HostId) -> JudgedWindow {
    let window = serde_json::json!({
        "key": "k", "host_id": host_id, "window": [NOW_MS, NOW_MS + 60_000], "as_of_ms": NOW_MS + 60_000,
        "covered": true, "judged": [{}], "findings": []
    });
    serde_json::from_value(window).expect("a window")
}

async fn known(tables: &Tables, window: &JudgedWindow) -> Vec<aops_api::finding::CoveredSpan> {
    let request = aops_api::finding::FindingQueryRequest {
        host_id: window.host_id.clone(),
        keys: vec![EvaluationKey::from("k")],
        range: TimeRange::new(NOW_MS, NOW_MS + 60_000),
    };
    let mut answer = tables.query_findings(&request).await.expect("read");
    answer.keys.remove(0).coverage
}

/// Waits until a save in this database waits for the counter of its shard. (`innodb_trx` says so as well, but never
/// something new to those who ask more often than every 100 ms.)
async fn until_somebody_waits_for_a_lock(url: &str) {
    let mut connection = connect(url).await;
    let query = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() \
                 AND info LIKE 'UPDATE finding_revision%' AND time_ms > 100";
    in_time(async {
        loop {
            let waiting: i64 = sqlx::query_scalar(query)
                .fetch_one(&mut connection)
                .await
                .expect("counted");
            if waiting > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// How many deadlocks the server has seen.
async fn deadlocks(connection: &mut MySqlConnection) -> u64 {
    let query = "SELECT CAST(variable_value AS UNSIGNED) FROM information_schema.global_status \
                 WHERE variable_name = 'INNODB_DEADLOCKS'";
    sqlx::query_scalar(query)
        .fetch_one(connection)
        .await
        .expect("counted")
}
