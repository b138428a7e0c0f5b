-- People and what they have of machines: their vaults, failed logins, the operation log; facts of machines.

ALTER TABLE account ADD COLUMN last_login_ms BIGINT NULL;
-- A deleted account keeps its row: its name is not given to somebody else, who would see its reports.
ALTER TABLE account ADD COLUMN deleted_ms BIGINT NULL;

-- The data key of the session's user, sealed by the token, which is not stored.
ALTER TABLE session ADD COLUMN sealed_key MEDIUMTEXT NULL;

ALTER TABLE access ADD COLUMN credentials MEDIUMTEXT NULL;
ALTER TABLE access ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- The data key of a user, wrapped by what they gave as key.
CREATE TABLE vault (
    owner VARCHAR(128) NOT NULL PRIMARY KEY,
    wrapped_key MEDIUMTEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    FOREIGN KEY (owner) REFERENCES account (username)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- Logins that failed in a row: of an account, of an address, of an account from an address.
CREATE TABLE login_failure (
    kind VARCHAR(16) NOT NULL,
    name VARCHAR(255) NOT NULL,
    failures BIGINT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, name),
    KEY login_failure_last (last_ms)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

CREATE TABLE machine_facts (
    host_id VARCHAR(64) NOT NULL PRIMARY KEY,
    facts MEDIUMTEXT NOT NULL,
    collected_ms BIGINT NOT NULL,
    FOREIGN KEY (host_id) REFERENCES machine (host_id) ON DELETE CASCADE
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- The operation log. outcome is NULL from the begin of a change to its end.
CREATE TABLE audit (
    audit_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    time_ms BIGINT NOT NULL,
    username VARCHAR(128) NOT NULL,
    address VARCHAR(64) NOT NULL,
    action VARCHAR(64) NOT NULL,
    detail MEDIUMTEXT NOT NULL,
    outcome BIGINT NULL,
    message MEDIUMTEXT NOT NULL,
    request_id VARCHAR(128) NOT NULL,
    KEY audit_time (time_ms),
    KEY audit_username (username, time_ms)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;
