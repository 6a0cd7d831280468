-- Tags and properties of jobs (`field` says which), kept by the triggers below: lists are filtered by them, newest first.
CREATE TABLE job_labels(
  field TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  created REAL NOT NULL,
  job INTEGER NOT NULL,
  PRIMARY KEY (field, key, value, created, job)
) WITHOUT ROWID;
CREATE INDEX job_labels_by_key ON job_labels(field, key, created, job);
CREATE INDEX job_labels_by_job ON job_labels(job);

CREATE VIEW job_labels_of_bodies AS
  SELECT 'tags' AS field, label.key AS key, CAST(label.value AS TEXT) AS value, jobs.created AS created, jobs.id AS job
    FROM jobs, json_each(jobs.body, '$.tags') AS label
    WHERE typeof(label.key)='text' AND label.value IS NOT NULL
  UNION ALL
  SELECT 'properties', label.key, CAST(label.value AS TEXT), jobs.created, jobs.id
    FROM jobs, json_each(jobs.body, '$.properties') AS label
    WHERE typeof(label.key)='text' AND label.value IS NOT NULL;

INSERT OR REPLACE INTO job_labels SELECT field, key, value, created, job FROM job_labels_of_bodies;

CREATE TRIGGER job_labels_insert AFTER INSERT ON jobs BEGIN
  INSERT OR REPLACE INTO job_labels SELECT field, key, value, created, job FROM job_labels_of_bodies WHERE job=NEW.id;
END;
CREATE TRIGGER job_labels_update AFTER UPDATE OF body, created ON jobs
  WHEN OLD.body IS NOT NEW.body OR OLD.created IS NOT NEW.created BEGIN
  DELETE FROM job_labels WHERE job=NEW.id;
  INSERT OR REPLACE INTO job_labels SELECT field, key, value, created, job FROM job_labels_of_bodies WHERE job=NEW.id;
END;
CREATE TRIGGER job_labels_delete AFTER DELETE ON jobs BEGIN
  DELETE FROM job_labels WHERE job=OLD.id;
END;
