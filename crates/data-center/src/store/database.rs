//! The pool of connections, with a limit on every wait: for a connection, and for each answer of a statement.
//!
//! A database that is away, hangs or has no connection left makes a call fail in time, with an error that names it. A
//! connection that was left in the middle of something is closed, not used again: what comes next on it would be the
//! answer to an older question.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyPool, Describe, Either, Execute, Executor, SqlStr};

use super::room::Room;

/// What a wait for the database came to. Stands inside of [`sqlx::Error::Io`].
#[derive(Debug, thiserror::Error)]
#[error("{place}: {what}")]
struct Outage {
    place: String,
    what: String,
    #[source]
    source: Option<sqlx::Error>,
}

/// A database, reached through a pool. `&Database` runs single statements.
pub(crate) struct Database {
    pool: AnyPool,
    /// For people: which engine, and where.
    place: String,
    /// How long a statement may go on without a row or an answer; `None` = as long as it takes.
    statement_timeout: Option<Duration>,
    /// Bytes of a statement, known once the tables have been prepared.
    room: AtomicUsize,
    /// False until the tables have been brought to this release's schema.
    prepared: AtomicBool,
    /// Whether the last call met an outage: each is logged once when it begins and once when it ends.
    away: AtomicBool,
}

impl Database {
    pub(crate) fn new(pool: AnyPool, place: String, statement_timeout: Option<Duration>) -> Self {
        Self {
            pool,
            place,
            statement_timeout,
            room: AtomicUsize::new(Room::UNLIMITED.bytes()),
            prepared: AtomicBool::new(false),
            away: AtomicBool::new(false),
        }
    }

    /// The pool itself, for what has limits of its own: migrations.
    pub(crate) fn pool(&self) -> &AnyPool {
        &self.pool
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn set_room(&self, room: Room) {
        self.room.store(room.bytes(), Ordering::SeqCst);
    }

    pub(super) fn room(&self) -> Room {
        Room::of_bytes(self.room.load(Ordering::SeqCst))
    }

    pub(crate) fn set_prepared(&self) {
        self.prepared.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_prepared(&self) -> bool {
        self.prepared.load(Ordering::SeqCst)
    }

    /// A connection of its own, for several statements.
    pub(crate) async fn acquire(&self) -> Result<Connection, sqlx::Error> {
        if !self.is_prepared() {
            return Err(self.outage("has not been reached since the start", None));
        }
        match self.pool.acquire().await {
            Ok(inner) => {
                self.note_presence();
                Ok(Connection {
                    inner: Some(inner),
                    place: self.place.clone(),
                    statement_timeout: self.statement_timeout,
                    is_unfinished: false,
                })
            }
            Err(error) => Err(self.note_absence(error)),
        }
    }

    /// Names the database in an error that says that it cannot be reached; other errors stay as they are.
    pub(crate) fn note_absence(&self, error: sqlx::Error) -> sqlx::Error {
        if !is_outage(&error) {
            return error;
        }
        let error = match error {
            named if is_named(&named) => named,
            sqlx::Error::PoolTimedOut => self.outage("gives no connection in time", None),
            other => self.outage("cannot be reached", Some(other)),
        };
        if !self.away.swap(true, Ordering::SeqCst) {
            tracing::error!(
                database = self.place,
                error = &error as &dyn std::error::Error,
                "the tables are away; what needs them waits"
            );
        }
        error
    }

    pub(crate) fn note_presence(&self) {
        if self.away.swap(false, Ordering::SeqCst) {
            tracing::info!(database = self.place, "the tables are back");
        }
    }

    fn outage(&self, what: &str, source: Option<sqlx::Error>) -> sqlx::Error {
        outage(&self.place, what, source)
    }
}

fn outage(place: &str, what: &str, source: Option<sqlx::Error>) -> sqlx::Error {
    let outage = Outage {
        place: place.to_owned(),
        what: what.to_owned(),
        source,
    };
    sqlx::Error::Io(io::Error::other(outage))
}

fn is_named(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.get_ref().is_some_and(|inner| inner.is::<Outage>()),
        _ => false,
    }
}

/// Whether an error says that the database is away, and nothing about the statement.
pub(crate) fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => {
            mysql_number(error.as_ref()).is_some_and(|number| AWAY.contains(&number))
        }
        _ => false,
    }
}

/// Whether a transaction lost against another one and may be begun anew.
pub(crate) fn is_conflict(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    match mysql_number(error.as_ref()) {
        Some(number) => LOST.contains(&number),
        None => error.code().is_some_and(|code| SQLITE_BUSY.contains(&&*code)),
    }
}

/// Whether a server refused a statement for its size. It closes the connection then.
pub(crate) fn is_too_large(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    mysql_number(error.as_ref()) == Some(PACKET_TOO_LARGE)
}

fn mysql_number(error: &dyn sqlx::error::DatabaseError) -> Option<u16> {
    error
        .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
        .map(sqlx::mysql::MySqlDatabaseError::number)
}

