-- Who writes, and what each of them holds, so that nobody does another's work at the same time. Moments are the store's own.

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    token INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    doing TEXT NOT NULL,
    known_as TEXT,
    began_at INTEGER NOT NULL,
    -- NULL where a lock says whether it lives.
    expires_at INTEGER
);

CREATE TABLE claims (
    token INTEGER NOT NULL PRIMARY KEY,
    -- Empty where it is of all projects.
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    start_at INTEGER NOT NULL,
    end_at INTEGER NOT NULL,
    session TEXT NOT NULL,
    since INTEGER NOT NULL,
    FOREIGN KEY (session) REFERENCES sessions (id) ON DELETE CASCADE
);

CREATE INDEX claims_of_subject ON claims (project, kind, name);
CREATE INDEX claims_of_session ON claims (session);

-- Counts up: whoever takes something over has a larger token than whoever had it.
CREATE TABLE fencing (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    last_token INTEGER NOT NULL
);

INSERT INTO fencing (only_row, last_token) VALUES (1, 0);
