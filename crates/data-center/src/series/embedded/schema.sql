-- Series of the embedded engine.

CREATE TABLE series (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id TEXT NOT NULL,
    name    TEXT NOT NULL,
    -- A JSON object of all labels but host_id.
    labels  TEXT NOT NULL,
    -- No sample in a chunk is newer.
    last_ms INTEGER NOT NULL
);

-- Appends that are not yet in chunks.
CREATE TABLE waiting (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    payload BLOB NOT NULL
);

-- Of two samples of a series with one time, the one in the chunk with the higher sequence counts.
CREATE TABLE chunk (
    series_id INTEGER NOT NULL,
    start_ms  INTEGER NOT NULL,
    sequence  INTEGER NOT NULL,
    end_ms    INTEGER NOT NULL,
    samples   INTEGER NOT NULL,
    data      BLOB NOT NULL,
    PRIMARY KEY (series_id, start_ms, sequence)
) WITHOUT ROWID;
CREATE INDEX chunk_end ON chunk (end_ms);
