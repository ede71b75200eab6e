-- Whose environment a build was made for, and the plan that it belongs to; NULL in rows of older releases, which is unknown.

ALTER TABLE builds ADD COLUMN owner TEXT;
ALTER TABLE builds ADD COLUMN plan_id TEXT;

CREATE INDEX builds_of_owner ON builds (project, owner);

-- A plan fills a table once: what is told of it again, because more is loaded by now, takes the place of what was told before.
CREATE UNIQUE INDEX builds_of_plan ON builds (project, plan_id, model, data_fingerprint);
