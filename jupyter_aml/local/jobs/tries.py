"""Tries: a run that a worker elsewhere makes, as its home sees it. The newest counts; what an earlier one left goes.

A worker that dies takes its try with it, and the run begins again on another. Each try names itself; as soon as a
newer one has begun, nothing more is taken from the one before, which ends its run when it hears that. Files of a try
lie apart until it says how the run ended: then they are put in their places, and `exit.json` is written, once.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from jupyter_aml.agent import records as files
from jupyter_aml.errors import ConflictError, NotFoundError, ResourceError
from jupyter_aml.local.jobs import prepare, records, surroundings
from jupyter_aml.local.runtime.remote.order import PLACE, put_in
from jupyter_aml.local.store import blob_files
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import measured

ORDER, STATE, EXIT, CANCEL = "order.json", "try.json", "exit.json", "cancel"
AREAS = ("outputs", "artifacts")
LOG = re.compile(r"std_log[\w.-]*\.txt")
REASONS = frozenset({"exited", "timeout", "cancelled", "refused", "lost"})
PIECE = 1 << 20

_lock = threading.Lock()
"""One thread at a time decides which try is the newest; pieces of files are written without it."""


def begin(workspace: Workspace, job: str, attempt: str, facts: dict[str, Any]) -> None:
    """Take a new try for the run, and drop what an earlier one has sent and logged.

    Raises:
        ConflictError: The run has ended, or is not wanted any more.
    """
    work = _work(workspace, job)
    with _lock:
        if (work / EXIT).exists() or (work / CANCEL).exists():
            raise _superseded(job)
        before = files.read(str(work / STATE)) or {}
        if before.get("try") == attempt:
            return
        number = int(before.get("number") or 0) + 1
        if (work / "tries").exists():
            blob_files.remove_tree(str(work / "tries"))
        (work / "tries" / attempt).mkdir(parents=True)
        with workspace.database.write() as transaction:
            kept = before.get("tags") or measured.tags(transaction, job)
            if number > 1:
                measured.forget(transaction, job, kept)
        where = f"{facts.get('host') or ''} ({facts.get('worker') or ''})"
        state = {"try": attempt, "number": number, "worker": facts.get("worker"), "where": where, "tags": kept}
        files.write(str(work / STATE), state)
        log = prepare.log_path(workspace, job)
        if number > 1:
            lost = before.get("where")
            surroundings.say(log, [f"The worker {lost} is gone; the run begins again on {where}, try {number}."])
        else:
            surroundings.say(log, [f"The run is on the worker {where}."])


def append(workspace: Workspace, job: str, attempt: str, log: str, *, offset: int, piece: bytes) -> None:
    """Put a piece of a log at its end, unless it is there already.

    Raises:
        ConflictError: The try is not the newest, or something before the piece is missing.
        ResourceError: It is no log's name.
    """
    if not LOG.fullmatch(log):
        raise ResourceError(f"{log!r} is no log of a run.", code="ValidationError", target="log")
    work = _require(workspace, job, attempt)
    copy = work / "tries" / attempt / "logs" / log
    copy.parent.mkdir(parents=True, exist_ok=True)
    with copy.open("ab") as own:
        there = own.tell()
        if offset > there:
            raise ConflictError(f"{log} of {job} has {there} bytes; a piece from {offset} was sent.")
        new = piece[there - offset :]
        own.write(new)
    if new:
        place = workspace.runs_folder(job) / "user_logs" / log
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("ab") as file:
            file.write(new)


def put(workspace: Workspace, job: str, attempt: str, path: str, *, offset: int, stream: BinaryIO) -> None:
    """Write a piece of a file of the run: `outputs/...`, or `artifacts/...` for what the run's folder shows.

    Raises:
        ConflictError: The try is not the newest.
        ResourceError: The path leads elsewhere.
    """
    pure = PurePosixPath(path)
    if len(pure.parts) < 2 or pure.parts[0] not in AREAS or ".." in pure.parts or "\0" in path:  # noqa: PLR2004 - area, name
        raise ResourceError(f"{path!r} is no file of a run.", code="ValidationError", target="path")
    work = _require(workspace, job, attempt)
    place = work / "tries" / attempt / "files" / pure
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("r+b" if offset and place.exists() else "wb") as file:
        file.seek(offset)
        file.truncate()
        shutil.copyfileobj(stream, file, PIECE)


def end(workspace: Workspace, job: str, attempt: str, record: dict[str, Any]) -> None:
    """Put the try's files in their places and write how the run ended.

    Raises:
        ConflictError: The try is not the newest, or the run has ended.
        ResourceError: The record is none.
    """
    if record.get("reason") not in REASONS:
        raise ResourceError("The body says no reason why the run ended.", code="ValidationError", target="reason")
    with _lock:
        if (_work(workspace, job) / EXIT).exists():
            state = files.read(str(_work(workspace, job) / STATE)) or {}
            if state.get("try") == attempt:
                return  # it was said before, and the answer was lost
        work = _require(workspace, job, attempt)
        sent = work / "tries" / attempt / "files"
        _merge(sent / "outputs", work / "outputs")
        _merge(sent / "artifacts", workspace.runs_folder(job))
        rank = record.pop("rank", None)
        if rank:
            words = {f"{PLACE}/runs": str(workspace.runs_folder(job)), PLACE: str(work)}
            files.write(str(work / "rank.json"), put_in(rank, words))
        kept = {name: record.get(name) for name in ("code", "signal", "reason", "started", "ended", "error")}
        files.write(str(work / EXIT), kept, durable=True)


def state(work: Path) -> dict[str, Any]:
    """The newest try: `try`, `number`, `worker`; empty before the first."""
    return files.read(str(work / STATE)) or {}


def _work(workspace: Workspace, job: str) -> Path:
    """The run's folder, which exists as long as it is not over.

    Raises:
        ConflictError: It is.
        NotFoundError: There is no such job.
    """
    with workspace.database.read() as reader:
        record = records.get(reader, job)
    if record is None:
        raise NotFoundError(f"There is no job {job!r} in this workspace.")
    work = workspace.work_folder(record.name)
    if record.final or not (work / ORDER).exists():
        raise _superseded(job)
    return work


def _require(workspace: Workspace, job: str, attempt: str) -> Path:
    """The run's folder, for its newest try.

    Raises:
        ConflictError: It has ended, or a newer try has begun.
    """
    work = _work(workspace, job)
    if (work / EXIT).exists() or state(work).get("try") != attempt:
        raise _superseded(job)
    return work


def _superseded(job: str) -> ConflictError:
    return ConflictError(f"Nothing more of this try of {job} is wanted.", code="TrySuperseded")


def _merge(source: Path, target: Path) -> None:
    """Move files below a folder to where they belong, over those of the same names."""
    for folder, _, names in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            Path(folder, name).replace(place / name)
