"""What the runner writes down: a job's progress with its MLflow run in one transaction, and reads back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from jupyter_aml.agent import processes
from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs import distribution, lifecycle, records, slots, sparks
from jupyter_aml.local.jobs.lifecycle import Event, Fault, Job, Status
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.runtime import engines
from jupyter_aml.local.runtime.provisioners import dask
from jupyter_aml.local.store import records as resources
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import records as tracking

PLENTY = 64
"""Slots of a cluster elsewhere that has not been asked yet; what is too much waits there."""
MLFLOW = {
    Status.COMPLETED: tracking.FINISHED,
    Status.FAILED: tracking.FAILED,
    Status.CANCELED: tracking.KILLED,
}


def write(
    workspace: Workspace,
    job: Job,
    events: Sequence[Event],
    state: Mapping[str, Any],
    *,
    now: float,
    started: float | None,
) -> bool:
    """Write a job's status, story and facts; whether somebody has asked to cancel it meanwhile.

    Raises:
        StoreError: The disk is full or the database stayed locked; nothing was written.
    """
    with workspace.database.write() as transaction:
        held = records.get(transaction, job.name)
        if held is None:
            return False
        final = job.phase in lifecycle.FINAL
        if "outputs" not in state and "outputs" in held.state:
            state = {**state, "outputs": held.state["outputs"]}  # finalising noted them meanwhile, in its own thread
        asked = held.status == Status.CANCEL_REQUESTED and not final
        ended = _ended(held, events, started) or (now if final else None)
        records.advance(
            transaction,
            held.name,
            status=Status.CANCEL_REQUESTED if asked else job.status,
            state=state,
            now=now,
            started=started,
            ended=ended,
        )
        records.tell(transaction, held.name, events)
        _track(transaction, held.name, job.phase, started, ended if final else None)
    return asked


def _ended(held: Record, events: Sequence[Event], started: float | None) -> float | None:
    """When the run's processes ended: what comes after is our own work. Never before the start: clocks are set back."""
    ended = next((event.at for event in events if isinstance(event, lifecycle.Exited)), held.ended)
    return None if ended is None else max(ended, started or held.started or 0.0)


def _track(transaction: Transaction, name: str, phase: Status, started: float | None, ended: float | None) -> None:
    with contextlib.suppress(ResourceError):  # its run may have been deleted through MLflow
        if started is not None:
            tracking.start_run(transaction, name, started)
        if ended is not None:
            tracking.finish_run(transaction, name, MLFLOW[phase], ended)


def job_of(record: Record) -> Job:
    """The state machine's job as an earlier host left it."""
    phase = Status(record.state.get("phase") or Status.NOT_STARTED)
    error = record.state.get("error")
    fault = Fault(error["code"], error["message"], error.get("traceback", "")) if error else None
    return Job(record.name, phase, fault=fault, cancelled=bool(record.state.get("cancelled")))


def capacity(workspace: Workspace, line: slots.Key) -> int:
    """How many slots a compute has: this machine's cores, a cluster's most nodes, or what one elsewhere has."""
    if line == slots.MACHINE:
        return cores()
    with workspace.database.read() as reader:
        record = resources.get(reader, "computes", line[1])
        attached = engines.read(record.name, record.body) if record else None
        if attached is not None and not attached.engine.ships:
            return attached.most or cores()
        if attached is not None:
            return attached.most or dask.PROVISIONER.slots(attached) or PLENTY
        return most_nodes(reader, line[1]) or cores()


def most_nodes(reader: records.Reader, compute: str) -> int | None:
    """How many instances a compute has at most; None where that is nothing that Azure counts."""
    record = resources.get(reader, "computes", compute)
    properties = (record.body.get("properties") or {}) if record else {}
    kind = properties.get("computeType")
    if kind == "AmlCompute":
        scale = (properties.get("properties") or {}).get("scaleSettings") or {}
        return max(int(scale.get("maxNodeCount") or 1), 1)
    return 1 if kind == "ComputeInstance" else None


def need(record: Record, line: slots.Key) -> int:
    """How many slots of its line a job takes; one that an earlier version let in, and that makes no sense, one."""
    try:
        if record.type == sparks.WORD and line == slots.MACHINE:
            return sparks.width(record.body, cores())
        return distribution.read(record.body).slots(machine=line == slots.MACHINE)
    except ResourceError:
        return 1


def cores() -> int:
    """How many jobs this machine runs side by side."""
    return processes.cores()
