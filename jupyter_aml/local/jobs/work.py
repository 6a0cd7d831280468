"""The parts of a job that take time, each a plain call from a worker thread: prepare, start, finalise, clear."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import traceback
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jupyter_aml.agent import records as agent_records
from jupyter_aml.errors import AmlError, ResourceError
from jupyter_aml.local.jobs import (
    away,
    distribution,
    locate,
    outputs,
    prepare,
    records,
    registry,
    sparks,
    surroundings,
    verdict,
)
from jupyter_aml.local.jobs.conducted.performance import Performance, Unable
from jupyter_aml.local.jobs.conducted.stage import Stage
from jupyter_aml.local.jobs.lifecycle import Fault, Status
from jupyter_aml.local.jobs.prepare import Ready, log_path
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.jobs.types.base import JobType
from jupyter_aml.local.runtime import handles
from jupyter_aml.local.runtime.environments import Environment, Unbuilt
from jupyter_aml.local.runtime.handles import Exit, Handle
from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.store import blob_files
from jupyter_aml.local.store.workspace import Workspace

TAIL = 64 << 10
ASIDE = ".ended-"
"""How the name of a private folder begins that waits to be removed; no job's can."""


@dataclass(frozen=True)
class Kept:
    """What finalising left: the outputs by name, and why something could not be kept."""

    outputs: dict[str, Any]
    fault: Fault | None = None


def make_ready(
    workspace: Workspace,
    record: Record,
    door: Callable[[], str],
    outer: Mapping[str, str],
    environment: Environment | None = None,
    *,
    outer_door: away.Doors | None = None,
) -> Ready | Unbuilt | Fault:
    """Prepare a run, unless its environment has to be built first; a fault of the job's comes back as one."""
    try:
        cluster = away.cluster_of(workspace, record)
        if cluster is not None and outer_door is not None:
            return away.make_ready(workspace, record, cluster, outer_door, outer)
        return prepare.prepare(workspace, record, door=door(), outer=outer, environment=environment)
    except Exception as error:  # noqa: BLE001 - whatever it is, the job must end with a reason
        fault = fault_of(error, "The job could not be prepared")
    say(workspace, record.name, fault.message)
    return fault


def build(workspace: Workspace, record: Record, unbuilt: Unbuilt, given_up: Callable[[], bool]) -> Environment | Fault:
    """Build a run's environment; a fault of the job's comes back as one, also when it was given up."""
    try:
        log, *_ = prepare.make_logs(workspace, record.name, distribution.read(record.body))
        return surroundings.build(workspace, record, unbuilt, log, given_up)
    except Exception as error:  # noqa: BLE001 - idem
        fault = fault_of(error, "The environment could not be built")
    say(workspace, record.name, fault.message)
    return fault


def start(workspace: Workspace, provisioner: Provisioner, ready: Ready, shares: str = "") -> Handle | Fault:
    """Start a run, in a process that it may share with others of the crew `shares`."""
    try:
        if ready.away is not None:
            return away.start(workspace, ready.spec.run, ready.away)
        return provisioner.start(replace(ready.spec, shares=shares))
    except Exception as error:  # noqa: BLE001 - idem
        fault = fault_of(error, "The run could not be started")
    say(workspace, ready.spec.run, fault.message)
    return fault


def find(workspace: Workspace, record: Record) -> Handle | None:
    """The handle of a run that an earlier host started, ended or not; None when it never started."""
    cluster = away.cluster_of(workspace, record)
    if cluster is not None:
        return away.find(workspace, record.name, cluster)
    return handles.find(workspace.work_folder(record.name))


def perform(workspace: Workspace, record: Record, rouse: Callable[[], None], clock: Callable[[], float]) -> Performance:
    """Begin, or go on with, a job whose work is other jobs."""
    kind = registry.job_type(record.type)
    stage = Stage(workspace, record, kind.log, rouse, clock)
    try:
        conductor = kind.conductor(stage)
    except Exception as error:  # noqa: BLE001 - idem
        conductor = Unable(error)
    return Performance(stage, conductor, cancelled=record.status == Status.CANCEL_REQUESTED)


def fault_of(error: Exception, what: str) -> Fault:
    """An exception as the reason of a failed job."""
    if isinstance(error, ResourceError):
        return Fault(error.code, str(error))
    if isinstance(error, AmlError):
        return Fault("UserError", str(error))
    if isinstance(error, OSError):
        return Fault("SystemError", f"{what}: {error}.")
    traceback.print_exception(error, file=sys.stderr)
    return Fault("SystemError", f"{what}: {type(error).__name__}: {error}.")


def say(workspace: Workspace, job: str, sentence: str) -> None:
    """Put a sentence of ours at the end of the run's log."""
    log = log_path(workspace, job)
    with contextlib.suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{sentence}\n")


def judge(workspace: Workspace, record: Record, end: Exit, timeout: float | None) -> Fault | None:
    """Why a run that ended failed; None when it did well. What the script did not say stands in the log, too."""
    rank = agent_records.read(str(workspace.work_folder(record.name) / "rank.json"))
    fault = verdict.of(
        code=end.code,
        signal_number=end.signal,
        reason=end.reason,
        error=end.error,
        log_tail=tail(Path(rank["log"]) if rank else log_path(workspace, record.name)),
        timeout=timeout,
    )
    if fault is not None and rank and end.reason == "exited":
        fault = verdict.of_one(fault, rank["rank"], rank["of"], Path(rank["log"]).name)
    if fault is not None and (end.reason != "exited" or end.code is None):
        say(workspace, record.name, fault.message)
    return fault


