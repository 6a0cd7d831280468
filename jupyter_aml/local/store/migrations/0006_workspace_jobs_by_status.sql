-- A rare status among many jobs is found without reading the others; equal in form to the indexes by type and experiment.
DROP INDEX jobs_by_status;
CREATE INDEX jobs_by_status ON jobs(status, archived, created DESC, id DESC);
