"""Takes a job in: checks it as Azure does, completes it, and writes it with its MLflow run in one transaction."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from jupyter_aml.errors import ConflictError, ResourceError
from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.jobs import bodies, names, records, registry
from jupyter_aml.local.jobs.lifecycle import Status
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.jobs.types.base import Draft
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import records as tracking

EXPERIMENT = "Default"
MUTABLE = frozenset({"displayName", "description", "tags", "properties", "isArchived"})
"""Fields that a second PUT may change."""
OURS = frozenset({"services", "status"})
"""Fields that the service adds to and clients send back."""


def submit(
    workspace: Workspace,
    name: str,
    properties: dict[str, Any],
    *,
    identity: Identity,
    interpreter: str,
    now: float,
    state: Mapping[str, Any] | None = None,
    then: Callable[[Transaction, Record], Record] | None = None,
) -> tuple[Record, bool]:
    """The job as stored, and whether it is new.

    Args:
        workspace: Where it is to run.
        name: The job's name; its MLflow run bears the same.
        properties: ARM's `properties` as the client sent them.
        identity: Who submits.
        interpreter: The submitter's Python as the door's private header says it, empty when unknown.
        now: Seconds since the epoch.
        state: Facts for the executor that the submitter of a child knows.
        then: What else happens to a new job in the same transaction.

    Raises:
        ResourceError: The job is refused; nothing was written.
    """
    names.check(name)
    body = {key: value for key, value in properties.items() if value is not None and key not in OURS}
    kind = registry.job_type(body.get("jobType"))
    with workspace.database.write() as transaction:
        held = records.get(transaction, name)
        if held is not None:
            return _again(transaction, held, body, now), False
        asked = bodies.asked_services(properties)
        body |= {"services": asked} if asked else {}
        draft = Draft(workspace, transaction, name, body, state or {})
        kind.check(draft)
        body["experimentName"] = str(body.get("experimentName") or EXPERIMENT)
        body["displayName"] = str(body.get("displayName") or name)
        record = Record(
            name,
            kind.word,
            Status.NOT_STARTED,
            body["experimentName"],
            {**body, "outputs": {**(body.get("outputs") or {}), "default": default_output(name)}},
            now,
            display_name=body["displayName"],
            parent=str(body.get("parentJobName") or ""),
            compute=kind.compute(draft),
            modified=now,
            archived=bool(body.get("isArchived")),
            created_by=identity.name,
            state={"interpreter": read_interpreter(interpreter), "owner": identity.object_id, **(state or {})},
        )
        _clear(workspace, name)
        records.insert(transaction, record)
        _track(workspace, transaction, record, kind.source(body))
        if then is not None:
            record = then(transaction, record)
    return record, True


def default_output(name: str) -> dict[str, Any]:
    """The output `default`: the run's artifacts. Without `/paths/`, as `jobs.stream` expects it."""
    return {
        "jobOutputType": "uri_folder",
        "mode": "ReadWriteMount",
        "uri": f"azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.{name}",
    }


def read_interpreter(header: str) -> dict[str, str]:
    """The submitter's Python: `executable` and `prefix`; this process's own when nothing was said."""
    own = {"executable": sys.executable, "prefix": sys.prefix}
    try:
        found = json.loads(header) if header else own
    except ValueError:
        return own
    if not isinstance(found, dict) or not found.get("executable"):
        return own
    return {"executable": str(found["executable"]), "prefix": str(found.get("prefix") or "")}


def _clear(workspace: Workspace, name: str) -> None:
    """Take away what a deleted job of the same name left in its private folder."""
    folder = workspace.work_folder(name)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def _track(workspace: Workspace, transaction: Transaction, record: Record, source: str) -> None:
    tags = {str(key): str(value) for key, value in (record.body.get("tags") or {}).items()}
    experiment = tracking.ensure_experiment(transaction, record.experiment, record.created)
    if record.parent:
        tags["mlflow.parentRunId"] = record.parent
    tracking.create_run(
        transaction,
        run_id=record.name,
        experiment=experiment,
        name=record.display_name,
        user=record.created_by,
        start=record.created,
        artifact_root=str(workspace.runs_folder(record.name)),
        tags=tags,
        source=source,
    )


def _again(transaction: Transaction, held: Record, body: dict[str, Any], now: float) -> Record:
    """A PUT over a job that exists: the same body, or one that changes only what may be changed."""
    different = sorted(
        key
        for key in (set(held.body) | set(body)) - MUTABLE - OURS
        if key in body and _plain(held.body.get(key), key) != _plain(body[key], key)
    )
    if different:
        fields = ", ".join(different)
        raise ConflictError(
            f"A job named '{held.name}' exists already ({held.status}), and its {fields} cannot be changed.",
            why="Only description, displayName, tags, properties and isArchived of a job can.",
            remedy="Submit under another name, or leave the name out and one is chosen.",
        )
    changes = {key: body[key] for key in MUTABLE & set(body)}
    if all(held.body.get(key) == value for key, value in changes.items()):
        return held
    return change(transaction, held, changes, now)


def change(transaction: Transaction, held: Record, changes: dict[str, Any], now: float) -> Record:
    """Write the fields of a job that a person may change; the job after it."""
    unknown = set(changes) - MUTABLE
    if unknown:
        msg = f"{', '.join(sorted(unknown))} of a job cannot be changed."
        raise ResourceError(msg, code="ValidationError")
    body = {**held.body, **changes}
    after = replace(
        held,
        body=body,
        display_name=str(body.get("displayName") or held.name),
        archived=bool(body.get("isArchived")),
        modified=now,
    )
    records.describe(transaction, after, now)
    return after


def merge(transaction: Transaction, held: Record, changes: dict[str, Any], now: float) -> Record:
    """Change a job as a PATCH does: tags and properties are merged, a null takes one away."""
    merged = {key: value for key, value in changes.items() if value is not None}
    for field in ("tags", "properties"):
        if isinstance(merged.get(field), dict):
            both = {**(held.body.get(field) or {}), **merged[field]}
            merged[field] = {key: value for key, value in both.items() if value is not None}
    if all(held.body.get(key) == value for key, value in merged.items()):
        return held
    after = change(transaction, held, merged, now)
    if "tags" in merged and tracking.exists(transaction, held.name):
        tags = {str(key): str(value) for key, value in merged["tags"].items()}
        tracking.log_batch(transaction, held.name, tags=tags)
    return after


def _plain(value: Any, key: str) -> Any:
    """A field without what clients and service add to it: empty values, and the output `default`."""
    if isinstance(value, dict):
        inner = {name: _plain(item, "") for name, item in value.items()}
        kept = {name: item for name, item in inner.items() if item not in (None, {}, [])}
        if key == "outputs":
            kept = {name: item for name, item in bodies.shown_outputs(kept, {}).items() if name != "default"}
            for item in kept.values():
                item.pop("value", None)
        return kept or None
    return value if value != [] else None
