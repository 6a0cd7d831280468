"""Logs of jobs, read piece by piece while they grow."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.errors import NotFoundError, ResourceError
from jupyter_aml.local.jobs import registry
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.store.workspace import Workspace

FOLDERS = ("user_logs", "azureml-logs", "logs")
"""Folders of a run whose files are logs."""
MOST = 256 * 1024


@dataclass(frozen=True)
class Piece:
    """A part of a log.

    Attributes:
        text: Whole characters; bytes that are no UTF-8 show as U+FFFD.
        offset: Where it begins, in bytes.
        next: Where the next piece begins, in bytes.
        size: Of the log at that moment, in bytes.
    """

    file: str
    text: str
    offset: int
    next: int
    size: int


def read(workspace: Workspace, record: Record, file: str = "", offset: int = 0, most: int = MOST) -> Piece:
    """A piece of a job's log.

    Args:
        workspace: The job's.
        record: The job.
        file: Which log, from the run's folder; by default the one that tells what the job does.
        offset: From which byte; a negative one counts from the end, and begins with a whole line.
        most: How many bytes at most.

    Raises:
        ResourceError: There is no such log.
    """
    folder = workspace.runs_folder(record.name)
    wanted = file or registry.job_type(record.type).log
    path = folder / wanted
    parts = Path(wanted).parts
    if ".." in parts or not parts or parts[0] not in FOLDERS or not path.resolve().is_relative_to(folder.resolve()):
        known = ", ".join(FOLDERS)
        raise ResourceError(f"'{wanted}' is no log of a job; logs are in {known}.", code="UserError", target="file")
    if not path.is_file():
        if file and record.final:
            raise NotFoundError(f"The job '{record.name}' has no log '{wanted}'.")
        return Piece(wanted, "", 0, 0, 0)
    with path.open("rb") as source:
        size = source.seek(0, 2)
        begin = min(offset, size) if offset >= 0 else max(size + offset, 0)
        source.seek(begin)
        found = source.read(most)
    if offset < 0 < begin:
        skipped = found.find(b"\n") + 1
        found, begin = found[skipped:], begin + skipped
    text, whole = decode(found, ends=record.final and begin + len(found) >= size)
    return Piece(wanted, text, begin, begin + whole, size)


def decode(found: bytes, *, ends: bool) -> tuple[str, int]:
    """The text of bytes, and how many they are without a character that is cut off at the end."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(found, ends)
    return text, len(found) - len(decoder.getstate()[0])
