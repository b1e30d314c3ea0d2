-- Reprocessing: what people asked for, and what its conductor says of it. Two tables, since two
-- write: neither can overwrite what the other knows.

CREATE TABLE IF NOT EXISTS reprocessings (
    number UInt32,
    revision UInt64,
    run_id UInt32,
    wanted String COMMENT 'JSON: for each trigger its parameters by name',
    a Int64,
    b Int64 COMMENT 'ticks, half-open: [a, b)',
    who String,
    asked_at DateTime64(6, 'UTC'),
    cancelled Bool
) ENGINE = ReplacingMergeTree(revision) ORDER BY number
SETTINGS non_replicated_deduplication_window = 10000; -- of two that take a number, one has it

CREATE TABLE IF NOT EXISTS reprocessing_progress (
    number UInt32,
    revision UInt64,
    state LowCardinality(String) COMMENT 'running, done, failed or cancelled',
    done UInt64 COMMENT 'windows, of all triggers',
    total UInt64,
    per_second Float64 COMMENT 'windows',
    problem String
) ENGINE = ReplacingMergeTree(revision) ORDER BY number;

-- How long results are kept; those that no policy names stay for ever.
CREATE TABLE IF NOT EXISTS results_policies (
    trigger String COMMENT 'its name, or default',
    revision UInt64,
    older_days Nullable(UInt32) COMMENT 'since a newer lineage came; null: for ever',
    all_days Nullable(UInt32) COMMENT 'since the run ended; null: for ever',
    changed_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(revision) ORDER BY trigger;
