CREATE TABLE blobs (
    container TEXT NOT NULL,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    created REAL NOT NULL,
    md5 BLOB,
    headers TEXT NOT NULL DEFAULT '{}',
    metadata TEXT NOT NULL DEFAULT '{}',
    blocks TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (container, name)
) WITHOUT ROWID;
