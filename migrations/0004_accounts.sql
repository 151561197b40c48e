-- People and their log-ins. No password and no token is here in clear.

CREATE TABLE users (
    id            INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT    NOT NULL, -- argon2id, PHC string
    created_at    INTEGER NOT NULL  -- microseconds since 1970
) STRICT;

CREATE TABLE sessions (
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    token_hash TEXT    NOT NULL UNIQUE, -- SHA-256 of the cookie's token, hex
    csrf       TEXT    NOT NULL,
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,        -- microseconds since 1970
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
