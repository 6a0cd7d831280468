"""Finished steps that stand for later ones: found by the fingerprint of their work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs import fingerprint, ledger, locate, records
from jupyter_aml.local.jobs.lifecycle import Status
from jupyter_aml.local.jobs.records import Reader, Record
from jupyter_aml.local.store import records as resources
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import records as tracking

SEGMENT = "steps"
"""Records that say which job did a piece of work: the name is the fingerprint."""
FOUND = ("best_child_run_id", "automl_best_child_run_id", "score", "run_algorithm", "primary_metric", "goal")
"""Properties in which a search says what it has found."""


def mark(workspace: Workspace, reader: Reader, body: Mapping[str, Any]) -> str:
    """The fingerprint of a step's work; empty when it cannot be told."""
    return fingerprint.fingerprint(workspace, reader, body)


def donor(workspace: Workspace, reader: Reader, found: str) -> Record | None:
    """The finished job that did this work, if it and all that it left are still there."""
    held = resources.get(reader, SEGMENT, found) if found else None
    record = records.get(reader, str(held.body.get("job"))) if held else None
    if record is None or record.status != Status.COMPLETED:
        return None
    try:
        whole = all(_there(workspace, reader, str(kept["uri"])) for kept in _outputs(record).values() if "uri" in kept)
    except ResourceError:
        return None
    return record if whole else None


def _outputs(record: Record) -> dict[str, Any]:
    kept = record.state.get("outputs") or {}
    return {name: value for name, value in kept.items() if name not in locate.ARTIFACTS}


def _there(workspace: Workspace, reader: Reader, uri: str) -> bool:
    place = locate.find(workspace, reader, uri, "uri_folder", "outputs")
    return isinstance(place, locate.Elsewhere) or place.path(workspace).exists()


def remember(transaction: Transaction, found: str, record: Record, now: float) -> None:
    """Note who did this work."""
    if found:
        resources.put(transaction, resources.Record(SEGMENT, found, "", {"job": record.name}, now, now))


def properties(of: Record) -> dict[str, str]:
    """Properties of a job that stands for another: which that is, and what was found best in it."""
    held = of.body.get("properties") or {}
    found = {key: str(held[key]) for key in FOUND if key in held}
    return {"azureml.isreused": "true", "azureml.reusedrunid": of.name, **found}


def complete(transaction: Transaction, record: Record, of: Record, now: float) -> Record:
    """Make a job that was just written a finished one, with the outputs and metrics of another."""
    state = {
        **record.state,
        "phase": Status.COMPLETED.value,
        "outputs": of.state.get("outputs") or {},
        "reused": of.name,
    }
    records.advance(transaction, record.name, status=Status.COMPLETED, state=state, now=now, started=now, ended=now)
    if tracking.exists(transaction, of.name):
        for key, value in tracking.metrics(transaction, of.name).items():
            tracking.log_metric(transaction, record.name, key, value, timestamp=int(now * 1000))
    tracking.start_run(transaction, record.name, now)
    tracking.finish_run(transaction, record.name, ledger.MLFLOW[Status.COMPLETED], now)
    return replace(record, status=Status.COMPLETED, state=state, started=now, ended=now)
