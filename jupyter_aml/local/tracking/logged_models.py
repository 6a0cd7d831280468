"""Logged models of MLflow 3 as rows.

A model logged in a run stands in the run's own artifacts under its name, so that `runs:/<run>/<name>` of
MLflow 2 and `azureml://jobs/<run>/outputs/artifacts/paths/<name>` mean the same files.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_aml.local.store.database import Transaction, dumps
from jupyter_aml.local.tracking import faults, limits, places
from jupyter_aml.local.tracking.experiments import ACTIVE, Reader

PENDING, READY, FAILED = "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"
STATUSES = {"1": PENDING, "2": READY, "3": FAILED}
FORBIDDEN = frozenset("/:.%\"'")


def row(reader: Reader, model_id: str) -> sqlite3.Row:
    """The model's row.

    Raises:
        ResourceError: There is none, or it is deleted (404).
    """
    found: sqlite3.Row | None = reader.execute(
        "SELECT * FROM logged_models WHERE model_id=? AND lifecycle_stage=?", (model_id, ACTIVE)
    ).fetchone()
    if found is None:
        raise faults.missing(f"Logged model with ID '{model_id}' not found.")
    return found


def place_for(tx: Transaction, folder: Path, model_id: str, name: str, source: sqlite3.Row | None) -> str:
    """Where a new model's files go: below its run under its name, or under its id when that is taken."""
    if source is None:
        return f"{model_id}/artifacts"
    wanted = f"{source['place']}/{name}"
    taken = tx.execute("SELECT 1 FROM logged_models WHERE place=?", (wanted,)).fetchone()
    path = places.path(folder, wanted)
    if taken or (path is not None and path.exists()):
        return f"{source['place']}/models/{model_id}"
    return wanted


def create(
    tx: Transaction,
    folder: Path,
    *,
    model_id: str,
    experiment: int,
    name: str,
    kind: str,
    source: sqlite3.Row | None,
    user: str,
    now: int,
    tags: Mapping[str, str],
    params: Mapping[str, str],
) -> None:
    """Make a model that waits for its files."""
    if not name or any(mark in FORBIDDEN for mark in name):
        raise faults.invalid(
            f"Invalid model name ({name!r}) provided. Model name must be a non-empty string and cannot contain the"
            f" following characters: {sorted(FORBIDDEN)}"
        )
    tx.execute(
        "INSERT INTO logged_models(model_id, experiment, name, model_type, source_run_id, status, creator_id,"
        " created, modified, place, tags, params) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            model_id,
            experiment,
            name,
            kind,
            source["run_id"] if source else "",
            PENDING,
            user,
            now,
            now,
            place_for(tx, folder, model_id, name, source),
            dumps(checked_tags(tags)),
            dumps(checked_params(params)),
        ),
    )
    tx.note("logged_models", model_id)


def checked_tags(tags: Mapping[str, Any]) -> dict[str, str]:
    """Tags with keys and lengths MLflow accepts."""
    return {limits.key(key): limits.value(value, limits.TAG_LENGTH) for key, value in tags.items()}


def checked_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Params with keys and lengths MLflow accepts."""
    return {limits.key(key): limits.value(value, limits.PARAM_LENGTH) for key, value in params.items()}


def merge(tx: Transaction, model_id: str, column: str, new: Mapping[str, str], now: int) -> None:
    """Add tags or params; new values replace old ones."""
    held = json.loads(row(tx, model_id)[column])
    tx.execute(
        f"UPDATE logged_models SET {column}=?, modified=? WHERE model_id=?",  # noqa: S608 - one of two names
        (dumps({**held, **new}), now, model_id),
    )
    tx.note("logged_models", model_id)


def metrics(reader: Reader, model_id: str) -> list[dict[str, Any]]:
    """Every point measured on a model, the latest last."""
    found = []
    for held in reader.execute(
        "SELECT * FROM logged_model_metrics WHERE model_id=? ORDER BY key, step, timestamp", (model_id,)
    ):
        point = {
            "key": held["key"],
            "value": limits.on_wire(float("nan") if held["nan"] else held["value"]),
            "timestamp": held["timestamp"],
            "step": held["step"],
            "model_id": model_id,
            "run_id": held["run_id"],
        }
        if held["dataset_name"]:
            point |= {"dataset_name": held["dataset_name"], "dataset_digest": held["dataset_digest"]}
        found.append(point)
    return found


def on_wire(reader: Reader, held: sqlite3.Row, folder: Path) -> dict[str, Any]:
    """A logged model as MLflow's JSON has it."""
    info = {
        "model_id": held["model_id"],
        "experiment_id": str(held["experiment"]),
        "name": held["name"],
        "creation_timestamp_ms": held["created"],
        "last_updated_timestamp_ms": held["modified"],
        "artifact_uri": places.uri(folder, held["place"]),
        "status": held["status"],
        "model_type": held["model_type"],
        "source_run_id": held["source_run_id"],
        "status_message": held["status_message"],
        "tags": [{"key": key, "value": value} for key, value in json.loads(held["tags"]).items()],
    }
    params = [{"key": key, "value": value} for key, value in json.loads(held["params"]).items()]
    return {"info": info, "data": {"params": params, "metrics": metrics(reader, held["model_id"])}}
