-- Steps of builds that were done: what they were done with, and the layer that came out.
-- A layer is kept by a hold named build-cache:<key> for as long as its entry is here.

CREATE TABLE build_cache (
    key         TEXT    NOT NULL PRIMARY KEY, -- names the file system after the step
    parent      TEXT    NOT NULL,             -- names the file system before it
    instruction TEXT    NOT NULL,             -- as written in the Dockerfile
    inputs      TEXT    NOT NULL,             -- builder::plan::Inputs as JSON
    diff_id     TEXT REFERENCES layers (diff_id), -- absent when no file was changed
    size        INTEGER NOT NULL,             -- bytes of the layer's files
    made_at     INTEGER NOT NULL,             -- microseconds since 1970
    used_at     INTEGER NOT NULL              -- microseconds since 1970
) STRICT, WITHOUT ROWID;

CREATE INDEX build_cache_by_parent ON build_cache (parent, instruction, made_at);
CREATE INDEX build_cache_by_use ON build_cache (used_at);
