-- What runs are about to show, so that others leave it as it is: gone with the session that said so.

CREATE TABLE announced (
    session TEXT NOT NULL,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    -- The last part of its name, as in `pointers`.
    table_name TEXT NOT NULL,
    PRIMARY KEY (table_name, project, environment, session),
    FOREIGN KEY (session) REFERENCES sessions (id) ON DELETE CASCADE
);

CREATE INDEX announced_of_session ON announced (session);
