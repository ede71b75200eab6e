-- The promote journal: what an environment is about to become, until the swap is known to have happened or not.

CREATE TABLE promotes (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    intended TEXT NOT NULL,
    PRIMARY KEY (project, environment)
);
