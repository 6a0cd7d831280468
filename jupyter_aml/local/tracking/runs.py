"""Runs as rows: create, find, change, tag, delete, restore, and how MLflow's JSON shows them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.tracking import faults, limits, places
from jupyter_aml.local.tracking.experiments import ACTIVE, DELETED, Reader

NAME_TAG = "mlflow.runName"
COLUMNS = "id, run_id, experiment, name, user_id, status, start_time, end_time, lifecycle_stage, place"


def row(reader: Reader, run_id: str) -> sqlite3.Row:
    """The run's row.

    Raises:
        ResourceError: There is none (404).
    """
    found: sqlite3.Row | None = reader.execute(
        f"SELECT {COLUMNS} FROM runs WHERE run_id=?",  # noqa: S608 - fixed text
        (run_id,),
    ).fetchone()
    if found is None:
        raise faults.missing(f"Run with id={run_id} not found")
    return found


def active(reader: Reader, run_id: str) -> sqlite3.Row:
    """The row of a run that is not deleted; anything else is refused."""
    found = row(reader, run_id)
    if found["lifecycle_stage"] != ACTIVE:
        raise faults.invalid(
            f"The run {run_id} must be in the 'active' state. Current state is {found['lifecycle_stage']}."
        )
    return found


def changed(tx: Transaction, run_id: str, action: str = "put") -> None:
    """Note the run's change, once per transaction."""
    note = ("runs", run_id, "", action)
    if note not in tx.notes:
        tx.note(*note)


def create(
    tx: Transaction,
    *,
    run_id: str,
    experiment: int,
    name: str,
    user: str,
    status: str,
    start: int,
    place: str,
    tags: Mapping[str, str],
) -> int:
    """Make a run; its row number.

    Args:
        tx: The write it belongs to.
        run_id: Unique; a job's name for the run of a job.
        experiment: Id of an active experiment.
        name: What people see.
        user: Who started it.
        status: One of MLflow's statuses.
        start: Milliseconds since the epoch.
        place: Where its artifacts go (see `places`).
        tags: Its tags; the run's name is added as MLflow does.

    Raises:
        ResourceError: The id is taken or not allowed.
    """
    limits.run_id(run_id)
    cursor = tx.execute(
        "INSERT INTO runs(run_id, experiment, name, user_id, status, start_time, place)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (run_id, experiment, name, user, status, start, place),
    )
    if not cursor.rowcount:
        raise faults.exists(f"Run with id={run_id} already exists.")
    run = int(cursor.lastrowid or 0)
    pairs = {NAME_TAG: name, **tags}
    tx.executemany(
        "INSERT INTO run_tags(run, key, value) VALUES (?, ?, ?)",
        [(run, limits.key(key), limits.value(value, limits.TAG_LENGTH)) for key, value in pairs.items()],
    )
    changed(tx, run_id)
    return run


def update(
    tx: Transaction,
    run_id: str,
    *,
    status: str | None = None,
    start: int | None = None,
    end: int | None = None,
    name: str | None = None,
) -> None:
    """Change what is given and leave the rest.

    Raises:
        ResourceError: There is no such run, it is deleted, or the status is none of MLflow's.
    """
    held = active(tx, run_id)
    if status is not None and status not in limits.STATUSES:
        raise faults.invalid(
            f"Invalid value {status!r} for parameter 'status' supplied. Expected one of {', '.join(limits.STATUSES)}."
        )
    tx.execute(
        "UPDATE runs SET status=coalesce(?, status), start_time=coalesce(?, start_time),"
        " end_time=coalesce(?, end_time), name=coalesce(?, name) WHERE id=?",
        (status, start, end, name or None, held["id"]),
    )
    if name:
        _put_tag(tx, held["id"], NAME_TAG, name)
    changed(tx, run_id)


def _put_tag(tx: Transaction, run: int, key: str, value: str) -> None:
    tx.execute(
        "INSERT INTO run_tags(run, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value=excluded.value",
        (run, key, value),
    )


def set_tags(tx: Transaction, run_id: str, tags: Mapping[str, Any]) -> None:
    """Set tags, new or over old values; the run's name follows its tag."""
    run = active(tx, run_id)["id"]
    for key, value in tags.items():
        limits.key(key)
        text = limits.value(value, limits.TAG_LENGTH)
        _put_tag(tx, run, key, text)
        if key == NAME_TAG:
            tx.execute("UPDATE runs SET name=? WHERE id=?", (text, run))
    changed(tx, run_id)


