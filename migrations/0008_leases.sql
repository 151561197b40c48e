-- Addresses of the bridge's subnet, each held by a container from its creation to its removal.

CREATE TABLE leases (
    address   INTEGER NOT NULL PRIMARY KEY, -- IPv4 address as a number
    container TEXT    NOT NULL UNIQUE
) STRICT;
