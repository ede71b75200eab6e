-- What somebody allowed to go away from production with a pull request; it holds for one commit of its branch.

CREATE TABLE allowances (
    project TEXT NOT NULL,
    pull_request INTEGER NOT NULL,
    model TEXT NOT NULL,
    head TEXT NOT NULL,
    login TEXT NOT NULL,
    allowed_at INTEGER NOT NULL,
    PRIMARY KEY (project, pull_request, model)
);
