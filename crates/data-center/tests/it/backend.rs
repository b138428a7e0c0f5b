//! Databases for tests: a SQLite file, and a database on a MariaDB or MySQL server.

use std::path::PathBuf;
use std::sync::Arc;

use aops_data_center::account::{SessionLimits, password::Cost, token::TokenKey};
use aops_data_center::store::{OpenTables, Tables, TablesSource, sqlite_url};
use aops_data_center::{Error, MysqlConfig};
use aops_service::random;
use sqlx::{AnyPool, AssertSqlSafe};

/// A database of one test.
pub(crate) struct Backend {
    url: String,
    file: PathBuf,
    _folder: Option<tempfile::TempDir>,
    database: Option<ServerDatabase>,
}

struct ServerDatabase {
    server_url: String,
    name: String,
}

impl Backend {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tables of a test.db");
        Self {
            url: sqlite_url(&file),
            file,
            _folder: Some(folder),
            database: None,
        }
    }

    /// `None` when no server is given.
    pub(crate) async fn mysql() -> Option<Self> {
        let Ok(server_url) = std::env::var("AOPS_TEST_MYSQL_URL") else {
            eprintln!("skipped: AOPS_TEST_MYSQL_URL is not set");
            return None;
        };
        let server_url = server_url.trim_end_matches('/').to_owned();
        let name = format!("aops_test_{}", random::id());
        run_on(
            &server_url,
            format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"),
        )
        .await;
        Some(Self {
            url: format!("{server_url}/{name}"),
            file: PathBuf::new(),
            _folder: None,
            database: Some(ServerDatabase { server_url, name }),
        })
    }

    pub(crate) async fn open(&self) -> Arc<Tables> {
        Arc::new(self.try_open().await.expect("tables"))
    }

    pub(crate) async fn try_open(&self) -> Result<Tables, Error> {
        let source = match &self.database {
            None => TablesSource::File(self.file.clone()),
            Some(_) => TablesSource::Server(MysqlConfig::new(&self.url)),
        };
        let tables = tables(source);
        tables.prepare().await.map(|()| tables)
    }

    /// `mysql://…` of the database of this test.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether the database has one process at a time, which the lock of the data folder sees to.
    pub(crate) fn is_one_process(&self) -> bool {
        self.database.is_none()
    }

    /// Takes the database away. Only after a test that went well: one that failed leaves it for a look
    /// (`scripts/engines reset` takes all away).
    pub(crate) async fn remove(self) {
        if let Some(ServerDatabase { server_url, name }) = &self.database {
            run_on(server_url, format!("DROP DATABASE {name}")).await;
        }
    }

    /// A statement past the store, as a foreign hand would run it.
    pub(crate) async fn run(&self, statement: &str) {
        run_on(&self.url, statement.to_owned()).await;
    }
}

/// Not connected yet.
pub(crate) fn tables(source: TablesSource) -> Tables {
    let open = OpenTables {
        source,
        token_key: TokenKey::new("a key of the tests, long enough for it").expect("a key"),
        session_limits: SessionLimits::default(),
        password_cost: Cost::default(),
    };
    Tables::new(open).expect("a source")
}

async fn run_on(url: &str, statement: String) {
    sqlx::any::install_default_drivers();
    let pool = AnyPool::connect(url).await.expect("a database");
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&pool)
        .await
        .expect("a statement");
    pool.close().await;
}

/// Runs each test on each database.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&crate::backend::Backend::sqlite()).await;
            })*
        }
        mod mysql {
            $(#[tokio::test]
            async fn $name() {
                if let Some(backend) = crate::backend::Backend::mysql().await {
                    super::$name(&backend).await;
                    backend.remove().await;
                }
            })*
        }
    };
}
pub(crate) use contract;
