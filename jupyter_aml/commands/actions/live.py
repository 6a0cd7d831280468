"""Following a job: waiting for its end, and its log as it grows."""

from __future__ import annotations

import codecs
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from jupyter_aml.commands.actions import cards, jobs
from jupyter_aml.commands.actions.cards import Pace
from jupyter_aml.commands.context import Context
from jupyter_aml.errors import JobFailedError, ResourceError

TOLD = "The job goes on."
MOST_AT_ONCE = 1 << 20
"""Bytes of a log that one look writes."""


def wait(context: Context, name: str, sleep: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    """The final snapshot of a job, when it has ended.

    Raises:
        JobFailedError: It ended `Failed` or `Canceled`; the message is the job's own.
    """
    reader = jobs.Reader(context.connection)
    with going_on(context, name):
        status = until_final(reader, name, sleep)
        cards.settle(reader.workspace, name)
    snapshot = reader.snapshot(name)
    if status != "Completed":
        raise failed(snapshot)
    return snapshot


@contextlib.contextmanager
def going_on(context: Context, name: str) -> Iterator[None]:
    """While a job is watched: whoever interrupts that is told that the job goes on, and how to come back."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if TOLD not in getattr(interrupt, "__notes__", ()):
            interrupt.add_note(TOLD)
            aml = context.prefix
            context.warn(f"{name} goes on: {aml} job stream {name} comes back to it, {aml} job cancel {name} ends it.")
        raise


@contextlib.contextmanager
def sending(context: Context, name: str) -> Iterator[None]:
    """While a job is sent: whoever interrupts that is told how to see whether it was submitted all the same.

    Args:
        context: Who submits.
        name: The job's name; "" when the SDK makes one up.
    """
    try:
        yield
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(TOLD)
        aml = context.prefix
        look = f"{aml} job show {name}" if name else f"{aml} job list --max-results 1"
        context.warn(
            f"Interrupted while the job was sent; it may have been submitted all the same. {look} tells, "
            f"{aml} job cancel {name or 'NAME'} ends it."
        )
        raise


def until_final(
    reader: jobs.Reader, name: str, sleep: Callable[[float], None] = time.sleep, most: float | None = None
) -> str:
    """The final status of a job, when it has ended; after `most` seconds the one that it has then."""
    pace = Pace(local=reader.local)
    last, waited = "", 0.0
    while (status := reader.status(name)) not in jobs.FINAL and (most is None or waited < most):
        pause = pace.after(changed=status != last)
        sleep(pause)
        last, waited = status, waited + pause
    return status


def failed(snapshot: dict[str, Any]) -> JobFailedError:
    """The error of a job that did not complete; the traceback is the script's."""
    name, status = snapshot["name"], snapshot["status"]
    if status == "Canceled":
        return JobFailedError(f"The job {name} was cancelled.", remedy=f"Type %aml job rerun {name} to run it again.")
    found = jobs.failure(snapshot)
    return JobFailedError(
        f"The job {name} failed.", traceback=found, remedy=f"Type %aml job logs {name} for the whole log."
    )


def follow(context: Context, name: str, sleep: Callable[[float], None] = time.sleep) -> str:
    """Write a job's log as it grows, until the job has ended; the final status."""
    reader = jobs.Reader(context.connection)
    pace = Pace(local=reader.local)
    decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
    position = 0
    with going_on(context, name):
        while True:
            status = reader.status(name)
            grown = _write(context, reader, name, position, decode)
            position += grown
            ended = status in jobs.FINAL
            if ended and not grown:
                context.stdout(decode(b"", final=True))
                return status
            if not ended and grown < MOST_AT_ONCE:
                sleep(pace.after(changed=bool(grown)))


def _write(context: Context, reader: jobs.Reader, name: str, position: int, decode: Callable[..., str]) -> int:
    """Write what has come since `position`, at most `MOST_AT_ONCE`; how many bytes that was."""
    with contextlib.suppress(ResourceError):
        files = reader.log_files(name)
        url = files.get(next((name for name in jobs.MAIN_LOGS if name in files), ""))
        if url:
            content, _ = reader.bytes_of(url, position, position + MOST_AT_ONCE - 1)
            context.stdout(decode(content))
            return len(content)
    return 0
