-- Orders to the readouts, and what became of them.

CREATE TABLE IF NOT EXISTS orders (
    order_id String,
    revision UInt64,
    kind LowCardinality(String) COMMENT 'start, stop or configure',
    run_id UInt32,
    who String,
    given_at DateTime64(6, 'UTC'),
    state LowCardinality(String) COMMENT 'given, acknowledged, partly or failed',
    told String COMMENT 'JSON: what the readouts were told',
    answers String COMMENT 'JSON: what each readout said, and when'
) ENGINE = ReplacingMergeTree(revision) ORDER BY order_id;

-- Where a run starts on the detector's counter: of several readouts that take it, the one that had
-- the first words says so.
CREATE TABLE IF NOT EXISTS origins (
    run_id UInt32,
    origin Int64 COMMENT 'ticks'
) ENGINE = MergeTree ORDER BY run_id;

-- Which server takes the posts of a run: one at a time, since it alone knows where each link stands.
CREATE TABLE IF NOT EXISTS post_takers (
    run_id UInt32,
    revision UInt64,
    taker String COMMENT 'empty: it has let go',
    at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'by the clock of the store'
) ENGINE = ReplacingMergeTree(revision) ORDER BY run_id;
