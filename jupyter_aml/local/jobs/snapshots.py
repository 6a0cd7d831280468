"""Code snapshots for workers elsewhere: the hash of what is in one, and one archive of it."""

from __future__ import annotations

import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.jobs import locate, records
from jupyter_aml.local.jobs.records import Reader, Record
from jupyter_aml.local.runtime.remote.fetch import content_hash
from jupyter_aml.local.store.workspace import Workspace

IN_MEMORY = 8 << 20


def of(workspace: Workspace, reader: Reader, record: Record) -> locate.Place | None:
    """Where the code of a job is; None for a job without code."""
    code = record.body.get("codeId")
    if not code:
        return None
    found = locate.find(workspace, reader, str(code), "code", "properties.codeId")
    return found if isinstance(found, locate.Place) else None


def digest(workspace: Workspace, place: locate.Place) -> str:
    """The hash over names and contents of a snapshot's files."""
    path = place.path(workspace)
    return _digest(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=512)
def _digest(path: str, _changed: int) -> str:
    """Read once: a snapshot belongs to a version of a code asset, which never changes."""
    return content_hash(Path(path))


def packed(workspace: Workspace, job: str) -> tuple[BinaryIO, int]:
    """The code of a job as a zip file, and its length in bytes.

    Raises:
        NotFoundError: The job has none.
    """
    with workspace.database.read() as reader:
        place = of(workspace, reader, records.find(reader, job))
    if place is None:
        raise NotFoundError(f"The job {job} has no code.")
    source = place.path(workspace)
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - whoever sends it closes it
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in [source] if source.is_file() else sorted(source.rglob("*")):
            if path.is_file():
                inner = path.name if path is source else path.relative_to(source).as_posix()
                archive.write(path, inner)
    length = file.tell()
    file.seek(0)
    return cast("BinaryIO", file), length
