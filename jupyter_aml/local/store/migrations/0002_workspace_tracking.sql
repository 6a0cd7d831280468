CREATE TABLE experiments(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  place TEXT NOT NULL DEFAULT '',
  lifecycle_stage TEXT NOT NULL DEFAULT 'active',
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL
);
INSERT INTO experiments(id, name, created, modified)
  VALUES (0, 'Default', strftime('%s', 'now') * 1000, strftime('%s', 'now') * 1000);

CREATE TABLE experiment_tags(
  experiment INTEGER NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (experiment, key)
) WITHOUT ROWID;

-- `place` is where the artifacts are: a path below the workspace's runs folder, or a URI or absolute path.
CREATE TABLE runs(
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE COLLATE NOCASE,
  experiment INTEGER NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  user_id TEXT NOT NULL DEFAULT '',
  status TEXT NOT NULL,
  start_time INTEGER NOT NULL,
  end_time INTEGER,
  lifecycle_stage TEXT NOT NULL DEFAULT 'active',
  deleted_time INTEGER,
  place TEXT NOT NULL
);
CREATE INDEX runs_newest ON runs(experiment, lifecycle_stage, start_time DESC, run_id);

CREATE TABLE run_tags(
  run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, key)
) WITHOUT ROWID;

CREATE TABLE params(
  run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (run, key)
) WITHOUT ROWID;

-- One row per metric of a run, with its latest point; a NaN has value 0 and nan 1.
CREATE TABLE series(
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  step INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  value REAL NOT NULL,
  nan INTEGER NOT NULL DEFAULT 0,
  UNIQUE (run, key)
);

-- Every point of a metric, in the order of its steps; a point sent twice stands once.
CREATE TABLE metrics(
  series INTEGER NOT NULL REFERENCES series(id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  value REAL NOT NULL,
  nan INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (series, step, timestamp, value, nan)
) WITHOUT ROWID;

CREATE TABLE datasets(
  id INTEGER PRIMARY KEY,
  experiment INTEGER NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  source_type TEXT NOT NULL,
  source TEXT NOT NULL,
  schema TEXT,
  profile TEXT,
  UNIQUE (experiment, name, digest)
);
CREATE TABLE run_datasets(
  run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  dataset INTEGER NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
  tags TEXT NOT NULL DEFAULT '{}',
  PRIMARY KEY (run, dataset)
) WITHOUT ROWID;

CREATE TABLE logged_models(
  model_id TEXT PRIMARY KEY,
  experiment INTEGER NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  model_type TEXT NOT NULL DEFAULT '',
  source_run_id TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  status TEXT NOT NULL,
  status_message TEXT NOT NULL DEFAULT '',
  creator_id TEXT NOT NULL DEFAULT '',
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  lifecycle_stage TEXT NOT NULL DEFAULT 'active',
  place TEXT NOT NULL,
  tags TEXT NOT NULL DEFAULT '{}',
  params TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
CREATE INDEX logged_models_newest ON logged_models(experiment, created DESC);
CREATE INDEX logged_models_by_run ON logged_models(source_run_id);

CREATE TABLE logged_model_metrics(
  model_id TEXT NOT NULL REFERENCES logged_models(model_id) ON DELETE CASCADE,
  key TEXT NOT NULL,
  step INTEGER NOT NULL,
  timestamp INTEGER NOT NULL,
  value REAL NOT NULL,
  nan INTEGER NOT NULL DEFAULT 0,
  run_id TEXT NOT NULL,
  dataset_name TEXT NOT NULL DEFAULT '',
  dataset_digest TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (model_id, key, step, timestamp, run_id, dataset_name, dataset_digest)
) WITHOUT ROWID;

-- Which logged models a run took (direction `in`) and made (`out`).
CREATE TABLE run_models(
  run INTEGER NOT NULL REFERENCES runs(id) ON DELETE CASCADE,
  direction TEXT NOT NULL,
  model_id TEXT NOT NULL,
  step INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (run, direction, model_id)
) WITHOUT ROWID;

-- MLflow's aliases of the workspace's models; the models themselves are resources.
CREATE TABLE model_aliases(
  model TEXT NOT NULL COLLATE NOCASE,
  alias TEXT NOT NULL COLLATE NOCASE,
  version TEXT NOT NULL,
  PRIMARY KEY (model, alias)
) WITHOUT ROWID;

CREATE TABLE traces(
  trace_id TEXT PRIMARY KEY,
  experiment INTEGER NOT NULL REFERENCES experiments(id) ON DELETE CASCADE,
  request_time INTEGER NOT NULL,
  duration INTEGER,
  state TEXT NOT NULL,
  client_request_id TEXT NOT NULL DEFAULT '',
  request_preview TEXT NOT NULL DEFAULT '',
  response_preview TEXT NOT NULL DEFAULT '',
  metadata TEXT NOT NULL DEFAULT '{}',
  tags TEXT NOT NULL DEFAULT '{}',
  assessments TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
CREATE INDEX traces_newest ON traces(experiment, request_time DESC);
