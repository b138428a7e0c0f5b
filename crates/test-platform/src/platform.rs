//! A whole platform in the process of the test.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use aops_api::HostId;
use aops_api::account::LoginRequest;
use aops_api::host::HostRegisterRequest;
use aops_client::{DataCenter, Platform};
use aops_service::secret;
use aops_standalone::{StandaloneConfig, start};
use tempfile::TempDir;

use crate::{Engines, FakeNode};

/// The admin password of a test platform.
pub const PASSWORD: &str = "correct horse battery staple";

/// A running platform.
pub struct TestPlatform {
    /// Logged in as admin.
    pub admin: Platform,
    /// Not logged in.
    pub anonymous: Platform,
    /// Internal routes, as the service `standalone`.
    pub data_center: DataCenter,
    running: aops_standalone::Platform,
    folder: TempDir,
}

impl TestPlatform {
    /// Starts an embedded platform in a new folder, with a chosen admin password and without an agent of this machine.
    pub async fn start() -> Self {
        Self::start_on(&Engines::embedded()).await
    }

    /// The same on these engines.
    pub async fn start_on(engines: &Engines) -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), engines).await
    }

    /// Starts a platform in a folder, and on engines, that another one has left.
    pub async fn start_in(folder: TempDir, engines: &Engines) -> Self {
        engines.watch(folder.path());
        let running = start(fast_config(folder.path(), engines))
            .await
            .expect("the platform starts");
        let anonymous = Platform::new(format!("http://{}", running.public_address));
        let admin = log_in(&anonymous, "admin", PASSWORD).await;
        let secret_file = folder.path().join("secrets/standalone.secret");
        let secret =
            secret::read_or_create(&secret_file, || unreachable!("the platform made it")).expect("readable");
        let internal_url = format!("http://{}", running.internal_address);
        let data_center = DataCenter::new(internal_url, "standalone", &secret);
        Self {
            admin,
            anonymous,
            data_center,
            running,
            folder,
        }
    }

    /// Makes a node a host of the admin.
    pub async fn register(&self, node: &FakeNode, name: &str) -> HostId {
        let request = HostRegisterRequest {
            agent_id: format!("agent-of-{name}"),
            host_name: name.to_owned(),
            address: "127.0.0.1".to_owned(),
            ssh_port: 22,
            metrics_address: node.address(),
            owner: "admin".to_owned(),
            host_group_name: "default".to_owned(),
        };
        self.data_center
            .register_host(&request)
            .await
            .expect("registered")
            .host_id
    }

    /// Base address of the public listener.
    pub fn url(&self) -> String {
        format!("http://{}", self.running.public_address)
    }

    /// Base address of the internal listener.
    pub fn internal_url(&self) -> String {
        format!("http://{}", self.running.internal_address)
    }

    /// Stops in good order and gives the folder back.
    pub async fn stop(self) -> TempDir {
        self.running.shutdown.cancel();
        self.running.finished().await.expect("stopped in good order");
        self.folder
    }
}

/// Windows of a second, free ports, and no agent of this machine.
pub fn fast_config(folder: &Path, engines: &Engines) -> StandaloneConfig {
    let mut config = engines.config(folder);
    config.listen = engines.listen();
    config.scrape.interval = Duration::from_millis(250);
    config.check.window = Duration::from_secs(1);
    config.check.evaluation_delay = Some(Duration::from_millis(500));
    config.admin_password = Some(PASSWORD.to_owned());
    config
}

/// A client that is logged in.
pub async fn log_in(platform: &Platform, username: &str, password: &str) -> Platform {
    let request = LoginRequest {
        username: username.to_owned(),
        password: password.to_owned(),
    };
    let outcome = platform.login(&request).await.expect("answered");
    let answer = outcome.succeeded().expect("logged in");
    platform.with_token(answer.access_token)
}

/// Asks until there is an answer; panics when there is none after a minute and a half.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let limit = Duration::from_secs(90);
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    match tokio::time::timeout(limit, asking).await {
        Ok(answer) => answer,
        Err(_) => panic!("waited {limit:?} for {what}"),
    }
}
