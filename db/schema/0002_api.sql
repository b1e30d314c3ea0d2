-- What the API keeps: who may ask, who changed what, which posted words are stored.

CREATE TABLE IF NOT EXISTS tokens (
    token_id String,
    revision UInt64,
    digest String COMMENT 'SHA-256 of the whole token, which itself is kept nowhere',
    name String COMMENT 'of the person or program that holds it',
    role LowCardinality(String),
    created_at DateTime64(6, 'UTC'),
    expires_at Nullable(DateTime64(6, 'UTC')),
    revoked Bool
) ENGINE = ReplacingMergeTree(revision) ORDER BY token_id;

-- Every mutation, refused and failed ones included.
CREATE TABLE IF NOT EXISTS audit (
    at DateTime64(6, 'UTC') DEFAULT now64(6),
    who String,
    role LowCardinality(String),
    action LowCardinality(String),
    arguments String COMMENT 'JSON',
    outcome String COMMENT 'done, or what was wrong'
) ENGINE = MergeTree ORDER BY at;

-- Words that a front-end announced with a key, written before the chunks: so that a repeated post
-- finds out whether its chunks are stored, whoever died in between.
CREATE TABLE IF NOT EXISTS posts (
    run_id UInt32,
    link UInt16,
    key String,
    revision UInt64,
    digest String COMMENT 'SHA-256 of the body',
    first_seq UInt64,
    stop_seq UInt64 COMMENT 'its chunks are [first_seq, stop_seq)',
    n_hits UInt64,
    void Bool COMMENT 'its chunks never came: the numbers went to others',
    recorded_at DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(revision) ORDER BY (run_id, link, key);
