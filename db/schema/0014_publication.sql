-- Which results are also kept as documents in MongoDB: a rule for runs of a type, for each database.
CREATE TABLE IF NOT EXISTS publication_rules (
    run_type String COMMENT 'a run''s setting type, a pattern of run names, or default',
    home String COMMENT 'address of the database, without a password',
    revision UInt64,
    events Bool COMMENT 'events, and the candidates that they were made of',
    triggers String COMMENT 'names of others, with commas between',
    holds Bool COMMENT 'false: it was taken back',
    changed_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(revision) ORDER BY (run_type, home);
