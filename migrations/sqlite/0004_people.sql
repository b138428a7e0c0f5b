-- People and what they have of machines: their vaults, failed logins, the operation log; facts of machines.

ALTER TABLE account ADD COLUMN last_login_ms BIGINT NULL;
-- A deleted account keeps its row: its name is not given to somebody else, who would see its reports.
ALTER TABLE account ADD COLUMN deleted_ms BIGINT NULL;

-- The data key of the session's user, sealed by the token, which is not stored.
ALTER TABLE session ADD COLUMN sealed_key TEXT NULL;

ALTER TABLE access ADD COLUMN credentials TEXT NULL;
ALTER TABLE access ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- The data key of a user, wrapped by what they gave as key.
CREATE TABLE vault (
    owner VARCHAR(128) NOT NULL PRIMARY KEY,
    wrapped_key TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    FOREIGN KEY (owner) REFERENCES account (username)
);

-- Logins that failed in a row: of an account, of an address, of an account from an address.
CREATE TABLE login_failure (
    kind VARCHAR(16) NOT NULL,
    name VARCHAR(255) NOT NULL,
    failures BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX login_failure_last ON login_failure (last_ms);

CREATE TABLE machine_facts (
    host_id VARCHAR(64) NOT NULL PRIMARY KEY,
    facts TEXT NOT NULL,
    collected_ms BIGINT NOT NULL,
    FOREIGN KEY (host_id) REFERENCES machine (host_id) ON DELETE CASCADE
);

-- The operation log. outcome is NULL from the begin of a change to its end.
CREATE TABLE audit (
    audit_id INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms BIGINT NOT NULL,
    username VARCHAR(128) NOT NULL,
    address VARCHAR(64) NOT NULL,
    action VARCHAR(64) NOT NULL,
    detail TEXT NOT NULL,
    outcome BIGINT NULL,
    message TEXT NOT NULL,
    request_id VARCHAR(128) NOT NULL
);
CREATE INDEX audit_time ON audit (time_ms);
CREATE INDEX audit_username ON audit (username, time_ms);
