"""The life of a job: a pure state machine and the runner of its instructions."""
