-- The embedded message bus, schema version 1 (kept in PRAGMA user_version).

-- A message, until all known groups are past it.
CREATE TABLE message (
    sequence     INTEGER PRIMARY KEY AUTOINCREMENT,
    topic        TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    payload      TEXT    NOT NULL,
    published_ms INTEGER NOT NULL,
    UNIQUE (topic, id)
) STRICT;

-- A group is known from its first subscription on.
CREATE TABLE consumer_group (
    topic TEXT NOT NULL,
    name  TEXT NOT NULL,
    PRIMARY KEY (topic, name)
) STRICT, WITHOUT ROWID;

-- A message that a group has not acknowledged. Of each key, the oldest is the head: the only one that may be handed
-- out. Finding the next message then costs as much as there are messages in flight, however long the queue is.
CREATE TABLE pending (
    topic          TEXT    NOT NULL,
    consumer_group TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    sequence       INTEGER NOT NULL REFERENCES message (sequence),
    attempt        INTEGER NOT NULL,
    not_before_ms  INTEGER NOT NULL,
    head           INTEGER NOT NULL,
    PRIMARY KEY (topic, consumer_group, key, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX pending_head ON pending (topic, consumer_group, sequence) WHERE head = 1;
CREATE INDEX pending_sequence ON pending (sequence);
