//! The tables: truth that needs transactions. The only place with SQL (the document store's own file aside).
//!
//! One set of statements with `?` placeholders runs on SQLite and on MariaDB or MySQL; `dialect` holds the few
//! differences. What both take: VARCHAR, TEXT, BIGINT; no BOOLEAN (0 and 1 instead), no SUM (a DECIMAL on MySQL), no
//! INSERT … RETURNING. Text that is built holds table and column names only; values are always bound.

mod accounts;
mod config;
mod cursors;
mod dialect;
mod findings;
mod hosts;
mod names;
mod outbox;
mod reach;
mod rules;
mod tasks;
mod trees;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyConnection, AnyPool, Connection, QueryBuilder, Row, Transaction};
use tokio::sync::{Mutex, MutexGuard, Notify};

use crate::account::SessionLimits;
use crate::account::token::TokenKey;
use crate::error::Error;
use dialect::Dialect;

pub use accounts::FirstAdmin;
pub use config::{MysqlConfig, TablesConfig};
pub(crate) use findings::SETTLE_AFTER_MS;
pub use hosts::{HostRow, ScrapeTarget};
pub use outbox::OutboxRow;
pub use rules::{KeyPeriod, RuleHistory};

/// How many values one statement binds at most, well below the limit of either database.
const MAX_BOUND: usize = 8_000;

/// The tables of one data center. Cheap to share; every method is one transaction.
pub struct Tables {
    pool: AnyPool,
    dialect: Dialect,
    /// SQLite has one writer at a time. Waiting here is fair and wakes at once; waiting in SQLite polls.
    writer: Option<Mutex<()>>,
    token_key: TokenKey,
    session_limits: SessionLimits,
    outbox_filled: Arc<Notify>,
}

/// What [`Tables::open`] needs.
pub struct OpenTables {
    /// `sqlite:…` or `mysql://…`.
    pub url: String,
    /// Signs tokens.
    pub token_key: TokenKey,
    /// How long sessions last.
    pub session_limits: SessionLimits,
}

impl Tables {
    /// Connects, and brings the tables to this release's schema; a newer schema is refused.
    pub async fn open(open: OpenTables) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let dialect = Dialect::of_url(&open.url).ok_or_else(|| {
            Error::Setting("the URL of the tables begins neither with sqlite: nor with mysql:".to_owned())
        })?;
        if dialect == Dialect::Mysql {
            // The pool would try again and again for as long as it waits for a connection.
            AnyConnection::connect(&open.url).await?.close().await?;
        }
        let pool = AnyPoolOptions::new()
            .max_connections(dialect.connections())
            .acquire_timeout(Duration::from_secs(15))
            .test_before_acquire(dialect == Dialect::Mysql)
            .after_connect(move |connection, _| Box::pin(set_up(connection, dialect)))
            .connect(&open.url)
            .await?;
        migrate(&pool, dialect).await?;
        Ok(Self {
            pool,
            dialect,
            writer: (dialect == Dialect::Sqlite).then(|| Mutex::new(())),
            token_key: open.token_key,
            session_limits: open.session_limits,
            outbox_filled: Arc::new(Notify::new()),
        })
    }

    /// Told whenever a transaction has left something in the outbox.
    pub fn outbox_filled(&self) -> Arc<Notify> {
        self.outbox_filled.clone()
    }

    /// Waits until all connections have been given back and closes them.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins a transaction that writes. Dropped without commit, it changes nothing.
    async fn write(&self) -> Result<Write<'_>, Error> {
        let turn = match &self.writer {
            Some(writer) => Some(writer.lock().await),
            None => None,
        };
        let transaction = self.pool.begin_with(self.dialect.begin()).await?;
        Ok(Write {
            transaction,
            _turn: turn,
        })
    }
}

/// The URL of a SQLite file.
pub fn sqlite_url(file: &Path) -> String {
    let mut url = "sqlite://".to_owned();
    for byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                url.push(char::from(*byte))
            }
            _ => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url.push_str("?mode=rwc");
    url
}

