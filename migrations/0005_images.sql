-- Images: their configurations and names, and which layers they are made of.
-- The layers' files are in layers/<hex of diff ID>/, what came from outside in blobs/sha256/.

CREATE TABLE images (
    id          TEXT    NOT NULL PRIMARY KEY, -- digest of the configuration
    config      BLOB    NOT NULL,             -- the configuration, byte for byte
    manifest    TEXT,                         -- digest of the manifest it came by; a blob
    parent      TEXT,                         -- the image it was built on, which may be gone
    created_at  INTEGER,                      -- by its configuration; microseconds since 1970
    recorded_at INTEGER NOT NULL,             -- when it came here; microseconds since 1970
    -- Removed by force while a stopped container was made of it: hidden, and gone with that one.
    removed     INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX images_by_parent ON images (parent) WHERE parent IS NOT NULL;

CREATE INDEX images_hidden ON images (id) WHERE removed = 1;

CREATE TABLE layers (
    diff_id     TEXT    NOT NULL PRIMARY KEY, -- digest of the uncompressed tar
    size        INTEGER NOT NULL,             -- bytes of its files
    -- The layer as it came from outside; absent when it was made here.
    blob        TEXT,                         -- digest
    blob_size   INTEGER,
    media_type  TEXT,
    recorded_at INTEGER NOT NULL              -- microseconds since 1970
) STRICT, WITHOUT ROWID;

CREATE TABLE image_layers (
    image_id TEXT    NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,                -- 0 is the lowest
    diff_id  TEXT    NOT NULL REFERENCES layers (diff_id),
    PRIMARY KEY (image_id, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX image_layers_by_layer ON image_layers (diff_id);

-- Further reasons to keep a layer, such as the build cache.
CREATE TABLE layer_holds (
    holder  TEXT NOT NULL,
    diff_id TEXT NOT NULL REFERENCES layers (diff_id),
    PRIMARY KEY (holder, diff_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX layer_holds_by_layer ON layer_holds (diff_id);

CREATE TABLE image_tags (
    reference TEXT NOT NULL PRIMARY KEY,      -- in full: docker.io/library/debian:latest
    image_id  TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX image_tags_by_image ON image_tags (image_id);

CREATE TABLE image_digests (
    reference TEXT NOT NULL PRIMARY KEY,      -- docker.io/library/debian@sha256:...
    image_id  TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX image_digests_by_image ON image_digests (image_id);
