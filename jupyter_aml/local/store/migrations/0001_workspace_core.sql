CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE changes(
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  action TEXT NOT NULL
);

CREATE TABLE resources(
  segment TEXT NOT NULL,
  name TEXT NOT NULL COLLATE NOCASE,
  version TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  body TEXT NOT NULL,
  archived INTEGER NOT NULL DEFAULT 0,
  created REAL NOT NULL,
  modified REAL NOT NULL,
  created_by TEXT NOT NULL DEFAULT '',
  modified_by TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (segment, name, version)
);
CREATE INDEX resources_newest ON resources(segment, name, created DESC);

CREATE TABLE secrets(
  kind TEXT NOT NULL,
  name TEXT NOT NULL COLLATE NOCASE,
  sealed BLOB NOT NULL,
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;

CREATE TABLE jobs(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  type TEXT NOT NULL,
  status TEXT NOT NULL,
  experiment TEXT NOT NULL,
  display_name TEXT NOT NULL DEFAULT '',
  parent TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  compute TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  created REAL NOT NULL,
  modified REAL NOT NULL,
  started REAL,
  ended REAL,
  archived INTEGER NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX jobs_newest ON jobs(archived, created DESC, id DESC);
CREATE INDEX jobs_by_status ON jobs(status, created DESC);
CREATE INDEX jobs_by_experiment ON jobs(experiment, archived, created DESC, id DESC);
CREATE INDEX jobs_by_type ON jobs(type, archived, created DESC, id DESC);
CREATE INDEX jobs_by_parent ON jobs(parent, created);

CREATE TABLE job_events(
  job TEXT NOT NULL COLLATE NOCASE,
  seq INTEGER NOT NULL,
  at REAL NOT NULL,
  event TEXT NOT NULL,
  PRIMARY KEY (job, seq)
) WITHOUT ROWID;