async fn set_up(connection: &mut AnyConnection, dialect: Dialect) -> Result<(), sqlx::Error> {
    for statement in dialect.connection_setup() {
        sqlx::query(*statement).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn migrate(pool: &AnyPool, dialect: Dialect) -> Result<(), Error> {
    let mut connection = pool.acquire().await?;
    let Some((lock, unlock)) = dialect.migration_lock() else {
        return Ok(dialect.migrator().run(&mut *connection).await?);
    };
    let locked: Option<i64> = sqlx::query(lock).fetch_one(&mut *connection).await?.try_get(0)?;
    if locked != Some(1) {
        return Err(Error::Unreachable(sqlx::Error::PoolTimedOut));
    }
    let outcome = dialect.migrator().run(&mut *connection).await;
    sqlx::query(unlock).execute(&mut *connection).await?;
    Ok(outcome?)
}

/// A transaction that writes.
struct Write<'a> {
    transaction: Transaction<'static, Any>,
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Write<'_> {
    fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    async fn commit(self) -> Result<(), Error> {
        Ok(self.transaction.commit().await?)
    }

    /// Waits for all other transactions that have locked this counter. First statement of those that will raise it:
    /// what they read afterwards, nobody changes until they are done.
    async fn lock_revision(&mut self, name: &str) -> Result<(), Error> {
        sqlx::query("UPDATE revision SET number = number WHERE name = ?")
            .bind(name.to_owned())
            .execute(self.connection())
            .await?;
        Ok(())
    }

    /// Says that what the counter counts has changed.
    async fn raise_revision(&mut self, name: &str) -> Result<(), Error> {
        sqlx::query("UPDATE revision SET number = number + 1 WHERE name = ?")
            .bind(name.to_owned())
            .execute(self.connection())
            .await?;
        Ok(())
    }
}

async fn revision(connection: &mut AnyConnection, name: &str) -> Result<u64, Error> {
    let row = sqlx::query("SELECT number FROM revision WHERE name = ?")
        .bind(name.to_owned())
        .fetch_one(connection)
        .await?;
    Ok(from_count(row.try_get(0)?))
}

/// `column IN (?, ?, …)` with the texts bound; nothing matches an empty list.
///
/// The list is filled up to a power of two with its last text, so that few different statements come to be: each is
/// prepared once per connection and kept. (One that is not kept costs a pause of 40 ms on MySQL: the driver leaves
/// Nagle's algorithm on, and closing a statement has no answer.)
fn push_in<'t>(query: &mut QueryBuilder<Any>, column: &str, texts: impl IntoIterator<Item = &'t str>) {
    query.push(column).push(" IN (");
    let mut list = query.separated(", ");
    let mut count = 0_usize;
    let mut last = None;
    for text in texts {
        list.push_bind(text.to_owned());
        last = Some(text);
        count += 1;
    }
    match last {
        None => {
            list.push("NULL");
        }
        Some(last) => {
            for _ in count..count.next_power_of_two() {
                list.push_bind(last.to_owned());
            }
        }
    }
    query.push(")");
}

/// Rows in slices for statements that write many: each a power of two long, so that few different statements come to
/// be (see [`push_in`]), and none with more than [`MAX_BOUND`] values.
fn slices<T>(rows: &[T], columns: usize) -> impl Iterator<Item = &[T]> {
    let most = floor_power_of_two((MAX_BOUND / columns).max(1));
    let mut rest = rows;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (slice, after) = rest.split_at(floor_power_of_two(rest.len()).min(most));
        rest = after;
        Some(slice)
    })
}

const fn floor_power_of_two(number: usize) -> usize {
    1 << number.ilog2()
}

async fn execute(mut query: QueryBuilder<Any>, connection: &mut AnyConnection) -> Result<u64, Error> {
    let outcome = query.build().execute(connection).await?;
    Ok(outcome.rows_affected())
}

async fn fetch(mut query: QueryBuilder<Any>, connection: &mut AnyConnection) -> Result<Vec<AnyRow>, Error> {
    Ok(query.build().fetch_all(connection).await?)
}

fn from_flag(number: i64) -> bool {
    number != 0
}

/// Counts come out of the database signed.
fn from_count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_hold_all_rows_and_have_few_lengths() {
        let rows: Vec<usize> = (0..1_500).collect();
        for length in [0, 1, 2, 3, 560, 1_023, 1_500] {
            let slices: Vec<&[usize]> = slices(&rows[..length], 10).collect();
            assert_eq!(slices.concat(), rows[..length]);
            assert!(
                slices
                    .iter()
                    .all(|slice| slice.len().is_power_of_two() && slice.len() * 10 <= MAX_BOUND)
            );
        }
    }

    #[test]
    fn the_url_of_a_file_survives_odd_folders() {
        assert_eq!(
            sqlite_url(Path::new("/data folder/a?b#c%d")),
            "sqlite:///data%20folder/a%3Fb%23c%25d?mode=rwc"
        );
    }
}
