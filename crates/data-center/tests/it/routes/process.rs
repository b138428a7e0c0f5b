//! What happens around the routes: folders, locks, restarts.

use aops_api::code::Empty;
use aops_data_center::{DataCenterConfig, Error, MysqlConfig, TablesConfig, build};
use aops_service::Clock;

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

    let unreachable = DataCenterConfig {
        tables: TablesConfig::Mysql(MysqlConfig::new("mysql://root@127.0.0.1:1/aops")),
        ..config(&data)
    };
    let error = refusal(unreachable).await;
    assert!(matches!(error, Error::Unreachable(_)), "{error:?}");

    std::fs::write(data.join("token.key"), "short").expect("written");
    let error = refusal(config(&data)).await;
    assert!(error.to_string().contains("token key"), "{error}");
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
