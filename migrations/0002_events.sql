-- What happened. Pages, the events API and the audit log read from here.

CREATE TABLE events (
    number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL, -- microseconds since 1970
    event  TEXT    NOT NULL  -- model::event::Event as JSON
) STRICT;

CREATE INDEX events_by_time ON events (at);
