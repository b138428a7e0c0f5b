//! What happens around the routes: folders, locks, restarts.

use std::time::Duration;

use aops_api::Code;
use aops_api::account::LoginRequest;
use aops_api::code::Empty;
use aops_data_center::{DataCenterConfig, Error, MysqlConfig, TablesConfig, build};
use aops_service::Clock;
use aops_test_server::Proxy;

use crate::backend::Backend;
use crate::center::{Center, config};
use crate::tables::rule;

async fn refusal(config: DataCenterConfig) -> Error {
    build(config, Clock::system()).await.err().expect("refused")
}

#[tokio::test]
async fn a_folder_in_use_is_refused_and_free_after_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start(config(folder.path())).await;
    let error = refusal(config(folder.path())).await;
    assert!(matches!(error, Error::FolderInUse(_)), "{error:?}");
    assert!(error.to_string().contains("in use"), "{error}");
    center.stop().await;
    Center::start(config(folder.path())).await.stop().await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    let error = refusal(config(&file)).await;
    assert!(matches!(error, Error::File { .. }), "{error:?}");

    let data = folder.path().join("data");
    let short = DataCenterConfig {
        admin_password: Some("short".to_owned()),
        ..config(&data)
    };
    let error = refusal(short).await;
    assert!(error.to_string().starts_with("AOPS_ADMIN_PASSWORD: "), "{error}");

    std::fs::write(data.join("token.key"), "short").expect("written");
    let error = refusal(config(&data)).await;
    assert!(error.to_string().contains("token key"), "{error}");
}

#[tokio::test]
async fn it_starts_while_the_server_of_the_tables_is_away() {
    let Some(backend) = Backend::mysql().await else {
        return;
    };
    let address = backend.url().split(['@', '/']).nth(3).expect("a host").to_owned();
    let proxy = Proxy::start(address.clone()).await;
    proxy.refuse();
    let url = backend.url().replace(&address, &proxy.address().to_string());
    let folder = tempfile::tempdir().expect("a folder");
    let config = DataCenterConfig {
        tables: TablesConfig::Mysql(MysqlConfig::new(url)),
        ..config(folder.path())
    };
    let center = Center::start(config).await;
    let ready = async || {
        let url = format!("{}/ready", center.url);
        let answer = reqwest::get(url).await.expect("answered");
        (answer.status().as_u16(), answer.text().await.expect("text"))
    };
    let (status, text) = ready().await;
    assert_eq!(status, 503);
    assert!(text.contains(&proxy.address().to_string()), "{text}");
    let login = LoginRequest {
        username: "admin".to_owned(),
        password: crate::center::ADMIN_PASSWORD.to_owned(),
    };
    let refusal = center.service.login(&login).await.expect_err("1101");
    assert_eq!(refusal.code, Code::DatabaseConnectError);

    proxy.forward();
    while ready().await.0 != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    center.log_in("admin", crate::center::ADMIN_PASSWORD).await;
    center.stop().await;
    backend.remove().await;
}

#[tokio::test]
async fn a_restart_keeps_sessions_and_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start(config(folder.path())).await;
    let (admin, token) = center.log_in("admin", crate::center::ADMIN_PASSWORD).await;
    let request = aops_api::rule::RuleAddRequest {
        rules: vec![rule("a", "k")],
    };
    admin.add_rules(&request).await.expect("added");
    center.stop().await;
    let center = Center::start(config(folder.path())).await;
    let admin = center.service.for_caller(Some(&token));
    assert_eq!(admin.count_rules(&Empty {}).await.expect("counted").rule_count, 1);
    center.stop().await;
}
