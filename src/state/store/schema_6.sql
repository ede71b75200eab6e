-- Since when nothing has needed a table of the warehouse, as a gc found it; taken away as soon as something does. It may be
-- a table that `snapshots` does not know any more.

CREATE TABLE unreferenced (
    project TEXT NOT NULL,
    physical_table TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (project, physical_table)
);