/// Too many connections (of all, of this user), shutdown in progress, connection killed (also by the server's
/// `idle_transaction_timeout`), out of memory or disk.
const AWAY: [u16; 8] = [1040, 1203, 1226, 1053, 1927, 1037, 1041, 1021];
/// Lock wait time-out, deadlock, record changed since it was read.
const LOST: [u16; 3] = [1205, 1213, 1020];
/// Got a packet bigger than 'max_allowed_packet' bytes.
const PACKET_TOO_LARGE: u16 = 1153;
/// SQLITE_BUSY, SQLITE_LOCKED, SQLITE_BUSY_SNAPSHOT, SQLITE_BUSY_RECOVERY.
const SQLITE_BUSY: [&str; 4] = ["5", "6", "517", "261"];

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Database").field(&self.place).finish()
    }
}

/// A connection that is given back when it is dropped, or closed when it was left in the middle of something.
pub(crate) struct Connection {
    /// There until it is dropped.
    inner: Option<PoolConnection<Any>>,
    place: String,
    statement_timeout: Option<Duration>,
    /// A statement has not been answered to its end, or a transaction is open.
    is_unfinished: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Connection").field(&self.place).finish()
    }
}

impl Connection {
    /// Runs a statement that is not prepared, one that begins or ends a transaction.
    pub(crate) async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(statement).execute(&mut *self).await?;
        Ok(())
    }

    /// While a transaction is open, the connection is of no use to others.
    pub(crate) fn set_unfinished(&mut self, is_unfinished: bool) {
        self.is_unfinished = is_unfinished;
    }

    fn parts(&mut self) -> Parts<'_> {
        let inner = self
            .inner
            .as_mut()
            .expect("a connection is there until it is dropped");
        Parts {
            inner,
            watch: Watch {
                place: &self.place,
                limit: self.statement_timeout,
                was_unfinished: self.is_unfinished,
                is_unfinished: &mut self.is_unfinished,
            },
        }
    }
}

struct Parts<'c> {
    inner: &'c mut PoolConnection<Any>,
    watch: Watch<'c>,
}

/// Waits for answers, not for ever; until the last one has come, the connection counts as unfinished.
struct Watch<'c> {
    place: &'c str,
    limit: Option<Duration>,
    was_unfinished: bool,
    is_unfinished: &'c mut bool,
}

impl Watch<'_> {
    async fn wait<T>(&mut self, answer: impl Future<Output = T>) -> Result<T, sqlx::Error> {
        *self.is_unfinished = true;
        let Some(limit) = self.limit else {
            return Ok(answer.await);
        };
        tokio::time::timeout(limit, answer)
            .await
            .map_err(|_| outage(self.place, &format!("does not answer within {limit:?}"), None))
    }

    fn finished(&mut self) {
        *self.is_unfinished = self.was_unfinished;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(inner) = self.inner.take() else { return };
        if self.is_unfinished {
            // Its place in the pool is free at once, whatever the server does with it.
            drop(inner.detach());
        }
    }
}

type Answer = Either<AnyQueryResult, AnyRow>;

impl<'c> Executor<'c> for &'c mut Connection {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Answer, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let Parts { inner, watch } = self.parts();
        let answers = (&mut **inner).fetch_many(query);
        let next = |state: Option<(BoxStream<'e, Result<Answer, sqlx::Error>>, Watch<'e>)>| async move {
            let (mut answers, mut watch) = state?;
            match watch.wait(answers.next()).await {
                Ok(Some(Ok(answer))) => Some((Ok(answer), Some((answers, watch)))),
                Ok(Some(Err(error))) => {
                    watch.finished();
                    Some((Err(error), None))
                }
                Ok(None) => {
                    watch.finished();
                    None
                }
                Err(error) => Some((Err(error), None)),
            }
        };
        stream::unfold(Some((answers, watch)), next).boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let Parts { inner, mut watch } = self.parts();
        let answer = (&mut **inner).fetch_optional(query);
        Box::pin(async move {
            let answer = watch.wait(answer).await?;
            watch.finished();
            answer
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        let Parts { inner, mut watch } = self.parts();
        let answer = (&mut **inner).prepare_with(sql, parameters);
        Box::pin(async move {
            let answer = watch.wait(answer).await?;
            watch.finished();
            answer
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, sqlx::Error>>
    where
        'c: 'e,
    {
        let Parts { inner, mut watch } = self.parts();
        let answer = (&mut **inner).describe(sql);
        Box::pin(async move {
            let answer = watch.wait(answer).await?;
            watch.finished();
            answer
        })
    }
}

impl<'d> Executor<'d> for &'d Database {
    type Database = Any;

    /// Read to the end before the first is given: the connection goes back.
    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Answer, sqlx::Error>>
    where
        'd: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let answers = async move {
            let mut connection = self.acquire().await?;
            let answers: Vec<Answer> = (&mut connection)
                .fetch_many(query)
                .try_collect()
                .await
                .map_err(|error| self.note_absence(error))?;
            Ok::<_, sqlx::Error>(stream::iter(answers.into_iter().map(Ok)))
        };
        stream::once(answers).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<AnyRow>, sqlx::Error>>
    where
        'd: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(async move {
            let mut connection = self.acquire().await?;
            let row = (&mut connection).fetch_optional(query).await;
            row.map_err(|error| self.note_absence(error))
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, Result<AnyStatement, sqlx::Error>>
    where
        'd: 'e,
    {
        Box::pin(async move {
            let mut connection = self.acquire().await?;
            (&mut connection).prepare_with(sql, parameters).await
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Any>, sqlx::Error>>
    where
        'd: 'e,
    {
        Box::pin(async move {
            let mut connection = self.acquire().await?;
            (&mut connection).describe(sql).await
        })
    }
}
