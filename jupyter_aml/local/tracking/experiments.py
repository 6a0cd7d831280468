"""Experiments as rows: create, find, rename, tag, delete, restore."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.tracking import faults, limits, places

Reader = sqlite3.Connection | Transaction

ACTIVE, DELETED = "active", "deleted"
DEFAULT = "0"
DIGITS = 18


def number(experiment_id: Any) -> int:
    """An experiment id as the row number it is."""
    text = str(experiment_id)
    if not text.isascii() or not text.isdecimal() or len(text) > DIGITS:
        raise faults.invalid(
            f"Invalid experiment ID '{text}'. Experiment ID must be a valid integer, as `mlflow experiments"
            " search` or `mlflow.get_experiment_by_name` show it."
        )
    return int(text)


def row(reader: Reader, experiment_id: Any) -> sqlite3.Row:
    """The experiment's row.

    Raises:
        ResourceError: There is none (404), or the id is no number (400).
    """
    found: sqlite3.Row | None = reader.execute(
        "SELECT * FROM experiments WHERE id=?", (number(experiment_id),)
    ).fetchone()
    if found is None:
        raise faults.missing(f"No Experiment with id={experiment_id} exists")
    return found


def active(reader: Reader, experiment_id: Any) -> sqlite3.Row:
    """The row of an experiment that is not deleted."""
    found = row(reader, experiment_id)
    if found["lifecycle_stage"] != ACTIVE:
        raise faults.invalid(
            f"The experiment {experiment_id} must be in the 'active' state. Current state is"
            f" {found['lifecycle_stage']}."
        )
    return found


def by_name(reader: Reader, name: str) -> sqlite3.Row | None:
    """The experiment of that name, or None."""
    found: sqlite3.Row | None = reader.execute("SELECT * FROM experiments WHERE name=?", (name,)).fetchone()
    return found


def create(
    tx: Transaction,
    name: str,
    now: int,
    *,
    place: str = "",
    tags: Mapping[str, str] | None = None,
) -> int:
    """Make an experiment; its id.

    Args:
        tx: The write it belongs to.
        name: Unique among active and deleted ones.
        now: Milliseconds since the epoch.
        place: Where its artifacts go; empty for the workspace's runs folder.
        tags: Its tags.

    Raises:
        ResourceError: The name is taken (RESOURCE_ALREADY_EXISTS) or not allowed.
    """
    limits.experiment_name(name)
    held = by_name(tx, name)
    if held is not None:
        detail = " in deleted state" if held["lifecycle_stage"] == DELETED else ""
        raise faults.exists(
            f"Experiment(name={name}) already exists{detail}."
            + (" Restore it, or choose another name." if detail else "")
        )
    cursor = tx.execute(
        "INSERT INTO experiments(name, place, created, modified) VALUES (?, ?, ?, ?)", (name, place, now, now)
    )
    experiment = int(cursor.lastrowid or 0)
    for key, value in (tags or {}).items():
        set_tag(tx, experiment, key, value, now)
    tx.note("experiments", name)
    return experiment


def ensure(tx: Transaction, name: str, now: int) -> int:
    """The id of the experiment of that name, made or restored when need be."""
    held = by_name(tx, name)
    if held is None:
        return create(tx, name, now)
    if held["lifecycle_stage"] != ACTIVE:
        set_stage(tx, held["id"], ACTIVE, now)
    return int(held["id"])


def set_tag(tx: Transaction, experiment: int, key: Any, value: Any, now: int) -> None:
    """Set a tag, new or over the old value."""
    limits.key(key)
    text = limits.within(value, "value", limits.EXPERIMENT_TAG_LENGTH)
    tx.execute(
        "INSERT INTO experiment_tags(experiment, key, value) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET value=excluded.value",
        (experiment, key, text),
    )
    tx.execute("UPDATE experiments SET modified=? WHERE id=?", (now, experiment))


def rename(tx: Transaction, experiment: int, name: str, now: int) -> None:
    """Give an active experiment another name."""
    limits.experiment_name(name)
    held = by_name(tx, name)
    if held is not None and held["id"] != experiment:
        raise faults.exists(f"Experiment(name={name}) already exists.")
    tx.execute("UPDATE experiments SET name=?, modified=? WHERE id=?", (name, now, experiment))
    tx.note("experiments", name)


def set_stage(tx: Transaction, experiment: int, stage: str, now: int) -> None:
    """Delete or restore an experiment with its runs."""
    tx.execute("UPDATE experiments SET lifecycle_stage=?, modified=? WHERE id=?", (stage, now, experiment))
    deleted = now if stage == DELETED else None
    tx.execute(
        "UPDATE runs SET lifecycle_stage=?, deleted_time=? WHERE experiment=? AND lifecycle_stage<>?",
        (stage, deleted, experiment, stage),
    )
    tx.note("experiments", str(experiment), "", "delete" if stage == DELETED else "put")


def tags_of(reader: Reader, experiments: list[int]) -> dict[int, dict[str, str]]:
    """The tags of several experiments by id."""
    found: dict[int, dict[str, str]] = {experiment: {} for experiment in experiments}
    marks = ",".join("?" * len(experiments))
    for held in reader.execute(
        f"SELECT * FROM experiment_tags WHERE experiment IN ({marks})",  # noqa: S608 - only question marks
        experiments,
    ):
        found[held["experiment"]][held["key"]] = held["value"]
    return found


def on_wire(held: sqlite3.Row, tags: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """An experiment as MLflow's JSON has it."""
    return {
        "experiment_id": str(held["id"]),
        "name": held["name"],
        "artifact_location": places.uri(folder, held["place"]),
        "lifecycle_stage": held["lifecycle_stage"],
        "creation_time": held["created"],
        "last_update_time": held["modified"],
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }
