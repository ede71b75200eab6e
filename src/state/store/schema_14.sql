-- Which builds loaded rows again that were there, because somebody wanted that: 1; NULL for all others, and in rows of older releases.

ALTER TABLE builds ADD COLUMN restatement INTEGER;

CREATE INDEX builds_of_restatements ON builds (project, restatement);
