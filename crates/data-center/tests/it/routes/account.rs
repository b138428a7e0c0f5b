use std::os::unix::fs::PermissionsExt;

use aops_api::Code;
use aops_api::account::{ChangePasswordRequest, LoginRequest};
use aops_api::code::Empty;
use aops_api::host::HostGetRequest;
use aops_client::SERVICE_CREDENTIAL_HEADER;
use aops_data_center::{DataCenterConfig, first_password_file};

use crate::center::{ADMIN_PASSWORD, Center, config, refused};

fn change(password: &str) -> ChangePasswordRequest {
    ChangePasswordRequest {
        password: password.to_owned(),
    }
}

#[tokio::test]
async fn a_generated_password_must_be_changed_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start(DataCenterConfig::new(folder.path())).await;
    let file = first_password_file(folder.path());
    let mode = std::fs::metadata(&file).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = std::fs::read_to_string(&file)
        .expect("readable")
        .trim()
        .to_owned();
    let (admin, _) = center.log_in("admin", &first).await;

    let refusal = refused(admin.hosts(&HostGetRequest::default()).await);
    assert_eq!(refusal.0, Code::ChangeDefaultPassword);
    assert_eq!(
        refused(admin.count_rules(&Empty {}).await).0,
        Code::ChangeDefaultPassword
    );
    assert_eq!(
        refused(admin.change_password(&change(&first)).await).0,
        Code::SamePassword
    );
    let (code, detail) = refused(admin.change_password(&change("short")).await);
    assert_eq!(code, Code::ParamError);
    assert!(detail.starts_with("password: "), "{detail}");
    assert!(file.exists());

    // A restart changes nothing of that.
    center.stop().await;
    let center = Center::start(DataCenterConfig::new(folder.path())).await;
    let (other, _) = center.log_in("admin", &first).await;
    let admin = other;
    assert_eq!(
        refused(admin.count_rules(&Empty {}).await).0,
        Code::ChangeDefaultPassword
    );
    admin
        .change_password(&change("my own password"))
        .await
        .expect("changed");
    assert!(!file.exists());
    admin.hosts(&HostGetRequest::default()).await.expect("open now");
    admin.logout(&Empty {}).await.expect("logged out");
    assert_eq!(
        refused(admin.hosts(&HostGetRequest::default()).await).0,
        Code::TokenError
    );
    center.stop().await;
}

#[tokio::test]
async fn ones_own_first_password_needs_no_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start(config(folder.path())).await;
    assert!(!first_password_file(folder.path()).exists());
    center
        .admin()
        .await
        .hosts(&HostGetRequest::default())
        .await
        .expect("open");
    for (username, password) in [("admin", "a wrong password"), ("nobody", ADMIN_PASSWORD)] {
        let request = LoginRequest {
            username: username.to_owned(),
            password: password.to_owned(),
        };
        assert_eq!(refused(center.service.login(&request).await).0, Code::LoginError);
    }
    center.stop().await;

    // Given later it changes nothing: the account has its password.
    let later = DataCenterConfig {
        admin_password: Some("something else".to_owned()),
        ..config(folder.path())
    };
    let center = Center::start(later).await;
    center
        .admin()
        .await
        .hosts(&HostGetRequest::default())
        .await
        .expect("open");
    center.stop().await;
}

#[tokio::test]
async fn credential_then_body_then_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start(config(folder.path())).await;
    let code = |answer: &serde_json::Value| answer["code"].as_u64();
    for headers in [vec![], vec![(SERVICE_CREDENTIAL_HEADER, "tests:wrong")]] {
        for (method, path) in [
            ("POST", "/data/account/login"),
            ("POST", "/data/host/machines"),
            ("POST", "/data/check/finding/save"),
            ("DELETE", "/data/check/rule/delete"),
            ("POST", "/data/series/fetch"),
        ] {
            let (status, answer) = center.raw(method, path, &headers, "not JSON").await;
            assert_eq!((status, code(&answer)), (200, Some(1201)), "{path}: {answer}");
        }
    }
    let answer = center.post("/data/host/get", r#"{"host_group_list":7}"#).await;
    assert_eq!(code(&answer), Some(1000));
    assert!(
        answer["msg"]
            .as_str()
            .expect("a text")
            .contains("host_group_list"),
        "{answer}"
    );
    let answer = center
        .post("/data/host/get", r#"{"host_group_list":[],"from_the_future":1}"#)
        .await;
    assert_eq!(
        code(&answer),
        Some(1201),
        "unknown fields do not matter, the missing token does"
    );
    let credential = (SERVICE_CREDENTIAL_HEADER, "tests:secret");
    let (status, _) = center.raw("GET", "/data/host/get", &[credential], "").await;
    assert_eq!(status, 405);
    let (status, _) = center.raw("POST", "/data/unknown", &[credential], "{}").await;
    assert_eq!(status, 404);

    let (_, token) = center.log_in("admin", ADMIN_PASSWORD).await;
    let bearer = format!("Bearer {token}");
    for header in [
        ("authorization", bearer.as_str()),
        ("access_token", &token),
        ("Access-Token", &token),
    ] {
        let body = r#"{"host_group_list":[]}"#;
        let (_, answer) = center
            .raw("POST", "/data/host/get", &[credential, header], body)
            .await;
        assert_eq!(code(&answer), Some(200), "{answer}");
    }
    center.stop().await;
}
