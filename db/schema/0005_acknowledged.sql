-- Who has seen an alarm.

ALTER TABLE alarms ADD COLUMN IF NOT EXISTS
    acknowledged_by String COMMENT 'who has seen it; empty while nobody has';
