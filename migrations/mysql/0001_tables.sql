-- The tables of the data center. Kept in step with the folder of the other database: same names, same columns.
-- Truth values are BIGINT 0 or 1; times are UTC milliseconds; JSON is text.

CREATE TABLE account (
    username VARCHAR(128) NOT NULL PRIMARY KEY,
    password_hash VARCHAR(255) NOT NULL,
    role VARCHAR(16) NOT NULL,
    must_change BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

CREATE TABLE session (
    session_id VARCHAR(64) NOT NULL PRIMARY KEY,
    username VARCHAR(128) NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    FOREIGN KEY (username) REFERENCES account (username) ON DELETE CASCADE,
    KEY session_username (username),
    KEY session_expires (expires_ms)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- One row per machine, whoever and however many watch it.
CREATE TABLE machine (
    host_id VARCHAR(64) NOT NULL PRIMARY KEY,
    agent_id VARCHAR(64) NULL,
    shard BIGINT NOT NULL,
    address VARCHAR(255) NOT NULL,
    ssh_port BIGINT NOT NULL,
    metrics_address VARCHAR(255) NOT NULL,
    first_sample_ms BIGINT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE KEY machine_agent (agent_id),
    KEY machine_shard (shard),
    KEY machine_address (address, ssh_port)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

CREATE TABLE host_group (
    owner VARCHAR(128) NOT NULL,
    name VARCHAR(128) NOT NULL,
    description MEDIUMTEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (owner, name),
    FOREIGN KEY (owner) REFERENCES account (username)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- What a user has of a machine.
CREATE TABLE access (
    owner VARCHAR(128) NOT NULL,
    host_id VARCHAR(64) NOT NULL,
    host_name VARCHAR(128) NOT NULL,
    host_group_name VARCHAR(128) NOT NULL,
    management BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (owner, host_id),
    FOREIGN KEY (owner, host_group_name) REFERENCES host_group (owner, name),
    FOREIGN KEY (host_id) REFERENCES machine (host_id),
    KEY access_host (host_id)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- Rules with their history: a changed rule is a new version, and the time before it keeps the key of the old one.
-- to_ms is NULL for the version in effect. version 1 also stands for all the time before from_ms.
CREATE TABLE rule_version (
    owner VARCHAR(128) NOT NULL,
    name VARCHAR(128) NOT NULL,
    version BIGINT NOT NULL,
    import_order BIGINT NOT NULL,
    evaluation_key VARCHAR(64) NOT NULL,
    item MEDIUMTEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NULL,
    PRIMARY KEY (owner, name, version),
    KEY rule_version_to (to_ms)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

CREATE TABLE tree_version (
    owner VARCHAR(128) NOT NULL,
    name VARCHAR(128) NOT NULL,
    version BIGINT NOT NULL,
    import_order BIGINT NOT NULL,
    document MEDIUMTEXT NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NULL,
    PRIMARY KEY (owner, name, version)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- Counters that only grow. Who changes what a counter counts raises it first, and so waits for others who do.
CREATE TABLE revision (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;
INSERT INTO revision (name, number) VALUES ('rules', 0), ('trees', 0);

-- One counter per shard: saves of findings of one shard follow each other, and results carry the number of the save.
CREATE TABLE finding_revision (
    shard BIGINT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;
INSERT INTO finding_revision (shard, number) VALUES
    (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0),
    (8, 0), (9, 0), (10, 0), (11, 0), (12, 0), (13, 0), (14, 0), (15, 0),
    (16, 0), (17, 0), (18, 0), (19, 0), (20, 0), (21, 0), (22, 0), (23, 0),
    (24, 0), (25, 0), (26, 0), (27, 0), (28, 0), (29, 0), (30, 0), (31, 0),
    (32, 0), (33, 0), (34, 0), (35, 0), (36, 0), (37, 0), (38, 0), (39, 0),
    (40, 0), (41, 0), (42, 0), (43, 0), (44, 0), (45, 0), (46, 0), (47, 0),
    (48, 0), (49, 0), (50, 0), (51, 0), (52, 0), (53, 0), (54, 0), (55, 0),
    (56, 0), (57, 0), (58, 0), (59, 0), (60, 0), (61, 0), (62, 0), (63, 0);

-- End of the last window that has been published for a shard.
CREATE TABLE check_cursor (
    shard BIGINT NOT NULL PRIMARY KEY,
    position_ms BIGINT NOT NULL
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- What has been judged. judged_hash is NULL where the series could not be read: such a row covers nothing.
-- Rows of one key and host do not overlap, so the end names a row; recent rows are found from the end.
CREATE TABLE coverage (
    host_id VARCHAR(64) NOT NULL,
    evaluation_key VARCHAR(64) NOT NULL,
    end_ms BIGINT NOT NULL,
    start_ms BIGINT NOT NULL,
    as_of_ms BIGINT NOT NULL,
    judged_hash VARCHAR(64) NULL,
    PRIMARY KEY (host_id, evaluation_key, end_ms)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- The label sets that a span was judged for, once for all spans that share them.
CREATE TABLE label_sets (
    hash VARCHAR(64) NOT NULL PRIMARY KEY,
    sets MEDIUMTEXT NOT NULL
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

CREATE TABLE finding (
    result_id VARCHAR(64) NOT NULL PRIMARY KEY,
    host_id VARCHAR(64) NOT NULL,
    evaluation_key VARCHAR(64) NOT NULL,
    labels MEDIUMTEXT NOT NULL,
    verdict VARCHAR(16) NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT NOT NULL,
    evidence MEDIUMTEXT NOT NULL,
    reason MEDIUMTEXT NOT NULL,
    closed BIGINT NOT NULL,
    KEY finding_end (host_id, evaluation_key, end_ms)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- What is still to be told to the document store, in order.
CREATE TABLE outbox (
    seq BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    kind VARCHAR(32) NOT NULL,
    document_id VARCHAR(64) NOT NULL,
    revision BIGINT NOT NULL,
    transition VARCHAR(16) NOT NULL,
    body MEDIUMTEXT NOT NULL,
    created_ms BIGINT NOT NULL
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- A diagnosis with all that decides its outcome.
CREATE TABLE diag_task (
    task_id VARCHAR(64) NOT NULL PRIMARY KEY,
    owner VARCHAR(128) NOT NULL,
    created_ms BIGINT NOT NULL,
    host_list MEDIUMTEXT NOT NULL,
    tree_list MEDIUMTEXT NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT NOT NULL,
    expected_report_num BIGINT NOT NULL,
    published BIGINT NOT NULL,
    pinned MEDIUMTEXT NOT NULL,
    KEY diag_task_owner (owner, created_ms),
    KEY diag_task_published (published, created_ms)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;

-- Reports that have been written, deleted ones included.
CREATE TABLE diag_finished_report (
    task_id VARCHAR(64) NOT NULL,
    report_id VARCHAR(64) NOT NULL,
    PRIMARY KEY (task_id, report_id)
) ENGINE = InnoDB, CHARACTER SET utf8mb4, COLLATE utf8mb4_bin;
