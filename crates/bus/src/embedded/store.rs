//! The SQL of the embedded bus. Every function runs inside the transaction of its caller.

use std::sync::Arc;

use sqlx::SqliteConnection;

use crate::{DEAD_LETTER_SUFFIX, Message};

type Result<T> = std::result::Result<T, sqlx::Error>;

/// A consumer group of a topic.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct GroupId {
    pub(super) topic: String,
    pub(super) name: String,
}

impl GroupId {
    pub(super) fn new(topic: &str, name: &str) -> Arc<Self> {
        Arc::new(Self {
            topic: topic.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// A message in the queue of a group.
#[derive(Clone, Debug)]
pub(super) struct Position {
    pub(super) group: Arc<GroupId>,
    pub(super) key: String,
    pub(super) sequence: i64,
}

/// What is read of a message when it is handed out.
pub(super) struct HandedOut {
    pub(super) id: String,
    pub(super) payload: serde_json::Value,
    pub(super) attempt: u32,
}

pub(super) async fn publish(
    connection: &mut SqliteConnection,
    topic: &str,
    messages: &[Message],
    now_ms: i64,
) -> Result<()> {
    for message in messages {
        let inserted = sqlx::query(
            "INSERT INTO message (topic, key, id, payload, published_ms) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (topic, id) DO NOTHING",
        )
        .bind(topic)
        .bind(&message.key)
        .bind(&message.id)
        .bind(message.payload.to_string())
        .bind(now_ms)
        .execute(&mut *connection)
        .await?;
        if inserted.rows_affected() == 0 {
            continue;
        }
        sqlx::query(
            "INSERT INTO pending (topic, consumer_group, key, sequence, attempt, not_before_ms, head)
             SELECT ?1, name, ?2, ?3, 0, 0, NOT EXISTS
                 (SELECT 1 FROM pending WHERE topic = ?1 AND consumer_group = name AND key = ?2)
             FROM consumer_group WHERE topic = ?1",
        )
        .bind(topic)
        .bind(&message.key)
        .bind(inserted.last_insert_rowid())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Makes the group known. At its first subscription, all messages that are there become pending for it.
pub(super) async fn subscribe(connection: &mut SqliteConnection, group: &GroupId) -> Result<()> {
    let inserted =
        sqlx::query("INSERT INTO consumer_group (topic, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
            .bind(&group.topic)
            .bind(&group.name)
            .execute(&mut *connection)
            .await?;
    if inserted.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO pending (topic, consumer_group, key, sequence, attempt, not_before_ms, head)
         SELECT topic, ?2, key, sequence, 0, 0, row_number() OVER (PARTITION BY key ORDER BY sequence) = 1
         FROM message WHERE topic = ?1",
    )
    .bind(&group.topic)
    .bind(&group.name)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn lag(connection: &mut SqliteConnection, group: &GroupId) -> Result<u64> {
    let count: i64 = sqlx::query_scalar(
        "SELECT CASE
             WHEN EXISTS (SELECT 1 FROM consumer_group WHERE topic = ?1 AND name = ?2)
             THEN (SELECT count(*) FROM pending WHERE topic = ?1 AND consumer_group = ?2)
             ELSE (SELECT count(*) FROM message WHERE topic = ?1)
         END",
    )
    .bind(&group.topic)
    .bind(&group.name)
    .fetch_one(connection)
    .await?;
    Ok(count.unsigned_abs())
}

/// Takes the message out of the queue of the group; the message itself goes with the last group that waited for it.
pub(super) async fn acknowledge(connection: &mut SqliteConnection, position: &Position) -> Result<()> {
    sqlx::query(
        "DELETE FROM pending WHERE topic = ?1 AND consumer_group = ?2 AND key = ?3 AND sequence = ?4",
    )
    .bind(&position.group.topic)
    .bind(&position.group.name)
    .bind(&position.key)
    .bind(position.sequence)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE pending SET head = 1 WHERE topic = ?1 AND consumer_group = ?2 AND key = ?3 AND sequence =
             (SELECT min(sequence) FROM pending WHERE topic = ?1 AND consumer_group = ?2 AND key = ?3)",
    )
    .bind(&position.group.topic)
    .bind(&position.group.name)
    .bind(&position.key)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "DELETE FROM message WHERE sequence = ?1 AND NOT EXISTS (SELECT 1 FROM pending WHERE sequence = ?1)",
    )
    .bind(position.sequence)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn retry_at(
    connection: &mut SqliteConnection,
    position: &Position,
    not_before_ms: i64,
) -> Result<()> {
    sqlx::query(
        "UPDATE pending SET not_before_ms = ?5
         WHERE topic = ?1 AND consumer_group = ?2 AND key = ?3 AND sequence = ?4",
    )
    .bind(&position.group.topic)
    .bind(&position.group.name)
    .bind(&position.key)
    .bind(position.sequence)
    .bind(not_before_ms)
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves the message to the dead letters of its topic, of which the newest are kept.
pub(super) async fn dead_letter(
    connection: &mut SqliteConnection,
    position: &Position,
    reason: &str,
    now_ms: i64,
    kept: u32,
) -> Result<()> {
    let (id, payload): (String, String) =
        sqlx::query_as("SELECT id, payload FROM message WHERE sequence = ?1")
            .bind(position.sequence)
            .fetch_one(&mut *connection)
            .await?;
    let group = &position.group;
    let message = Message {
        key: position.key.clone(),
        id,
        payload: parse(&payload)?,
    };
    let letter = crate::dead_letter::dead_letter(&group.topic, &group.name, message, reason, now_ms);
    let topic = format!("{}{DEAD_LETTER_SUFFIX}", group.topic);
    publish(connection, &topic, &[letter], now_ms).await?;
    sqlx::query(
        "DELETE FROM message WHERE topic = ?1
         AND sequence <= (SELECT sequence FROM message WHERE topic = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)
         AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.sequence = message.sequence)",
    )
    .bind(&topic)
    .bind(kept)
    .execute(&mut *connection)
    .await?;
    acknowledge(connection, position).await
}

/// The oldest message of each key, oldest first, of those whose time has come; keys in flight are among them.
pub(super) async fn heads(
    connection: &mut SqliteConnection,
    group: &Arc<GroupId>,
    now_ms: i64,
    limit: usize,
) -> Result<Vec<Position>> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT sequence, key FROM pending
         WHERE topic = ?1 AND consumer_group = ?2 AND head = 1 AND not_before_ms <= ?3
         ORDER BY sequence LIMIT ?4",
    )
    .bind(&group.topic)
    .bind(&group.name)
    .bind(now_ms)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    let position = |(sequence, key)| Position {
        group: group.clone(),
        key,
        sequence,
    };
    Ok(rows.into_iter().map(position).collect())
}

/// When the next message that waits for its retry is due.
pub(super) async fn next_due_ms(
    connection: &mut SqliteConnection,
    group: &GroupId,
    now_ms: i64,
) -> Result<Option<i64>> {
    sqlx::query_scalar(
        "SELECT min(not_before_ms) FROM pending
         WHERE topic = ?1 AND consumer_group = ?2 AND head = 1 AND not_before_ms > ?3",
    )
    .bind(&group.topic)
    .bind(&group.name)
    .bind(now_ms)
    .fetch_one(connection)
    .await
}

/// Reads a message to hand it out, and counts the attempt.
pub(super) async fn hand_out(connection: &mut SqliteConnection, position: &Position) -> Result<HandedOut> {
    let attempt: i64 = sqlx::query_scalar(
        "UPDATE pending SET attempt = attempt + 1
         WHERE topic = ?1 AND consumer_group = ?2 AND key = ?3 AND sequence = ?4 RETURNING attempt",
    )
    .bind(&position.group.topic)
    .bind(&position.group.name)
    .bind(&position.key)
    .bind(position.sequence)
    .fetch_one(&mut *connection)
    .await?;
    let (id, payload): (String, String) =
        sqlx::query_as("SELECT id, payload FROM message WHERE sequence = ?1")
            .bind(position.sequence)
            .fetch_one(connection)
            .await?;
    Ok(HandedOut {
        id,
        payload: parse(&payload)?,
        attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
    })
}

fn parse(payload: &str) -> Result<serde_json::Value> {
    serde_json::from_str(payload).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
