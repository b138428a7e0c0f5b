//! The tables: truth that needs transactions. The only place with SQL (the document store's own file aside).
//!
//! One set of statements with `?` placeholders runs on SQLite and on MariaDB or MySQL; `dialect` holds the few
//! differences. What both take: VARCHAR, TEXT, BIGINT; no BOOLEAN (0 and 1 instead), no SUM (a DECIMAL on MySQL), no
//! INSERT … RETURNING. Text that is built holds table and column names only; values are always bound.

mod accounts;
mod audit;
mod config;
mod cursors;
mod database;
mod dialect;
mod facts;
mod findings;
mod grants;
mod groups;
mod host_changes;
mod hosts;
mod login_failures;
pub(crate) mod names;
mod outbox;
mod reach;
mod room;
mod rules;
mod schema;
mod sessions;
mod tasks;
mod trees;
mod vaults;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aops_service::random;
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, QueryBuilder, Row};
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::Instant;

use crate::account::SessionLimits;
use crate::account::password::{Cost, Hashing};
use crate::account::token::TokenKey;
use crate::error::Error;
use database::{Connection, Database};
use dialect::Dialect;
use room::Room;

pub use accounts::{FirstAdmin, NewAccount};
pub use audit::NewAuditEntry;
pub use config::{MysqlConfig, TablesConfig};
pub(crate) use database::{is_outage, is_too_large};
pub use facts::KeptFacts;
pub(crate) use findings::SETTLE_AFTER_MS;
pub use host_changes::{AddRefusal, HostChange, HostToAdd};
pub use hosts::{HostRow, ScrapeTarget};
pub use outbox::OutboxRow;
pub use rules::{KeyPeriod, RuleHistory};
pub use sessions::LoginAttempt;

/// How many values one statement binds at most, well below the limit of either database.
const MAX_BOUND: usize = 8_000;

/// The tables of one data center. Cheap to share; every method is one transaction.
///
/// A database server may be away, at the start too: [`Tables::prepare`] has to succeed once before anything else does,
/// and every call fails in time while it is away.
pub struct Tables {
    database: Database,
    dialect: Dialect,
    /// SQLite has one writer at a time. Waiting here is fair and wakes at once; waiting in SQLite polls.
    writer: Option<Mutex<()>>,
    token_key: TokenKey,
    session_limits: SessionLimits,
    hashing: Hashing,
    outbox_filled: Arc<Notify>,
}

/// Where the tables are.
pub enum TablesSource {
    /// A SQLite file.
    File(PathBuf),
    /// A MariaDB or MySQL server.
    Server(MysqlConfig),
}

/// What [`Tables::new`] needs.
pub struct OpenTables {
    /// Where they are.
    pub source: TablesSource,
    /// Signs tokens.
    pub token_key: TokenKey,
    /// How long sessions last.
    pub session_limits: SessionLimits,
    /// What hashing a password costs.
    pub password_cost: Cost,
}

impl Tables {
    /// Connects, and brings the tables to this release's schema.
    pub async fn open(open: OpenTables) -> Result<Self, Error> {
        let tables = Self::new(open)?;
        tables.prepare().await?;
        Ok(tables)
    }

    /// Without connecting yet.
    pub fn new(open: OpenTables) -> Result<Self, Error> {
        sqlx::any::install_default_drivers();
        let (dialect, database) = match &open.source {
            TablesSource::File(file) => (Dialect::Sqlite, file_database(file)?),
            TablesSource::Server(config) => (Dialect::Mysql, server_database(config)?),
        };
        Ok(Self {
            database,
            dialect,
            writer: (dialect == Dialect::Sqlite).then(|| Mutex::new(())),
            token_key: open.token_key,
            session_limits: open.session_limits,
            hashing: Hashing::new(open.password_cost)?,
            outbox_filled: Arc::new(Notify::new()),
        })
    }

    /// Brings the tables to this release's schema and checks what a foreign hand may have changed. A schema is refused
    /// that this release cannot read.
    pub async fn prepare(&self) -> Result<(), Error> {
        let room = schema::prepare(&self.database, self.dialect).await?;
        self.database.set_room(room);
        self.database.note_presence();
        self.database.set_prepared();
        Ok(())
    }

    /// Reads next to nothing: an error says why the tables cannot be used now.
    pub async fn ping(&self) -> Result<(), Error> {
        revision(&mut self.database.acquire().await?, "rules").await?;
        Ok(())
    }

    /// Which database, and where, for people.
    pub fn place(&self) -> String {
        self.database.place().to_owned()
    }

    /// Told whenever a transaction has left something in the outbox.
    pub fn outbox_filled(&self) -> Arc<Notify> {
        self.outbox_filled.clone()
    }

    /// Waits until all connections have been given back and closes them.
    pub async fn close(&self) {
        self.database.pool().close().await;
    }

