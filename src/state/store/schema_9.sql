-- The tables that environments show, a row for each, so that who shows a table is looked up and not read out of every map.
-- Names are the last part of a table's name, which ends in a hash.

CREATE TABLE pointers (
    table_name TEXT NOT NULL,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    PRIMARY KEY (table_name, project, environment),
    FOREIGN KEY (project, environment) REFERENCES environments (project, name) ON DELETE CASCADE
);

CREATE INDEX pointers_of_environment ON pointers (project, environment);

-- The same for the history of environments that promote writes.
CREATE TABLE past_pointers (
    table_name TEXT NOT NULL,
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (table_name, project, environment, sequence),
    FOREIGN KEY (project, environment, sequence) REFERENCES history (project, environment, sequence) ON DELETE CASCADE
);

CREATE INDEX past_pointers_of_entry ON past_pointers (project, environment, sequence);

-- It does all that the older one does, which planners without statistics prefer.
DROP INDEX builds_of_model;
CREATE INDEX builds_of_table ON builds (project, model, data_fingerprint, started_at, id);

CREATE INDEX snapshots_at_table ON snapshots (physical_table);

INSERT INTO pointers (table_name, project, environment)
SELECT DISTINCT model.value -> 'table' ->> 'name', owner.project, owner.name
FROM environments AS owner, json_each(owner.models) AS model
WHERE model.value -> 'table' ->> 'name' IS NOT NULL;

INSERT INTO past_pointers (table_name, project, environment, sequence)
SELECT DISTINCT model.value -> 'table' ->> 'name', entry.project, entry.environment, entry.sequence
FROM environments AS owner
    JOIN history AS entry ON entry.project = owner.project AND entry.environment = owner.name,
    json_each(entry.models) AS model
WHERE owner.promoted IS NOT NULL AND model.value -> 'table' ->> 'name' IS NOT NULL;

-- The version of a project's fingerprints, where it is not the state's: another project was brought to a newer one.
CREATE TABLE algorithms (
    project TEXT NOT NULL PRIMARY KEY,
    algorithm_version INTEGER NOT NULL
);

-- Who stands in line for what somebody has. The smallest token came first; who does not ask again loses the place.
CREATE TABLE waits (
    token INTEGER NOT NULL PRIMARY KEY,
    project TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    start_at INTEGER NOT NULL,
    end_at INTEGER NOT NULL,
    session TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    FOREIGN KEY (session) REFERENCES sessions (id) ON DELETE CASCADE
);

CREATE INDEX waits_of_subject ON waits (project, kind, name);
CREATE INDEX waits_of_session ON waits (session);
