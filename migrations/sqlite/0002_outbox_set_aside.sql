-- Changes that the document store never takes, with the reason.
CREATE TABLE outbox_set_aside (
    kind VARCHAR(32) NOT NULL,
    document_id VARCHAR(64) NOT NULL,
    revision BIGINT NOT NULL,
    transition VARCHAR(16) NOT NULL,
    body TEXT NOT NULL,
    reason TEXT NOT NULL,
    set_aside_ms BIGINT NOT NULL,
    PRIMARY KEY (kind, document_id)
);
