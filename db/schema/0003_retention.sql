-- How long raw words are kept, what is kept whatever happens, and what is already away.

CREATE TABLE IF NOT EXISTS retention_policies (
    run_type String COMMENT 'a run''s setting type, a pattern of run names, or default',
    revision UInt64,
    raw_days Nullable(UInt32) COMMENT 'null: for ever',
    changed_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(revision) ORDER BY run_type;

CREATE TABLE IF NOT EXISTS retention_pins (
    run_id UInt32,
    a Int64,
    b Int64 COMMENT 'ticks, half-open: [a, b)',
    revision UInt64,
    pinned Bool,
    note String,
    changed_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(revision) ORDER BY (run_id, a, b);

-- Parts of `chunks` that lie aside on this shard's disk, and what became of them.
CREATE TABLE IF NOT EXISTS aside_parts (
    aside String COMMENT 'the part and the moment: the engine uses names of parts again',
    part String,
    revision UInt64,
    state LowCardinality(String) COMMENT 'going, detached, attached or dropped',
    hour DateTime('UTC') COMMENT 'the partition',
    words UInt64,
    bytes UInt64,
    since DateTime64(3, 'UTC') COMMENT 'when the part was detached'
) ENGINE = ReplacingMergeTree(revision) ORDER BY aside;

-- Chunks that are aside or gone: all but their words. Whoever asks what came, and what a window
-- was made from, looks here, too.
CREATE TABLE IF NOT EXISTS dropped_chunks (
    run_id UInt32,
    link UInt16,
    seq UInt64,
    detector LowCardinality(String),
    epoch Int64,
    t_first Int64,
    t_last Int64,
    watermark Int64,
    n_hits UInt32,
    n_corrupt UInt32,
    checksum UInt32,
    recorded_at DateTime64(3, 'UTC'),
    slice Int64,
    tally_channel Array(UInt64) CODEC(T64, LZ4),
    tally_hit Array(Bool),
    tally_n Array(UInt32) CODEC(T64, LZ4),
    aside String COMMENT 'with which part it was put aside',
    dropped_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = MergeTree PARTITION BY toYYYYMM(recorded_at) ORDER BY (run_id, t_first, link, seq);

-- What stopped, and whether somebody knows: one row for each thing that can stop.
CREATE TABLE IF NOT EXISTS alarms (
    name LowCardinality(String) COMMENT 'what is watched: watermark, worker, shard, …',
    subject String COMMENT 'which one of these',
    revision UInt64,
    state LowCardinality(String) COMMENT 'raised, acknowledged or cleared',
    since DateTime64(3, 'UTC') COMMENT 'when it stopped; for a cleared one, when it went on',
    message String,
    note String COMMENT 'of whoever acknowledged it'
) ENGINE = ReplacingMergeTree(revision) ORDER BY (name, subject);