    /// Begins a transaction that writes. Dropped before its end, it changes nothing.
    async fn begin(&self) -> Result<Write<'_>, Error> {
        let turn = match &self.writer {
            Some(writer) => Some(writer.lock().await),
            None => None,
        };
        let mut connection = self.database.acquire().await?;
        connection.run(self.dialect.begin()).await?;
        connection.set_unfinished(true);
        Ok(Write {
            connection,
            room: self.database.room(),
            _turn: turn,
        })
    }

    /// Commits what went well and takes back what did not.
    async fn end<T>(&self, mut write: Write<'_>, outcome: Result<T, Error>) -> Result<T, Error> {
        let outcome = match outcome {
            Ok(outcome) => match write.connection.run("COMMIT").await {
                Ok(()) => {
                    write.connection.set_unfinished(false);
                    Ok(outcome)
                }
                Err(error) => Err(error.into()),
            },
            Err(Error::Unreachable(error)) => Err(Error::Unreachable(error)),
            Err(error) => {
                // Should that fail, the connection is closed, which ends the transaction as well.
                if write.connection.run("ROLLBACK").await.is_ok() {
                    write.connection.set_unfinished(false);
                }
                Err(error)
            }
        };
        match outcome {
            Err(Error::Unreachable(error)) => Err(Error::Unreachable(self.database.note_absence(error))),
            other => other,
        }
    }
}

/// Runs a transaction that writes: `transact!(tables, |write| { … })`. All of the block happens or nothing; it is done
/// anew, a few times, when it loses against another transaction, so it must do nothing beside the transaction. `?` and
/// `return` end the block and take the transaction back.
///
/// A macro, since the future of an async closure that borrows cannot be shown to be `Send` yet.
macro_rules! transact {
    ($tables:expr, |$write:ident| $work:block) => {{
        let mut retries = $crate::store::Retries::new();
        loop {
            let mut begun = $tables.begin().await?;
            let outcome: Result<_, $crate::error::Error> = async {
                let $write = &mut begun;
                $work
            }
            .await;
            match retries.settle($tables.end(begun, outcome).await) {
                $crate::store::Settled::Done(outcome) => break outcome,
                $crate::store::Settled::Again(pause) => tokio::time::sleep(pause).await,
            }
        }
    }};
}
use transact;

/// Whether a transaction is done with, well or not.
enum Settled<T> {
    Done(Result<T, Error>),
    /// It lost against another one; it is to be done anew after this pause.
    Again(Duration),
}

/// When a transaction that has lost is done anew.
struct Retries {
    begun: Instant,
    next: Duration,
}

impl Retries {
    const FIRST: Duration = Duration::from_millis(10);
    /// The last attempt may wait for a lock once more, and its request is still answered within three seconds.
    const LONGEST: Duration = Duration::from_millis(1_200);

    fn new() -> Self {
        Self {
            begun: Instant::now(),
            next: Self::FIRST,
        }
    }

    fn settle<T>(&mut self, outcome: Result<T, Error>) -> Settled<T> {
        let lost = match outcome {
            Err(Error::Statement(lost)) if database::is_conflict(&lost) => lost,
            outcome => return Settled::Done(outcome),
        };
        match self.pause() {
            Some(pause) => Settled::Again(pause),
            None => Settled::Done(Err(Error::Busy(lost))),
        }
    }

    /// How long to wait before the next attempt; `None` = no more. Two that have met must not meet again, so the pause
    /// has a random part.
    fn pause(&mut self) -> Option<Duration> {
        if self.begun.elapsed() >= Self::LONGEST {
            return None;
        }
        let pause = self.next / 2 + random::up_to(self.next);
        self.next *= 2;
        Some(pause)
    }
}

fn file_database(file: &Path) -> Result<Database, Error> {
    let pool = pool_options(dialect::SQLITE_SETUP.map(str::to_owned).to_vec())
        .max_connections(4)
        .acquire_timeout(Duration::from_secs(15))
        .test_before_acquire(false)
        .connect_lazy(&sqlite_url(file))?;
    Ok(Database::new(pool, file.display().to_string(), None))
}

fn server_database(config: &MysqlConfig) -> Result<Database, Error> {
    let pool = pool_options(dialect::mysql_setup(config.lock_timeout).to_vec())
        .max_connections(config.connections)
        .acquire_timeout(config.acquire_timeout)
        .test_before_acquire(true)
        .connect_lazy(&config.driver_url()?)?;
    let place = format!("MariaDB or MySQL at {}", config.place());
    Ok(Database::new(pool, place, Some(config.statement_timeout)))
}

/// With statements that run once on each connection.
fn pool_options(setup: Vec<String>) -> AnyPoolOptions {
    let setup: Arc<[String]> = setup.into();
    AnyPoolOptions::new().after_connect(move |connection, _| {
        let setup = setup.clone();
        Box::pin(async move {
            for statement in setup.iter() {
                sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone()))
                    .execute(&mut *connection)
                    .await?;
            }
            Ok(())
        })
    })
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

/// A transaction that writes.
struct Write<'a> {
    connection: Connection,
    /// Of one statement.
    room: Room,
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Write<'_> {
    fn connection(&mut self) -> &mut Connection {
        &mut self.connection
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

async fn revision(connection: &mut Connection, name: &str) -> Result<u64, Error> {
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

async fn execute(mut query: QueryBuilder<Any>, connection: &mut Connection) -> Result<u64, Error> {
    let outcome = query.build().execute(connection).await?;
    Ok(outcome.rows_affected())
}

async fn fetch(mut query: QueryBuilder<Any>, connection: &mut Connection) -> Result<Vec<AnyRow>, Error> {
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
