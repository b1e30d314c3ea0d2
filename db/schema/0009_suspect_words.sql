-- Words that look sound, with times that can't be right: they lie in chunks of their own, where the
-- link's clock stood when they came, and no window or range goes by their times. `n_corrupt` counts
-- them, too, so that whoever passes over corrupt words passes over them.
ALTER TABLE chunks ADD COLUMN IF NOT EXISTS
    n_suspect UInt32 COMMENT 'all hits of the chunk, or none' AFTER n_corrupt;
ALTER TABLE dropped_chunks ADD COLUMN IF NOT EXISTS n_suspect UInt32 AFTER n_corrupt;
