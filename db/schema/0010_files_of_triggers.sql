-- The whole text of the file that a Python trigger came from, so that it can be run again by name.
ALTER TABLE lineages ADD COLUMN IF NOT EXISTS
    file String COMMENT 'empty: it is installed, or SQL, whose source is the whole of it';
