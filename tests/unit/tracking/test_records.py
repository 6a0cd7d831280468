from __future__ import annotations

import math

import pytest

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import records
from jupyter_aml.local.tracking.measurements import Point


@pytest.fixture
def job(workspace: Workspace) -> str:
    with workspace.database.write() as tx:
        experiment = records.ensure_experiment(tx, "trials", 10.0)
        records.create_run(
            tx,
            run_id="calm_hat_1",
            experiment=experiment,
            name="first",
            user="ada",
            start=12.5,
            artifact_root=str(workspace.runs_folder("calm_hat_1")),
            tags={"team": "blue"},
            source="python train.py",
        )
    return "calm_hat_1"


def test_the_run_of_a_job_bears_the_jobs_name_and_waits(workspace: Workspace, job: str) -> None:
    with workspace.database.read() as connection:
        found = records.run(connection, job)

    assert found["run_id"] == "calm_hat_1"
    assert (found["name"], found["status"], found["start"], found["end"]) == ("first", "SCHEDULED", 12.5, None)


def test_start_and_end_of_a_job_stand_in_its_run(workspace: Workspace, job: str) -> None:
    with workspace.database.write() as tx:
        records.start_run(tx, job, 20.0)
        records.finish_run(tx, job, "FINISHED", 30.25)
    with workspace.database.read() as connection:
        found = records.run(connection, job)

    assert (found["status"], found["start"], found["end"]) == ("FINISHED", 20.0, 30.25)


def test_the_executors_end_stands_over_the_scripts(workspace: Workspace, job: str) -> None:
    with workspace.database.write() as tx:
        records.finish_run(tx, job, "FINISHED", 30.0)
        records.finish_run(tx, job, "KILLED", 31.0)
    with workspace.database.read() as connection:
        assert records.run(connection, job)["status"] == "KILLED"


def test_a_workspace_that_moves_takes_its_artifact_roots_along(workspace: Workspace, job: str) -> None:
    with workspace.database.read() as connection:
        place = connection.execute("SELECT place FROM runs WHERE run_id=?", (job,)).fetchone()[0]

    assert place == "calm_hat_1"


def test_metrics_params_and_tags_of_a_batch_come_back(workspace: Workspace, job: str) -> None:
    points = [Point("loss", 1.0, 1000, 0), Point("loss", 0.5, 2000, 1), Point("odd", math.nan, 1000)]
    with workspace.database.write() as tx:
        records.log_batch(tx, job, metrics=points, params={"lr": 0.1}, tags={"colour": "red"})
    with workspace.database.read() as connection:
        metrics, history = records.metrics(connection, job), records.history(connection, job, "loss")
        params, tags = records.params(connection, job), records.tags(connection, job)

    assert metrics["loss"] == 0.5
    assert math.isnan(metrics["odd"])
    assert history == [(0, 1000, 1.0), (1, 2000, 0.5)]
    assert params == {"lr": "0.1"}
    assert (tags["colour"], tags["team"], tags["mlflow.runName"], tags["mlflow.user"]) == (
        "red",
        "blue",
        "first",
        "ada",
    )


def test_the_latest_point_is_the_one_of_the_highest_step_then_time_then_value(workspace: Workspace, job: str) -> None:
    with workspace.database.write() as tx:
        for value, timestamp, step in ((1.0, 5, 3), (2.0, 9, 1), (3.0, 5, 3), (2.5, 5, 3)):
            records.log_metric(tx, job, "m", value, timestamp=timestamp, step=step)
    with workspace.database.read() as connection:
        assert records.metrics(connection, job) == {"m": 3.0}
        assert len(records.history(connection, job, "m")) == 4


def test_a_point_sent_twice_stands_once(workspace: Workspace, job: str) -> None:
    with workspace.database.write() as tx:
        records.log_metric(tx, job, "m", 1.0, timestamp=5)
        records.log_metric(tx, job, "m", 1.0, timestamp=5)
    with workspace.database.read() as connection:
        assert records.history(connection, job, "m") == [(0, 5, 1.0)]


def test_infinities_are_kept(workspace: Workspace, job: str) -> None:
    with workspace.database.write() as tx:
        records.log_metric(tx, job, "m", math.inf, timestamp=5)
    with workspace.database.read() as connection:
        assert records.metrics(connection, job) == {"m": math.inf}


def test_a_runs_change_is_noted_once_per_transaction(workspace: Workspace, job: str) -> None:
    with workspace.database.write() as tx:
        records.log_metric(tx, job, "m", 1.0, timestamp=5)
        records.log_param(tx, job, "p", 1)
        records.log_tag(tx, job, "t", 1)

        assert tx.notes == [("runs", "calm_hat_1", "", "put")]


def test_a_second_run_of_that_name_is_refused(workspace: Workspace, job: str) -> None:
    with (
        pytest.raises(ResourceError, match="Run with id=CALM_hat_1 already exists") as caught,
        workspace.database.write() as tx,
    ):
        records.create_run(tx, run_id="CALM_hat_1", experiment="0", start=1.0)

    assert caught.value.code == "RESOURCE_ALREADY_EXISTS"


def test_an_unknown_run_is_missing(workspace: Workspace) -> None:
    with (
        pytest.raises(ResourceError, match="Run with id=nobody not found") as caught,
        workspace.database.write() as tx,
    ):
        records.log_metric(tx, "nobody", "m", 1.0, timestamp=5)

    assert (caught.value.status, caught.value.code) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_an_experiment_deleted_before_is_restored_when_a_job_needs_it(workspace: Workspace) -> None:
    with workspace.database.write() as tx:
        first = records.ensure_experiment(tx, "trials", 1.0)
        tx.execute("UPDATE experiments SET lifecycle_stage='deleted' WHERE id=?", (first,))
        second = records.ensure_experiment(tx, "trials", 2.0)
        stage = tx.execute("SELECT lifecycle_stage FROM experiments WHERE id=?", (second,)).fetchone()[0]

    assert (first, stage) == (second, "active")
