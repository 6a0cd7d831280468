"""Parallel steps that go on where an earlier run of the same work stopped.

Each piece of work, known by its fingerprint, has a journal: who worked on it, and the mini-batches that are done.
The step's program adds to it through a link in the run's folder and removes it when all is done.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from jupyter_aml.agent import parallel_rows
from jupyter_aml.agent.parallel import JOURNAL
from jupyter_aml.local.jobs import locate, outputs, programs, records
from jupyter_aml.local.jobs.lifecycle import Status
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.store.workspace import Workspace

KEPT_SECONDS = 30 * 86400.0
"""How long a journal waits for somebody who goes on with it."""
STOPPED = frozenset({Status.FAILED, Status.CANCELED})


def place(workspace: Workspace, record: Record, made: Sequence[outputs.Output], work: Path) -> None:
    """Give a parallel step's run its journal, with the files that the last run of the same work had written.

    A run that is to work anew, and one while another is busy with the same work, go on with nothing.

    Args:
        workspace: The job's.
        record: The job.
        made: Its outputs, whose folders exist.
        work: The run's folder.
    """
    mark = str(record.state.get("fingerprint") or "")
    if not mark or programs.word(record.body) != programs.PARALLEL:
        return
    journal = workspace.folder / "mini_batches" / f"{mark}.jsonl"
    journal.parent.mkdir(exist_ok=True)
    _forget(journal.parent)
    last = _last(journal, but=record.name)
    if last:
        with workspace.database.read() as reader:
            earlier = records.get(reader, last)
        if earlier is not None and earlier.status not in STOPPED | {Status.COMPLETED}:
            return
        stopped = earlier if earlier is not None and earlier.status in STOPPED else None
        if stopped is None or record.state.get("anew") or not _bring(workspace, stopped, made):
            _drop(journal)
    with journal.open("a", encoding="utf-8") as file:
        file.write(f"\n{json.dumps({'job': record.name})}\n")
    (work / JOURNAL).symlink_to(journal)


def _last(journal: Path, but: str) -> str:
    """The other job that worked last; empty for none."""
    found = ""
    with suppress(FileNotFoundError), journal.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith('{"job"'):
                with suppress(ValueError):  # a line that a crash cut off
                    job = str(json.loads(line)["job"])
                    found = found if job == but else job
    return found


def _bring(workspace: Workspace, earlier: Record, made: Sequence[outputs.Output]) -> bool:
    """Copy the files of folder outputs that an earlier run left; whether they are all there."""
    kept = earlier.state.get("outputs") or {}
    folders = [output for output in made if not (output.file or output.artifacts)]
    if any(output.direct for output in folders):
        return False
    with workspace.database.read() as reader:
        found = [
            locate.find(workspace, reader, str(kept[output.name]["uri"]), output.kind, "outputs")
            for output in folders
            if output.name in kept
        ]
    places = [place for place in found if isinstance(place, locate.Place) and place.path(workspace).is_dir()]
    if len(places) < len(folders):
        return False
    for output, there in zip(folders, places, strict=True):
        workspace.blobs.export(there.container, there.name.rstrip("/"), output.staging)
    return True


def _forget(folder: Path) -> None:
    before = time.time() - KEPT_SECONDS
    for journal in folder.glob("*.jsonl"):
        with suppress(OSError):
            if journal.stat().st_mtime < before:
                _drop(journal)


def _drop(journal: Path) -> None:
    """Remove a journal, and the rows that it tells of."""
    journal.unlink(missing_ok=True)
    shutil.rmtree(parallel_rows.rows_of(journal), ignore_errors=True)
