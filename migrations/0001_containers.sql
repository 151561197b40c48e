-- Containers, and values of the installation itself.

CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What lists and look-ups need stands in columns; the record in full is JSON.
CREATE TABLE containers (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    image_id   TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    created_at INTEGER NOT NULL, -- microseconds since 1970
    record     TEXT    NOT NULL, -- model::container::Container as JSON
    spec       TEXT    NOT NULL  -- model::spec::ContainerSpec as JSON: what a start sends
) STRICT, WITHOUT ROWID;

CREATE INDEX containers_by_image ON containers (image_id);
CREATE INDEX containers_by_age ON containers (created_at);