def delete_tag(tx: Transaction, run_id: str, key: str) -> None:
    """Remove a tag; one that is not there is refused (404)."""
    run = active(tx, run_id)["id"]
    if not tx.execute("DELETE FROM run_tags WHERE run=? AND key=?", (run, key)).rowcount:
        raise faults.missing(f"No tag with name: {key} in run with id {run_id}")
    changed(tx, run_id)


def set_stage(tx: Transaction, run_id: str, stage: str, now: int) -> None:
    """Delete or restore a run."""
    held = row(tx, run_id)
    tx.execute(
        "UPDATE runs SET lifecycle_stage=?, deleted_time=? WHERE id=?",
        (stage, now if stage == DELETED else None, held["id"]),
    )
    changed(tx, run_id, "delete" if stage == DELETED else "put")


def info(held: sqlite3.Row, folder: Path) -> dict[str, Any]:
    """A run's `info` as MLflow's JSON has it."""
    found = {
        "run_id": held["run_id"],
        "run_uuid": held["run_id"],
        "run_name": held["name"],
        "experiment_id": str(held["experiment"]),
        "user_id": held["user_id"],
        "status": held["status"],
        "start_time": held["start_time"],
        "artifact_uri": places.uri(folder, held["place"]),
        "lifecycle_stage": held["lifecycle_stage"],
    }
    if held["end_time"] is not None:
        found["end_time"] = held["end_time"]
    return found


def whole(reader: Reader, rows: Sequence[sqlite3.Row], folder: Path) -> list[dict[str, Any]]:
    """Runs with their metrics, params, tags, inputs and outputs: one query per kind, whatever the number."""
    found: dict[int, dict[str, Any]] = {
        held["id"]: {
            "info": info(held, folder),
            "data": {"metrics": [], "params": [], "tags": []},
            "inputs": {"dataset_inputs": [], "model_inputs": []},
            "outputs": {"model_outputs": []},
        }
        for held in rows
    }
    numbers = list(found)
    for start in range(0, len(numbers), 500):
        _fill(reader, found, numbers[start : start + 500])
    return list(found.values())


def _fill(reader: Reader, found: dict[int, dict[str, Any]], numbers: list[int]) -> None:
    within = f"WHERE run IN ({','.join('?' * len(numbers))})"
    for held in reader.execute(f"SELECT * FROM series {within} ORDER BY key", numbers):  # noqa: S608 - only question marks
        value = float("nan") if held["nan"] else held["value"]
        found[held["run"]]["data"]["metrics"].append(
            {
                "key": held["key"],
                "value": limits.on_wire(value),
                "timestamp": held["timestamp"],
                "step": held["step"],
            }
        )
    for table in ("params", "run_tags"):
        kind = "tags" if table == "run_tags" else table
        for held in reader.execute(f"SELECT * FROM {table} {within}", numbers):  # noqa: S608 - only question marks
            found[held["run"]]["data"][kind].append({"key": held["key"], "value": held["value"]})
    for held in reader.execute(
        "SELECT run, tags, name, digest, source_type, source, schema, profile"  # noqa: S608 - only question marks
        f" FROM run_datasets JOIN datasets ON datasets.id=dataset {within} ORDER BY dataset",
        numbers,
    ):
        found[held["run"]]["inputs"]["dataset_inputs"].append(_dataset_input(held))
    for held in reader.execute(f"SELECT * FROM run_models {within}", numbers):  # noqa: S608 - only question marks
        if held["direction"] == "in":
            found[held["run"]]["inputs"]["model_inputs"].append({"model_id": held["model_id"]})
        else:
            found[held["run"]]["outputs"]["model_outputs"].append({"model_id": held["model_id"], "step": held["step"]})


def _dataset_input(held: sqlite3.Row) -> dict[str, Any]:
    names = ("name", "digest", "source_type", "source", "schema", "profile")
    return {
        "tags": [{"key": key, "value": value} for key, value in json.loads(held["tags"]).items()],
        "dataset": {name: held[name] for name in names if held[name] is not None},
    }
