-- Documents. A removed one keeps its row without fields and body, so that an older put cannot bring it back.
CREATE TABLE result (
    id             TEXT PRIMARY KEY,
    revision       INTEGER NOT NULL,
    removed_ms     INTEGER,
    evaluation_key TEXT,
    host_id        TEXT,
    value          TEXT,
    start_ms       INTEGER,
    end_ms         INTEGER,
    body           TEXT
) WITHOUT ROWID;
CREATE INDEX result_removed ON result (removed_ms) WHERE removed_ms IS NOT NULL;
-- These two hold all that filters and sorts: what is not on the page is not looked up in the table, whose rows are long.
CREATE INDEX result_key_host ON result (evaluation_key, host_id, start_ms, end_ms, value, removed_ms) WHERE removed_ms IS NULL;
CREATE INDEX result_start ON result (start_ms, id, evaluation_key, host_id, value, end_ms, removed_ms) WHERE removed_ms IS NULL;
CREATE INDEX result_host ON result (host_id, start_ms);
CREATE INDEX result_value ON result (value);
CREATE INDEX result_end ON result (end_ms);

CREATE TABLE report (
    id         TEXT PRIMARY KEY,
    revision   INTEGER NOT NULL,
    removed_ms INTEGER,
    task_id    TEXT,
    owner      TEXT,
    host_id    TEXT,
    tree_name  TEXT,
    start_ms   INTEGER,
    end_ms     INTEGER,
    created_ms INTEGER,
    body       TEXT
) WITHOUT ROWID;
CREATE INDEX report_removed ON report (removed_ms) WHERE removed_ms IS NOT NULL;
CREATE INDEX report_task ON report (task_id, host_id, start_ms);
CREATE INDEX report_owner ON report (owner, start_ms);
CREATE INDEX report_host ON report (host_id, start_ms);
CREATE INDEX report_tree ON report (tree_name);
CREATE INDEX report_start ON report (start_ms);
CREATE INDEX report_end ON report (end_ms);
CREATE INDEX report_created ON report (created_ms);
