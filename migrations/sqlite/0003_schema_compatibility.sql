-- The lowest schema version whose release can still work on these tables: see migrations/README.md.
CREATE TABLE schema_compatibility (
    minimum_reader BIGINT NOT NULL
);
INSERT INTO schema_compatibility (minimum_reader) VALUES (1);
