"""Lists over 100,000 jobs, against `mlflow.search_runs` over as many runs in MLflow's SQLite."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.places import Place, place
from tests.bench.rows import Row, Samples, interleaved, median, timed

JOBS = 20_000
BATCH = 10_000
PAGE = 100
ROUNDS = 7
TEAMS = 10
START = 1_700_000_000.0
WANTED = f"job-{JOBS // 2:06d}"
MLFLOW_TABLES = {
    "runs": "run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time,"
    " source_version, lifecycle_stage, artifact_uri, experiment_id",
    "tags": "key, value, run_uuid",
    "params": "key, value, run_uuid",
    "metrics": "key, value, timestamp, run_uuid, step, is_nan",
    "latest_metrics": "key, value, timestamp, step, is_nan, run_uuid",
}


def measure() -> list[Row]:
    """The newest page, one by its name, a page filtered by a tag, and MLflow's own search on both."""
    with place() as here:
        fill(here)
        uri = fill_mlflow(here.folder)
        found = compare(here, uri)
    names = {
        "newest": f"newest {PAGE} of {JOBS:,} jobs",
        "named": f"one of {JOBS:,} jobs by its name",
        "filtered": f"{PAGE} of {JOBS:,} jobs with a tag",
        "searched": f"MLflow's search by a metric, {JOBS:,} runs",
    }
    return [
        Row(
            figure,
            median(found[f"our {key}"]),
            median(found[f"mlflow {key}"]),
            "mlflow.search_runs",
            None if key == "searched" else 50,
            samples=ROUNDS,
        )
        for key, figure in names.items()
    ]


def compare(here: Place, uri: str) -> Samples:
    """Milliseconds of each question on both sides."""
    import mlflow

    from jupyter_aml.client.rest import Rest

    rest = Rest(here.client.jupyter_aml)
    mlflow.set_tracking_uri(uri)

    def search(**asked: Any) -> None:
        got = mlflow.search_runs(experiment_names=["bench"], output_format="list", **{"max_results": PAGE, **asked})
        assert got

    def jobs(**query: Any) -> None:
        got = rest.get("jobs", query={"$top": PAGE, **query})
        assert len(got["value"]) == PAGE

    def our_search() -> None:
        body = {"experiment_ids": [_experiment(rest)], "filter": "metrics.auc > 0.9", "max_results": PAGE}
        assert len(rest.post("api/2.0/mlflow/runs/search", body, api="mlflow/v2.0")["runs"]) == PAGE

    sides = {
        "our newest": timed(jobs),
        "mlflow newest": timed(search),
        "our named": timed(lambda: rest.get(f"jobs/{WANTED}")),
        "mlflow named": timed(lambda: search(filter_string=f"attributes.run_name = '{WANTED}'")),
        "our filtered": timed(lambda: jobs(tag="team=7")),
        "mlflow filtered": timed(lambda: search(filter_string="tags.team = '7'")),
        "our searched": timed(our_search),
        "mlflow searched": timed(lambda: search(filter_string="metrics.auc > 0.9")),
    }
    return interleaved(sides, ROUNDS)


def _experiment(rest: Any) -> str:
    query = {"experiment_name": "bench"}
    found = rest.get("api/2.0/mlflow/experiments/get-by-name", query=query, api="mlflow/v2.0")
    return str(found["experiment"]["experiment_id"])


def fill(here: Place) -> None:
    """Write jobs with their runs as the service does, many to a transaction."""
    from jupyter_aml.local.jobs import records
    from jupyter_aml.local.jobs.lifecycle import Status
    from jupyter_aml.local.jobs.submit import default_output
    from jupyter_aml.local.tracking import records as tracking

    connection = here.client.jupyter_aml
    workspace = connection.store.workspace(connection.entry)
    for first in range(0, JOBS, BATCH):
        with workspace.database.write() as transaction:
            experiment = tracking.ensure_experiment(transaction, "bench", START)
            for number in range(first, first + BATCH):
                name, created, tags = f"job-{number:06d}", START + number, {"team": str(number % TEAMS)}
                body = {
                    "jobType": "Command",
                    "command": "python train.py --lr ${{inputs.lr}}",
                    "environmentId": f"{connection.entry.arm_id}/environments/bench/versions/1",
                    "experimentName": "bench",
                    "displayName": name,
                    "tags": tags,
                    "inputs": {"lr": {"jobInputType": "literal", "value": str(number % 7)}},
                    "outputs": {"default": default_output(name)},
                }
                transaction_row = records.Record(
                    name, "Command", Status.COMPLETED, "bench", body, created, display_name=name, created_by="bench"
                )
                records.insert(transaction, transaction_row)
                tracking.create_run(
                    transaction,
                    run_id=name,
                    experiment=experiment,
                    name=name,
                    user="bench",
                    start=created,
                    artifact_root=str(workspace.runs_folder(name)),
                    tags=tags,
                    source="python train.py",
                )
                tracking.log_metric(transaction, name, "auc", auc(number), timestamp=int(created * 1000), step=0)


def auc(number: int) -> float:
    """A metric; a tenth of the runs is above 0.9."""
    return (number * 7919 % JOBS) / JOBS


def fill_mlflow(folder: Path) -> str:
    """A tracking database of MLflow with the same runs; its address."""
    import mlflow

    path = folder / "mlflow.db"
    uri = f"sqlite:///{path}"
    mlflow.set_tracking_uri(uri)
    experiment = int(mlflow.create_experiment("bench", artifact_location=str(folder / "artifacts")))
    database = sqlite3.connect(path)
    with database:
        for table, columns in MLFLOW_TABLES.items():
            marks = ", ".join("?" * len(columns.split(",")))
            database.executemany(f"INSERT INTO {table}({columns}) VALUES ({marks})", _mlflow_rows(table, experiment))
    database.execute("ANALYZE")
    database.close()
    return uri


def _mlflow_rows(table: str, experiment: int) -> Iterator[tuple[Any, ...]]:
    for number in range(JOBS):
        run = uuid.UUID(int=number).hex
        name, at = f"job-{number:06d}", int((START + number) * 1000)
        if table == "runs":
            yield (
                run,
                name,
                "LOCAL",
                "train.py",
                "",
                "bench",
                "FINISHED",
                at,
                at + 1000,
                "",
                "active",
                "a",
                experiment,
            )
        elif table == "tags":
            yield ("team", str(number % TEAMS), run)
            yield ("mlflow.runName", name, run)
        elif table == "params":
            yield ("lr", str(number % 7), run)
        elif table == "metrics":
            yield ("auc", auc(number), at, run, 0, 0)
        else:
            yield ("auc", auc(number), at, 0, 0, run)
