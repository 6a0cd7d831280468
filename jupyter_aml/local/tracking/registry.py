"""MLflow's model registry over the workspace's `models` assets: one record, two protocols.

What MLflow has and Azure ML has not stands in the asset's own `properties` (source, logged model) and in the
table of aliases; description, tags, stage and job are the asset's fields.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Mapping
from typing import Any

from jupyter_aml.local.store import assets, records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import faults, limits, model_uris
from jupyter_aml.local.tracking.experiments import Reader

SEGMENT = "models"
SOURCE, MODEL_ID, RUN_LINK = "mlflow.modelSourceUri", "mlflow.modelId", "mlflow.runLink"
STAGES = ("None", "Staging", "Production", "Archived")


def stage(text: str) -> str:
    """The stage as MLflow writes it.

    Raises:
        ResourceError: It is none of the four.
    """
    for known in STAGES:
        if known.lower() == text.lower():
            return known
    raise faults.invalid(f"Invalid Model Version stage: {text}. Value must be one of {', '.join(STAGES)}.")


def properties(record: Record) -> dict[str, Any]:
    """The ARM properties in a record's body."""
    found = record.body.get("properties")
    return found if isinstance(found, dict) else {}


def _texts(found: Any) -> dict[str, str]:
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, Mapping) else {}


def tags(record: Record) -> dict[str, str]:
    """The tags of a model or a version."""
    return _texts(properties(record).get("tags"))


def facts(record: Record) -> dict[str, str]:
    """The asset's own `properties`, where MLflow's extras stand."""
    return _texts(properties(record).get("properties"))


def number(version: str) -> int:
    """A version as a number to sort by; -1 for a name such as `2026-01`."""
    return int(version) if version.isdecimal() else -1


def find(reader: Reader, name: str) -> Record | None:
    """The registered model of that name, also when only its versions have rows."""
    held = records.get(reader, SEGMENT, name)
    if held is not None:
        return held
    newest = records.versions(reader, SEGMENT, name, limit=1)
    if not newest:
        return None
    first = newest[0][0]
    return Record(SEGMENT, first.name, "", {"properties": {}}, first.created, first.modified)


def model(reader: Reader, name: str) -> Record:
    """The registered model.

    Raises:
        ResourceError: There is none (404).
    """
    found = find(reader, limits.model_name(name))
    if found is None:
        raise faults.missing(f"Registered Model with name={name} not found")
    return found


def version(reader: Reader, name: str, which: str) -> Record:
    """One version of a model.

    Raises:
        ResourceError: There is none (404).
    """
    found = records.get(reader, SEGMENT, limits.model_name(name), which) if which else None
    if found is None:
        raise faults.missing(f"Model Version (name={name}, version={which}) not found")
    return found


def every(reader: Reader) -> tuple[list[Record], list[Record]]:
    """All registered models that are not archived, and all their versions that are not."""
    named = {held.name.lower(): held for held in records.named(reader, SEGMENT, records.ALL, None, 1 << 30)}
    names = reader.execute("SELECT DISTINCT name FROM resources WHERE segment=? AND version<>''", (SEGMENT,)).fetchall()
    versions: list[Record] = []
    for row in names:
        key = row["name"].lower()
        if key not in named:
            named[key] = model(reader, row["name"])
        if not named[key].archived:
            versions += [held for held, _ in records.versions(reader, SEGMENT, row["name"], records.ACTIVE)]
    return [held for held in named.values() if not held.archived], versions


def changed(tx: Transaction, record: Record, now: float, user: str, **fields: Any) -> Record:
    """Write a record with some of its ARM properties changed."""
    body = {**record.body, "properties": {**properties(record), **fields}}
    new = dataclasses.replace(record, body=body, modified=now, modified_by=user)
    records.put(tx, new)
    return new


def create_model(
    tx: Transaction, name: str, now: float, user: str, *, description: str = "", labels: Mapping[str, str]
) -> Record:
    """Make a registered model without versions.

    Raises:
        ResourceError: The name is taken (RESOURCE_ALREADY_EXISTS) or not allowed.
    """
    limits.model_name(name)
    if find(tx, name) is not None:
        raise faults.exists(f"Registered Model (name={name}) already exists.")
    made = {"description": description, "tags": dict(labels), "properties": {}, "isArchived": False}
    record = Record(SEGMENT, name, "", {"properties": made}, now, now, created_by=user, modified_by=user)
    records.put(tx, record)
    return record


