-- Words may lie in another home than this table: then `words` is empty, and the header says where
-- they are.
ALTER TABLE chunks ADD COLUMN IF NOT EXISTS
    home LowCardinality(String) COMMENT 'address of the home of the words; empty: they lie here';
ALTER TABLE dropped_chunks ADD COLUMN IF NOT EXISTS home LowCardinality(String);

-- Words on their way between homes: fetched for a statement that reads them, or moved. Whoever put
-- them here removes them by their number; what a killed process left goes after a day.
CREATE TABLE IF NOT EXISTS fetched_chunks (
    fetch UInt64,
    run_id UInt32,
    link UInt16,
    seq UInt64,
    epoch Int64,
    t_first Int64,
    t_last Int64,
    n_hits UInt32,
    n_corrupt UInt32,
    words Array(UInt64) CODEC(T64, LZ4),
    fetched_at DateTime('UTC') DEFAULT now()
) ENGINE = MergeTree PARTITION BY fetch ORDER BY (t_first, link, seq)
TTL fetched_at + INTERVAL 1 DAY
SETTINGS ttl_only_drop_parts = 1, index_granularity_bytes = 1048576;
