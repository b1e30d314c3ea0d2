-- Homes that words were ever put in, each entered before the first word: what is left over there can
-- be found, though no header names the home.
CREATE TABLE IF NOT EXISTS homes (
    address String COMMENT 'without a password',
    noted_at DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree ORDER BY address;