def create_version(
    tx: Transaction,
    workspace: Workspace,
    parent: Record,
    now: float,
    user: str,
    *,
    uri: str,
    source: str,
    run_id: str = "",
    description: str = "",
    labels: Mapping[str, str],
    extras: Mapping[str, str],
) -> Record:
    """Make the next version of a model.

    Args:
        tx: The write it belongs to.
        workspace: The open workspace.
        parent: The registered model.
        now: Seconds since the epoch.
        user: Who registers it.
        uri: Where its files are, as the SDK can parse it.
        source: The same as MLflow's client named it.
        run_id: The run that made it.
        description: For people.
        labels: Its tags.
        extras: Further facts MLflow keeps, such as the logged model's id.
    """
    described = model_uris.flavors(model_uris.local(workspace, tx, uri))
    made = {
        "description": description,
        "tags": dict(labels),
        "properties": {SOURCE: source, **{key: value for key, value in extras.items() if value}},
        "isArchived": False,
        "isAnonymous": False,
        "modelType": "custom_model" if described is None else "mlflow_model",
        "modelUri": uri,
        "flavors": described or {},
        "jobName": run_id or None,
        "stage": None,
    }
    return assets.make_version(tx, SEGMENT, parent.name, "", made, now=now, who=user)


def aliases(reader: Reader, name: str) -> dict[str, str]:
    """Alias -> version of a model."""
    rows: list[sqlite3.Row] = reader.execute(
        "SELECT alias, version FROM model_aliases WHERE model=? ORDER BY alias", (name,)
    ).fetchall()
    return {row["alias"]: row["version"] for row in rows}


def version_on_wire(record: Record, named: Mapping[str, str]) -> dict[str, Any]:
    """A version as MLflow's JSON has it; `named` are the model's aliases."""
    held, extra = properties(record), facts(record)
    current = str(held.get("stage") or "None")
    found = {
        "name": record.name,
        "version": record.version,
        "creation_timestamp": int(record.created * 1000),
        "last_updated_timestamp": int(record.modified * 1000),
        "user_id": record.created_by,
        "current_stage": next((one for one in STAGES if one.lower() == current.lower()), "None"),
        "description": held.get("description") or "",
        "source": extra.get(SOURCE) or held.get("modelUri") or "",
        "run_id": held.get("jobName") or "",
        "run_link": extra.get(RUN_LINK, ""),
        "status": "READY",
        "tags": [{"key": key, "value": value} for key, value in tags(record).items()],
        "aliases": [alias for alias, which in named.items() if which == record.version],
    }
    if MODEL_ID in extra:
        found["model_id"] = extra[MODEL_ID]
    return found


def latest(reader: Reader, name: str) -> list[dict[str, Any]]:
    """The newest version of each stage."""
    named = aliases(reader, name)
    found: dict[str, dict[str, Any]] = {}
    held = [one for one, _ in records.versions(reader, SEGMENT, name, records.ACTIVE)]
    for one in sorted(held, key=lambda record: (number(record.version), record.created)):
        shown = version_on_wire(one, named)
        found[shown["current_stage"]] = shown
    return list(found.values())


def model_on_wire(reader: Reader, record: Record) -> dict[str, Any]:
    """A registered model as MLflow's JSON has it."""
    versions = latest(reader, record.name)
    return {
        "name": record.name,
        "creation_timestamp": int(record.created * 1000),
        "last_updated_timestamp": max(
            [int(record.modified * 1000), *(one["last_updated_timestamp"] for one in versions)]
        ),
        "user_id": record.created_by,
        "description": properties(record).get("description") or "",
        "latest_versions": versions,
        "tags": [{"key": key, "value": value} for key, value in tags(record).items()],
        "aliases": [{"alias": alias, "version": which} for alias, which in aliases(reader, record.name).items()],
    }
