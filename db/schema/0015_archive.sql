-- Raw words that a policy lets go may be moved to another home first: then headers stay.
ALTER TABLE retention_policies ADD COLUMN IF NOT EXISTS
    then_archive String COMMENT 'address of the home, without a password; empty: words are dropped';
