//! The generated first password: shown once, kept in a private file, of no use until it is changed.

use std::os::unix::fs::PermissionsExt;

use aops_api::Code;
use aops_api::account::{ChangePasswordRequest, LoginRequest};
use aops_api::code::Empty;
use aops_client::Platform;
use aops_standalone::start;
use aops_test_platform::Engines;

use crate::scenarios;

scenarios!(it_has_to_be_changed_and_then_is_gone,);

fn login(password: &str) -> LoginRequest {
    LoginRequest {
        username: "admin".to_owned(),
        password: password.to_owned(),
    }
}

async fn it_has_to_be_changed_and_then_is_gone(engines: &Engines) {
    let folder = tempfile::tempdir().expect("temp folder");
    let mut config = engines.config(folder.path());
    config.listen = engines.listen();
    let running = start(config).await.expect("started");
    let first = running.first_password.clone().expect("generated");
    let file = folder.path().join("first-password");
    assert_eq!(std::fs::read_to_string(&file).expect("kept").trim(), first);
    assert_eq!(
        std::fs::metadata(&file).expect("there").permissions().mode() & 0o777,
        0o600
    );

    let anonymous = Platform::new(format!("http://{}", running.public_address));
    assert_eq!(
        anonymous.login(&login("changeme")).await.expect("answered").code,
        Code::LoginError
    );
    let token = anonymous
        .login(&login(&first))
        .await
        .expect("answered")
        .succeeded()
        .expect("logged in")
        .access_token;
    let admin = anonymous.with_token(token);
    assert_eq!(
        admin.count_rules(&Empty {}).await.expect("answered").code,
        Code::ChangeDefaultPassword
    );

    let change = |password: &str| ChangePasswordRequest {
        password: password.to_owned(),
    };
    assert_eq!(
        admin
            .change_password(&change(&first))
            .await
            .expect("answered")
            .code,
        Code::SamePassword
    );
    assert_eq!(
        admin
            .change_password(&change("short"))
            .await
            .expect("answered")
            .code,
        Code::ParamError
    );
    admin
        .change_password(&change("a better password"))
        .await
        .expect("answered")
        .succeeded()
        .expect("changed");
    assert_eq!(
        admin.count_rules(&Empty {}).await.expect("answered").code,
        Code::Succeed
    );
    assert!(!file.exists());
    assert_eq!(
        anonymous.login(&login(&first)).await.expect("answered").code,
        Code::LoginError
    );
    anonymous
        .login(&login("a better password"))
        .await
        .expect("answered")
        .succeeded()
        .expect("logged in");

    running.shutdown.cancel();
    running.finished().await.expect("stopped in good order");
}
