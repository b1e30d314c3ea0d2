-- For which times a lineage was run to the end, or is run as words come, and when it was last: what
-- was run last for a range is what that range shows.

CREATE TABLE IF NOT EXISTS lineage_runs (
    run_id UInt32,
    name LowCardinality(String),
    lineage String,
    a Int64,
    b Int64 COMMENT 'ticks, half-open: [a, b)',
    at DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(at) ORDER BY (run_id, lineage, a, b);

-- Of lineages from before this table nobody knows more than that they were used.
INSERT INTO lineage_runs
SELECT run_id, name, lineage, -4611686018427387904, 4611686018427387904, first_used FROM lineages
WHERE (SELECT count() FROM lineage_runs) = 0;
