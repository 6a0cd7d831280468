"""Pieces of a growing log, by byte offset, wherever the job is."""

from __future__ import annotations

from jupyter_aml.commands.actions import jobs
from jupyter_aml.local.jobs import logs, records
from jupyter_aml.local.jobs.logs import MOST, Piece, decode


def piece(reader: jobs.Reader, job: str, file: str = "", offset: int = 0) -> tuple[Piece, bool]:
    """A piece of a job's log, and whether the job has ended.

    Args:
        reader: Of the job's workspace; one that is kept asks Azure only once where its logs are.
        job: Its name.
        file: Which log; by default the one that tells what the job does.
        offset: From which byte; a negative one counts from the end.

    Raises:
        ResourceError: There is no such job or log, or the service refuses.
    """
    connection = reader.rest.connection
    if connection.service is None or connection.entry is None:
        return _away(reader, job, file, offset)
    workspace = connection.service.workspace(connection.entry)
    with workspace.database.read() as database:
        record = records.find(database, job)  # before the log, so that a final job's log is whole
    return logs.read(workspace, record, file, offset), record.final


def _away(reader: jobs.Reader, job: str, file: str, offset: int) -> tuple[Piece, bool]:
    """The same by REST alone."""
    final = reader.status(job) in jobs.FINAL  # before the log, so that an ended job's log is whole
    files = reader.log_files(job)
    wanted = file or next((name for name in jobs.MAIN_LOGS if name in files), "")
    if wanted not in files:
        return Piece(wanted, "", 0, 0, 0), final
    _, size = reader.bytes_of(files[wanted], 0, 0)
    begin = min(offset, size) if offset >= 0 else max(size + offset, 0)
    found = b""
    if begin < size:
        found, size = reader.bytes_of(files[wanted], begin, begin + MOST - 1)
    if offset < 0 < begin:
        skipped = found.find(b"\n") + 1
        found, begin = found[skipped:], begin + skipped
    text, whole = decode(found, ends=final and begin + len(found) >= size)
    return Piece(wanted, text, begin, begin + whole, size), final
