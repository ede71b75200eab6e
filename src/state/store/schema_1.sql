-- Moments are milliseconds since 1970-01-01 in UTC. Columns named after a plural hold JSON.

CREATE TABLE state_identity (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    state_id TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    algorithm_version INTEGER NOT NULL
);

CREATE TABLE snapshots (
    project TEXT NOT NULL,
    table_key TEXT NOT NULL,
    model TEXT NOT NULL,
    data_fingerprint TEXT NOT NULL,
    physical_table TEXT NOT NULL,
    kind TEXT NOT NULL,
    columns TEXT NOT NULL,
    unit TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    as_of INTEGER,
    PRIMARY KEY (project, table_key)
);

CREATE TABLE loads (
    project TEXT NOT NULL,
    table_key TEXT NOT NULL,
    start_at INTEGER NOT NULL,
    end_at INTEGER NOT NULL,
    loaded_at INTEGER NOT NULL,
    run TEXT NOT NULL,
    PRIMARY KEY (project, table_key, start_at),
    FOREIGN KEY (project, table_key) REFERENCES snapshots (project, table_key) ON DELETE CASCADE
);

CREATE TABLE builds (
    id INTEGER NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    model TEXT NOT NULL,
    data_fingerprint TEXT NOT NULL,
    row_count INTEGER,
    byte_count INTEGER,
    seconds REAL NOT NULL,
    started_at INTEGER NOT NULL,
    intervals TEXT NOT NULL,
    inputs TEXT NOT NULL,
    run TEXT NOT NULL
);

CREATE INDEX builds_of_model ON builds (project, model, started_at);

CREATE TABLE environments (
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    -- NULL where it belongs to whoever says its name.
    owner TEXT,
    branch TEXT,
    base TEXT,
    created_from TEXT,
    commits TEXT NOT NULL,
    promoted TEXT,
    plan_id TEXT NOT NULL,
    status TEXT NOT NULL,
    as_of INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    models TEXT NOT NULL,
    PRIMARY KEY (project, name),
    UNIQUE (project, owner)
);

CREATE TABLE history (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    plan_id TEXT NOT NULL,
    commit_id TEXT,
    at INTEGER NOT NULL,
    run TEXT NOT NULL,
    models TEXT NOT NULL,
    PRIMARY KEY (project, environment, sequence),
    FOREIGN KEY (project, environment) REFERENCES environments (project, name) ON DELETE CASCADE
);
