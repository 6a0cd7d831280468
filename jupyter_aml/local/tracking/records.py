"""Runs for the rest of the service: what the executor, the sweeps and the views write and read.

Times are seconds since the epoch, as everywhere outside MLflow's own JSON; a metric's timestamp is in
milliseconds, as MLflow's clients send it. Functions that write take a transaction and join it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.tracking import experiments, limits, measurements, places, runs
from jupyter_aml.local.tracking.experiments import Reader
from jupyter_aml.local.tracking.measurements import Point

RUNNING, SCHEDULED, FINISHED, FAILED, KILLED = "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"


def ensure_experiment(tx: Transaction, name: str, now: float) -> str:
    """The id of the experiment of that name; made, or restored, when need be."""
    return str(experiments.ensure(tx, name, _ms(now)))


def create_run(
    tx: Transaction,
    *,
    run_id: str,
    experiment: str,
    name: str = "",
    user: str = "",
    start: float,
    artifact_root: str = "",
    tags: Mapping[str, str] | None = None,
    source: str = "",
    status: str = SCHEDULED,
) -> None:
    """Make the run of a job.

    Args:
        tx: The write it belongs to.
        run_id: The job's name.
        experiment: What `ensure_experiment` returned.
        name: What people see; the run id when empty.
        user: Who submitted it.
        start: When, in seconds since the epoch; `start_run` puts the true start.
        artifact_root: Where artifacts go; empty, or the workspace's `runs/<run id>`, for the run's own folder.
        tags: Tags to begin with.
        source: What runs, such as a command or a script; kept as MLflow's source name.
        status: MLflow's status to begin with.

    Raises:
        ResourceError: The id is taken or not one MLflow can carry.
    """
    place = artifact_root.rstrip("/")
    if not place or place.endswith(f"/{places.RUNS}/{run_id}"):
        place = run_id
    pairs = {"mlflow.user": user, "mlflow.source.name": source, "mlflow.source.type": "JOB" if source else ""}
    runs.create(
        tx,
        run_id=run_id,
        experiment=experiments.number(experiment),
        name=name or run_id,
        user=user,
        status=status,
        start=_ms(start),
        place=place,
        tags={**{key: value for key, value in pairs.items() if value}, **(tags or {})},
    )


def start_run(tx: Transaction, run_id: str, start: float) -> None:
    """The job has begun: RUNNING since `start`."""
    runs.update(tx, run_id, status=RUNNING, start=_ms(start))


def finish_run(tx: Transaction, run_id: str, status: str, end: float) -> None:
    """The job has ended: FINISHED, FAILED or KILLED, whatever the script said before."""
    runs.update(tx, run_id, status=status, end=_ms(end))


def log_metric(tx: Transaction, run_id: str, key: str, value: float, *, timestamp: int, step: int = 0) -> None:
    """Append one point; `timestamp` in milliseconds."""
    measurements.log(tx, run_id, [Point(limits.key(key), float(value), timestamp, step)])


def log_param(tx: Transaction, run_id: str, key: str, value: Any) -> None:
    """Write a param; another value for one that is written is refused."""
    measurements.log_params(tx, run_id, {key: value})


def log_tag(tx: Transaction, run_id: str, key: str, value: Any) -> None:
    """Set a tag, new or over the old value."""
    runs.set_tags(tx, run_id, {key: value})


def log_batch(
    tx: Transaction,
    run_id: str,
    *,
    metrics: Iterable[Point] = (),
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> None:
    """Write metrics, params and tags of a run at once."""
    measurements.log_params(tx, run_id, params or {})
    points = list(metrics)
    if points:
        measurements.log(tx, run_id, points)
    if tags:
        runs.set_tags(tx, run_id, tags)


def exists(connection: Reader, run_id: str) -> bool:
    """Whether there is a run of that id."""
    return connection.execute("SELECT 1 FROM runs WHERE run_id=?", (run_id,)).fetchone() is not None


def run(connection: Reader, run_id: str) -> dict[str, Any]:
    """The run: run_id, name, experiment_id, user, status, start, end (seconds or None), lifecycle_stage.

    Raises:
        ResourceError: There is none (404).
    """
    held = runs.row(connection, run_id)
    return {
        "run_id": held["run_id"],
        "name": held["name"],
        "experiment_id": str(held["experiment"]),
        "user": held["user_id"],
        "status": held["status"],
        "start": held["start_time"] / 1000,
        "end": None if held["end_time"] is None else held["end_time"] / 1000,
        "lifecycle_stage": held["lifecycle_stage"],
    }


def metrics(connection: Reader, run_id: str) -> dict[str, float]:
    """Latest value per metric; NaN and infinities as floats."""
    held = _of(connection, "SELECT key, value, nan FROM series", run_id)
    return {key: float("nan") if nan else value for key, value, nan in held}


def history(connection: Reader, run_id: str, key: str) -> list[tuple[int, int, float]]:
    """Every point of a metric: (step, timestamp in ms, value), by step."""
    return [
        (step, timestamp, float("nan") if nan else value)
        for step, timestamp, value, nan in measurements.history(connection, run_id, key)
    ]


def params(connection: Reader, run_id: str) -> dict[str, str]:
    """The run's params."""
    return dict(map(tuple, _of(connection, "SELECT key, value FROM params", run_id)))


def tags(connection: Reader, run_id: str) -> dict[str, str]:
    """The run's tags."""
    return dict(map(tuple, _of(connection, "SELECT key, value FROM run_tags", run_id)))


def _of(connection: Reader, select: str, run_id: str) -> list[sqlite3.Row]:
    return connection.execute(
        f"{select} WHERE run=(SELECT id FROM runs WHERE run_id=?) ORDER BY key",  # noqa: S608 - fixed texts
        (run_id,),
    ).fetchall()


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
