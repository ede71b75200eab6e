-- What audits found: the newest few results of each audit of a model, one for each run and table. What is not ours has none,
-- which is an empty text here.

CREATE TABLE audit_results (
    project TEXT NOT NULL,
    model TEXT NOT NULL,
    audit TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    physical_table TEXT NOT NULL,
    -- `blocking` or `told`.
    weight TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    -- NULL where nobody looked at production's table.
    production_rows INTEGER,
    at INTEGER NOT NULL,
    run TEXT NOT NULL,
    PRIMARY KEY (project, model, audit, plan_id, physical_table)
);
