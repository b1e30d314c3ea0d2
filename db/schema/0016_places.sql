-- Where each hit of a chunk was in the files that a run was taken from, so that they can be given
-- back as they were. Empty for runs that were not asked for it: nothing is kept then.
ALTER TABLE chunks ADD COLUMN IF NOT EXISTS
    recorded_places Array(UInt64) COMMENT 'numbers of hits, from 0' CODEC(Delta, ZSTD(1));