def tail(log: Path, size: int = TAIL) -> str:
    """The end of a log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read(size).decode(errors="replace")
    except OSError:
        return ""


def finalize(workspace: Workspace, record: Record, *, good: bool, now: float) -> Kept:
    """Move what the run left to where it belongs, and register named outputs of a run that did well.

    Args:
        workspace: The job's.
        record: The job, with the outputs that an earlier try kept.
        good: Whether the run did well.
        now: Seconds since the epoch.
    """
    kind = registry.job_type(record.type)
    kept: dict[str, Any] = dict(record.state.get("outputs") or {})
    try:
        if kind.conducts:
            _take_over(workspace, kind, record, kept, now=now, good=good)
            return Kept(kept)
        gather(workspace, record.name)
        made = outputs.plan(workspace, record)
        for output in made:
            own = _keep(workspace, output, good=good, spark=record.type == sparks.WORD)
            kept[output.name] = {**own, **_named(kept.get(output.name))}
        if good:
            _register(workspace, record, made, kept, now)
    except Exception as error:  # noqa: BLE001 - the job must end with a reason
        fault = fault_of(error, "An output could not be kept")
        say(workspace, record.name, fault.message)
        return Kept(kept, fault)
    return Kept(kept)


def _take_over(
    workspace: Workspace, kind: JobType, record: Record, kept: dict[str, Any], *, now: float, good: bool
) -> None:
    """The outputs of a conducted job are those of its children; it registers the named ones."""
    with workspace.database.read() as reader:
        taken = kind.conducted_outputs(reader, records.find(reader, record.name))
    made = [output for output in outputs.plan(workspace, record) if output.artifacts or output.name in taken]
    for output in made:
        own = {"uri": output.uri, "type": output.kind}
        kept[output.name] = {**(own if output.artifacts else taken[output.name]), **_named(kept.get(output.name))}
        if good and not output.artifacts and kind.copies and outputs.placed(record, output.name):
            kept[output.name] |= _copied(workspace, output, str(taken[output.name]["uri"]))
    if good:
        _register(workspace, record, made, kept, now)


def _copied(workspace: Workspace, output: outputs.Output, uri: str) -> dict[str, Any]:
    """A child's folder, copied to where the user wants it."""
    with workspace.database.read() as reader:
        place = outputs.destination(workspace, reader, output)
        found = locate.find(workspace, reader, uri, output.kind, f"properties.outputs.{output.name}")
    if not isinstance(found, locate.Place):
        return {}
    shutil.copytree(found.path(workspace), output.staging, dirs_exist_ok=True)
    return outputs.keep(workspace, replace(output, direct=False), place)


def _named(earlier: dict[str, Any] | None) -> dict[str, Any]:
    """What an earlier try registered."""
    return {key: earlier[key] for key in ("asset", "version") if key in earlier} if earlier else {}


def _keep(workspace: Workspace, output: outputs.Output, *, good: bool, spark: bool) -> dict[str, Any]:
    if output.artifacts:
        return {"uri": output.uri, "type": output.kind}
    with workspace.database.read() as reader:
        place = outputs.destination(workspace, reader, output)
    if spark:
        own = workspace.blobs.path(place.container, outputs.spot(output, place)[0])
        outputs.drop_checksums(own if output.direct else output.staging)
    return outputs.keep(workspace, output, place, good=good)


def _register(
    workspace: Workspace, record: Record, made: list[outputs.Output], kept: dict[str, Any], now: float
) -> None:
    """Register the named outputs and note it with the job in one transaction, so that a crash repeats nothing."""
    named = [output for output in made if output.asset and "version" not in kept[output.name]]
    if not named:
        return
    with workspace.database.write() as transaction:
        for output in named:
            version = outputs.register(
                transaction,
                workspace,
                output,
                str(kept[output.name]["uri"]),
                job=record.name,
                now=now,
                who=record.created_by,
            )
            kept[output.name] |= {"asset": output.asset, "version": version}
        records.remember(transaction, record.name, {**record.state, "outputs": kept})


def gather(workspace: Workspace, job: str) -> None:
    """Keep `./outputs` and `./logs` also where the run put folders of its own in the place of ours."""
    code, runs = workspace.work_folder(job) / "code", workspace.runs_folder(job)
    for name in prepare.COLLECTED:
        place, kept = code / name, runs / name
        if place.is_dir() and not place.is_symlink():
            workspace.blobs.adopt_folder(place, workspace.artifact_container, f"ExperimentRun/dcid.{job}/{name}")
        with contextlib.suppress(OSError):
            kept.rmdir()  # nothing was written


def leftovers(workspace: Workspace, unfinished: Collection[str]) -> list[Path]:
    """Private folders of jobs that have ended, put aside so that a new job of the name finds its place free.

    Args:
        workspace: The workspace.
        unfinished: Names of the jobs that have not ended, in lower case.
    """
    found = []
    root = workspace.work_folder("")
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if folder.name.lower() in unfinished:
            continue
        aside = folder if folder.name.startswith(ASIDE) else root / f"{ASIDE}{uuid.uuid4().hex}"
        with contextlib.suppress(OSError):
            found.append(folder.rename(aside))
    return found


def clear(workspace: Workspace, job: str) -> None:
    """Remove the run's private folder."""
    folder = workspace.work_folder(job)
    if folder.exists():
        with contextlib.suppress(OSError):
            blob_files.remove_tree(str(folder))
