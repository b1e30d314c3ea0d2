-- The tables of a store. Detectors add a view `hits_…` and a rollup of their own,
-- triggers a table of results for each lineage.

CREATE TABLE IF NOT EXISTS schema_versions (
    version UInt32,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = MergeTree ORDER BY version;

CREATE TABLE IF NOT EXISTS runs (
    run_id UInt32,
    revision UInt64,
    name String,
    state LowCardinality(String),
    detector LowCardinality(String),
    declaration String,
    started_at DateTime64(6, 'UTC'),
    stopped_at Nullable(DateTime64(6, 'UTC')),
    cell Int64 COMMENT 'ticks: the grid on which the windows of this run lie',
    settings String COMMENT 'JSON',
    note String
) ENGINE = ReplacingMergeTree(revision) ORDER BY run_id
SETTINGS non_replicated_deduplication_window = 10000; -- of two that take a number, one has it

-- One row is some ten thousand words of one link in one time slice.
CREATE TABLE IF NOT EXISTS chunks (
    run_id UInt32,
    link UInt16,
    seq UInt64,
    detector LowCardinality(String) COMMENT 'name and fingerprint: which view decodes these words',
    epoch Int64,
    t_first Int64,
    t_last Int64,
    watermark Int64,
    n_hits UInt32,
    n_corrupt UInt32,
    checksum UInt32 COMMENT 'CRC32 of the words as little-endian bytes',
    recorded_at DateTime64(3, 'UTC'),
    words Array(UInt64) CODEC(T64, LZ4),
    -- Its words counted by channel: what the rates are made of. Counting takes the readout a
    -- twentieth of the time that the engine needs for it.
    slice Int64 COMMENT 'number of the time slice since the start of the run',
    tally_channel Array(UInt64) CODEC(T64, LZ4),
    tally_hit Array(Bool),
    tally_n Array(UInt32) CODEC(T64, LZ4),
    -- What arrived since I looked? Part of the same rows, so that what is seen here can be read
    -- there: a table of its own, filled by a view, may show a chunk before `chunks` does.
    PROJECTION arrivals (
        SELECT run_id, link, seq, t_first, t_last, watermark, n_hits, n_corrupt
        ORDER BY run_id, link, seq
    )
) ENGINE = MergeTree
PARTITION BY toStartOfHour(recorded_at)
ORDER BY (run_id, t_first, link, seq)
SETTINGS non_replicated_deduplication_window = 10000,
    -- the least that a window reads of a part: two chunks instead of twenty
    index_granularity_bytes = 1048576,
    -- one file a part: a tenth less to do at insert
    min_bytes_for_wide_part = 1073741824,
    -- the rows are already large blocks: merging big parts again gains nothing
    max_bytes_to_merge_at_max_space_in_pool = 268435456;

-- Every word counted at insert, so that monitoring is unbiased and costs nothing to ask.
CREATE TABLE IF NOT EXISTS rates (
    run_id UInt32,
    slice Int64,
    link UInt16,
    channel UInt64 COMMENT 'what the declaration calls a channel',
    hit Bool COMMENT 'sound hits; false: corrupt, or no hit at all',
    n_hits UInt64
) ENGINE = SummingMergeTree ORDER BY (run_id, slice, link, channel, hit)
SETTINGS non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS rates_of_chunks TO rates AS
SELECT run_id, slice, link, channel, hit, sum(n) AS n_hits
FROM chunks ARRAY JOIN tally_channel AS channel, tally_hit AS hit, tally_n AS n
GROUP BY run_id, slice, link, channel, hit;

-- Where a link did not see, or less than everything was kept.
CREATE TABLE IF NOT EXISTS gaps (
    run_id UInt32,
    link UInt16,
    cause LowCardinality(String),
    a Int64,
    b Int64 COMMENT 'half-open: [a, b)',
    dead Bool COMMENT 'the link saw nothing of what was asked for',
    n_lost UInt64,
    detail String,
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = MergeTree ORDER BY (run_id, link, a)
SETTINGS non_replicated_deduplication_window = 10000;

-- What a result was made from: name, version, parameters, inputs, declaration, hashed.
CREATE TABLE IF NOT EXISTS lineages (
    lineage String,
    run_id UInt32,
    name LowCardinality(String),
    version String,
    kind LowCardinality(String),
    params String COMMENT 'JSON',
    inputs Map(String, String) COMMENT 'name to lineage',
    reach Int64 COMMENT 'ticks',
    fingerprint String COMMENT 'of the detector declaration',
    source String,
    columns String COMMENT 'JSON: name to ClickHouse type',
    first_used DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = ReplacingMergeTree ORDER BY (run_id, name, lineage);

-- The last word: a result counts when its row here is written, not before.
CREATE TABLE IF NOT EXISTS ledger (
    run_id UInt32,
    lineage String,
    cell Int64,
    revision UInt32,
    attempt UInt64,
    n_rows UInt32,
    digest UInt64 COMMENT 'of the rows, whatever their order',
    inputs UInt64 COMMENT 'hash of the chunks and results that were read',
    n_inputs UInt64 COMMENT 'grows with what was read: of equal revisions the fuller one counts',
    complete Bool COMMENT 'every watermark had passed',
    worker String,
    seconds Float32 COMMENT 'share of this cell in the time that its task took',
    committed_at DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = MergeTree ORDER BY (run_id, lineage, cell, revision);

-- Windows on which a trigger failed: set aside, shown, run again when the trigger is mended.
CREATE TABLE IF NOT EXISTS failures (
    run_id UInt32,
    lineage String,
    cell Int64,
    error String,
    traceback String,
    failed_at DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = MergeTree ORDER BY (run_id, lineage, cell);

-- SQL triggers that users registered.
CREATE TABLE IF NOT EXISTS triggers (
    name String,
    revision UInt64,
    source String,
    enabled Bool,
    added_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(revision) ORDER BY name;
