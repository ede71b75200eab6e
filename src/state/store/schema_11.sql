-- That rows are kept: of one definition of one model, by its data fingerprint without the decision.

CREATE TABLE decisions (
    project TEXT NOT NULL,
    model TEXT NOT NULL,
    data_fingerprint TEXT NOT NULL,
    environment TEXT NOT NULL,
    -- NULL where nobody knows who decided it.
    decided_by TEXT,
    decided_at INTEGER NOT NULL,
    PRIMARY KEY (project, model, data_fingerprint)
);
