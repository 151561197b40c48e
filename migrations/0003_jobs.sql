-- Jobs: pulls, imports, builds. Their logs are files in jobs/<id>/.

CREATE TABLE jobs (
    id         TEXT    NOT NULL PRIMARY KEY,
    status     TEXT    NOT NULL,
    created_at INTEGER NOT NULL, -- microseconds since 1970
    record     TEXT    NOT NULL  -- model::job::Job as JSON
) STRICT, WITHOUT ROWID;

CREATE INDEX jobs_by_age ON jobs (created_at);
