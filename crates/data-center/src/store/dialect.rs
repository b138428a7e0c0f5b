//! The few places where the two databases differ. Everything else is one set of statements for both.

use std::time::Duration;

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
    pub(crate) fn migrator(self) -> &'static Migrator {
        match self {
            Self::Sqlite => &SQLITE,
            Self::Mysql => &MYSQL,
        }
    }

    /// The tables that migrations make.
    pub(crate) fn tables(self) -> Vec<&'static str> {
        self.migrator()
            .iter()
            .flat_map(|migration| migration.sql.as_str().lines())
            .filter_map(|line| line.strip_prefix("CREATE TABLE "))
            .map(|rest| rest.trim_end_matches([' ', '(']))
            .collect()
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

    /// A statement that waits a while for the end of another process's migration, and the one that ends it. The migrator's own lock asks
    /// for an endless wait, which MariaDB refuses with a warning; a SQLite file has one process.
    pub(crate) fn migration_lock(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Sqlite => None,
            Self::Mysql => Some((
                "SELECT GET_LOCK(CONCAT('aops-tables-', LEFT(SHA2(DATABASE(), 256), 32)), 10)",
                "SELECT RELEASE_LOCK(CONCAT('aops-tables-', LEFT(SHA2(DATABASE(), 256), 32)))",
            )),
        }
    }
}

/// Run once on each connection of a SQLite file.
pub(crate) const SQLITE_SETUP: [&str; 4] = [
    "PRAGMA busy_timeout = 2000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
];

/// Run once on each connection of a server.
///
/// Read committed, so that a transaction that has waited for a counter's row then reads what its predecessor wrote. The
/// part in the comment is for MariaDB: MySQL cannot end a transaction whose client is gone without a word, such as a
/// machine that lost its power, before the connection breaks; locks are held until then.
pub(crate) fn mysql_setup(lock_timeout: Duration) -> [String; 2] {
    [
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
        format!(
            "SET SESSION innodb_lock_wait_timeout = {} /*M!100300 , SESSION idle_transaction_timeout = 30 */",
            lock_timeout.as_secs().max(1)
        ),
    ]
}
