//! The few places where the two databases differ. Everything else is one set of statements for both.

use sqlx::migrate::Migrator;

static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
static MYSQL: Migrator = sqlx::migrate!("../../migrations/mysql");

/// Which database holds the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A file of this process.
    Sqlite,
    /// A MariaDB or MySQL server.
    Mysql,
}

impl Dialect {
    /// By the scheme of a URL.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        match url.split(':').next() {
            Some("sqlite") => Some(Self::Sqlite),
            Some("mysql" | "mariadb") => Some(Self::Mysql),
            _ => None,
        }
    }

    pub(crate) fn migrator(self) -> &'static Migrator {
        match self {
            Self::Sqlite => &SQLITE,
            Self::Mysql => &MYSQL,
        }
    }

    /// Run once on each connection.
    ///
    /// MySQL: read committed, so that a transaction that has waited for a counter's row then reads what its
    /// predecessor wrote.
    pub(crate) fn connection_setup(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &[
                "PRAGMA busy_timeout = 10000",
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA foreign_keys = ON",
            ],
            Self::Mysql => &["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"],
        }
    }

    /// How a transaction that will write begins. SQLite takes the write lock at once: taken later, it may be refused.
    pub(crate) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Mysql => "START TRANSACTION",
        }
    }

    /// How an insert begins that leaves a row with the same key as it is.
    pub(crate) fn insert_new(self) -> &'static str {
        match self {
            Self::Sqlite => "INSERT OR IGNORE INTO",
            Self::Mysql => "INSERT IGNORE INTO",
        }
    }

    pub(crate) fn connections(self) -> u32 {
        match self {
            Self::Sqlite => 4,
            Self::Mysql => 16,
        }
    }

    /// A statement that waits until no other process migrates, and the one that ends it. The migrator's own lock asks
    /// for an endless wait, which MariaDB refuses with a warning; a SQLite file has one process.
    pub(crate) fn migration_lock(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Sqlite => None,
            Self::Mysql => Some((
                "SELECT GET_LOCK(CONCAT('aops-tables-', LEFT(SHA2(DATABASE(), 256), 32)), 600)",
                "SELECT RELEASE_LOCK(CONCAT('aops-tables-', LEFT(SHA2(DATABASE(), 256), 32)))",
            )),
        }
    }
}
