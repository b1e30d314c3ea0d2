-- What people say of runs: free fields and tags. Nothing is overwritten: of the rows of a run's field
-- or tag the one of the highest revision holds, and all of them are its history.
--
-- The order serves both ways to ask: which runs have this field (one piece of the table), and what is
-- said of this run (a few rows of each name, which the index finds, too).
CREATE TABLE IF NOT EXISTS annotations (
    run_id UInt32,
    revision UInt64 COMMENT 'counts the changes of the run; its last 20 bits are random',
    tag Bool COMMENT 'a tag; else a field',
    name LowCardinality(String),
    value String COMMENT 'JSON: a number, a text, true or false; empty: taken away',
    number Float64 COMMENT 'the value if it is a number, else NaN',
    who String,
    at DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = MergeTree ORDER BY (tag, name, run_id, revision);
