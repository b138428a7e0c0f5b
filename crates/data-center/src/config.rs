//! Settings of the data center.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::account::SessionLimits;
use crate::account::password::Cost;
use crate::documents::DocumentsConfig;
use crate::documents::retention::DocumentRetention;
use crate::logs::LogsConfig;
use crate::series::SeriesConfig;
use crate::series::retention::DEFAULT_RETENTION;
use crate::series::scrape::{DEFAULT_INTERVAL, ScrapeLimits};
use crate::store::TablesConfig;

/// Name of the scrape job of node agents, the label `job` of their series.
pub const NODE_JOB: &str = "node";

/// How long entries of the operation log are kept unless something else is said.
pub const DEFAULT_OPERATION_LOG: Duration = Duration::from_secs(365 * 86_400);

/// Where agents listen unless they are told otherwise.
pub const DEFAULT_AGENT_PORT: u16 = 50_002;

/// What [`crate::build`] needs. Not printable: it holds a password.
#[derive(Clone)]
pub struct DataCenterConfig {
    /// Holds the embedded stores, the lock, the token key and the first password.
    pub data_dir: PathBuf,
    /// The database of the tables.
    pub tables: TablesConfig,
    /// Signs tokens; made when it does not exist. Data centers that share their tables share it.
    pub token_key_file: PathBuf,
    /// The user's own password for the first account, from `AOPS_ADMIN_PASSWORD`; `None` = one is generated.
    pub admin_password: Option<String>,
    /// How long sessions last.
    pub session_limits: SessionLimits,
    /// What hashing a password costs.
    pub password_cost: Cost,
    /// Port of the agents of machines that are added by their address.
    pub agent_port: u16,
    /// Where series are kept.
    pub series: SeriesConfig,
    /// What Prometheus shows when it asks for the machines to scrape; made when it does not exist.
    pub discovery_secret_file: PathBuf,
    /// How often each machine's metrics are read; with Prometheus, what its configuration says of our job.
    pub scrape_interval: Duration,
    /// Bounds of our own scraping.
    pub scrape_limits: ScrapeLimits,
    /// Where documents are stored.
    pub documents: DocumentsConfig,
    /// How long documents are kept.
    pub document_retention: DocumentRetention,
    /// Where lines of logs are read.
    pub logs: LogsConfig,
    /// How long entries of the operation log are kept.
    pub operation_log_retention: Duration,
    /// How long samples are kept; Prometheus has a setting of its own.
    pub series_retention: Duration,
}

impl DataCenterConfig {
    /// Everything embedded, below a folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self {
            token_key_file: data_dir.join("token.key"),
            discovery_secret_file: data_dir.join("prometheus.secret"),
            data_dir,
            tables: TablesConfig::default(),
            admin_password: None,
            session_limits: SessionLimits::default(),
            password_cost: Cost::default(),
            agent_port: DEFAULT_AGENT_PORT,
            series: SeriesConfig::default(),
            scrape_interval: DEFAULT_INTERVAL,
            scrape_limits: ScrapeLimits::default(),
            documents: DocumentsConfig::default(),
            document_retention: DocumentRetention::default(),
            logs: LogsConfig::default(),
            operation_log_retention: DEFAULT_OPERATION_LOG,
            series_retention: DEFAULT_RETENTION,
        }
    }

    pub(crate) fn tables_file(&self) -> PathBuf {
        self.data_dir.join("tables.db")
    }

    pub(crate) fn documents_file(&self) -> PathBuf {
        self.data_dir.join("documents.db")
    }

    pub(crate) fn series_file(&self) -> PathBuf {
        self.data_dir.join("series.db")
    }

    pub(crate) fn lock_file(&self) -> PathBuf {
        self.data_dir.join("data-center.lock")
    }
}

/// Where the generated first password stands until it is changed (mode 0600), for the process to show on a terminal.
pub fn first_password_file(data_dir: &Path) -> PathBuf {
    data_dir.join("first-password")
}
