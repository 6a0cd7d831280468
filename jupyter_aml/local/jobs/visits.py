"""Going into a running job: its process is asked to open a Jupyter kernel in itself, or to let go of a held failure."""

from __future__ import annotations

import json
import os
import re
import socket
import time
from pathlib import Path
from typing import Any, Literal

from jupyter_aml.agent import attach, records
from jupyter_aml.errors import AmlError, ConflictError, NotOfflineError, ResourceError
from jupyter_aml.local.jobs import away, registry
from jupyter_aml.local.jobs.lifecycle import Status
from jupyter_aml.local.jobs.records import Record, find
from jupyter_aml.local.runtime import commands
from jupyter_aml.local.store.workspace import Workspace

HELD = "jupyter_aml.held"
"""Property of a job that has failed and is held: until when, and the name of its exception."""
OPEN_SECONDS = 60.0
"""How long a process may take to import what a kernel needs."""
BEGIN_SECONDS = 5.0
"""How long a process that has just been started may take until people can come in."""
PAUSE = 0.05
AHEAD = frozenset({Status.NOT_STARTED, Status.PREPARING, Status.QUEUED, Status.STARTING})
"""Before a job runs."""
_PLACEHOLDER = re.compile(r"\$\{\{.*?\}\}")


def begun(workspace: Workspace, name: str) -> Record:
    """A job, which is waited for a little when it has been submitted and does not run yet.

    Raises:
        ResourceError: There is no such job.
    """
    until = time.monotonic() + BEGIN_SECONDS
    while True:
        with workspace.database.read() as reader:
            record = find(reader, name)
        if record.status not in AHEAD or time.monotonic() > until:
            return record
        time.sleep(PAUSE)


def ask(workspace: Workspace, record: Record, word: Literal["open", "release"]) -> dict[str, Any]:
    """What a running job's process answers.

    Args:
        workspace: The job's.
        record: The job.
        word: `open` a kernel, or `release` a held failure.

    Returns:
        For `open` its `connection_file` and whether the job is `held`, for `release` whether it was `released`;
        and the `pid`.

    Raises:
        ResourceError: The job does not run, is elsewhere, or has no Python of its own.
    """
    refuse(workspace, record)
    until = time.monotonic() + BEGIN_SECONDS
    while True:
        try:
            answer = _ask(_folder(workspace, record), word)
            break
        except OSError:
            if _shell(record) or time.monotonic() > until:
                raise _shut(record) from None
            time.sleep(PAUSE)
    if answer.get("error"):
        raise ResourceError(
            f"No kernel could be opened in the job '{record.name}': {answer['error']}",
            code="UserError",
            remedy="Add ipykernel to the job's environment." if "ImportError" in _kinds(answer) else "",
        )
    return answer


def _kinds(answer: dict[str, Any]) -> str:
    return str(answer["error"]).replace("ModuleNotFoundError", "ImportError").partition(":")[0]


def held(workspace: Workspace, record: Record) -> dict[str, Any] | None:
    """`until` (seconds since the epoch) and the name of the `error`, of a job that has failed and is held."""
    if record.status != Status.RUNNING:
        return None
    return records.read(str(_folder(workspace, record) / attach.HELD))


def refuse(workspace: Workspace, record: Record) -> None:
    """Refuse to go into a job that has no process here.

    Raises:
        ResourceError: It has none, with the reason.
    """
    name = record.name
    if record.final:
        again = f"Type `%aml job debug {name}` to run it again and look at its variables where it fails."
        raise ConflictError(
            f"The job '{name}' is {record.status}: its process, with its variables, is gone.",
            code="JobEnded",
            remedy=again if record.status == Status.FAILED else f"Type `%aml job logs {name}` for what it wrote.",
        )
    if registry.job_type(record.type).conducts:
        raise ResourceError(
            f"The job '{name}' is a {record.type.lower()}: its children run, it has no process of its own.",
            code="UserError",
            remedy=f"Attach to one of them: `%aml job list --parent {name}` shows them.",
        )
    if record.status != Status.RUNNING:
        raise ConflictError(
            f"The job '{name}' is {record.status}: nothing of it runs.",
            code="JobNotRunning" if record.status in AHEAD else "JobEnding",
            remedy="Wait until it is Running." if record.status in AHEAD else f"Type `%aml job logs {name}`.",
        )
    if away.cluster_of(workspace, record) is not None:
        raise NotOfflineError(
            f"The job '{name}' runs on a worker of an attached cluster, where nobody can go into it from here.",
            remedy="Run it on a compute of this machine.",
        )


def _folder(workspace: Workspace, record: Record) -> Path:
    """Where the run's process listens: of several the one that is held, else the first."""
    work = workspace.work_folder(record.name)
    ranks = work / "ranks"
    if not ranks.is_dir():
        return work
    folders = sorted(ranks.iterdir(), key=lambda folder: folder.name.zfill(6))
    return next((one for one in folders if (one / attach.HELD).exists()), ranks / "0")


def _ask(folder: Path, word: str) -> dict[str, Any]:
    handle = -1
    path, handle = attach.reach(str(folder), attach.SOCKET)
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(OPEN_SECONDS)
            line.connect(path)
            line.sendall(json.dumps({"op": word}).encode() + b"\n")
            with line.makefile("rb") as reader:
                text = reader.readline()
    finally:
        if handle >= 0:
            os.close(handle)
    if not text:
        raise ConnectionError("The process ended before it answered.")
    answer: dict[str, Any] = json.loads(text)
    return answer


def _shell(record: Record) -> str:
    """Why a job's command is one for a shell; empty when it is a plain Python call."""
    found = commands.parse(_PLACEHOLDER.sub("x", str(record.body.get("command") or "")))
    return found.reason if isinstance(found, commands.Shell) else ""


def _shut(record: Record) -> AmlError:
    reason = _shell(record)
    if reason:
        return ResourceError(
            f"The job '{record.name}' runs a shell command ({reason}), not one Python: there is nothing to go into.",
            code="UserError",
            remedy="Write the command as one plain call, `python script.py --flag value`.",
        )
    return ResourceError(
        f"The process of the job '{record.name}' does not answer.",
        code="UserError",
        why="It ended this moment, or its Python was replaced by another program.",
        remedy=f"Type `%aml job show {record.name}` to see how it stands.",
    )
