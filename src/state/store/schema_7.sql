-- Environments that promote may not bring back to what was rolled back, as JSON: who holds them, why, and what that was.

CREATE TABLE holds (
    project TEXT NOT NULL,
    environment TEXT NOT NULL,
    hold TEXT NOT NULL,
    PRIMARY KEY (project, environment),
    FOREIGN KEY (project, environment) REFERENCES environments (project, name) ON DELETE CASCADE
);

-- What an entry was and who made it, as JSON; NULL in rows of older releases, which is unknown.
ALTER TABLE history ADD COLUMN origin TEXT;
