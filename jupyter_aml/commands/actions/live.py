"""Following a job: a card that refreshes and freezes when the job ends, waiting for it, its log as it grows."""

from __future__ import annotations

import codecs
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from jupyter_aml.commands.actions import jobs
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import AmlError, JobFailedError, ResourceError

SHORTEST, LONGEST = 0.15, 2.0
CLOUD_SHORTEST, CLOUD_LONGEST = 2.0, 10.0
GROWTH = 1.4
MOST_FAILURES = 30
TOLD = "The job goes on."
MOST_AT_ONCE = 1 << 20
"""Bytes of a log that one look writes."""
GONE = 404


class Pace:
    """How long to wait between two looks: short while things change, longer while they do not.

    Args:
        local: Whether asking is cheap.
    """

    def __init__(self, *, local: bool) -> None:
        self.shortest, self.longest = (SHORTEST, LONGEST) if local else (CLOUD_SHORTEST, CLOUD_LONGEST)
        self.now = self.shortest

    def after(self, *, changed: bool) -> float:
        """Seconds until the next look."""
        self.now = self.shortest if changed else min(self.now * GROWTH, self.longest)
        return self.now


class Shown(Outcome):
    """An outcome whose card stands in the cell already: as that cell's result it draws nothing more."""

    cell: int = -1

    def _ipython_display_(self) -> None:
        import IPython

        shell = IPython.get_ipython()
        if shell is None or shell.execution_count != self.cell:
            IPython.display.display(self._repr_mimebundle_(), raw=True)


def show(context: Context, outcome: Outcome) -> Outcome:
    """Show a card at once and keep it fresh in the background.

    Returns:
        The outcome to give back, which a notebook does not draw a second time; the same one where nothing can be
        shown before the verb returns.
    """
    handle = context.display(outcome)
    if not callable(getattr(handle, "update", None)) or not isinstance(outcome.details, jobs.Details):
        return outcome
    name = f"jupyter_aml-card-{outcome.details.name}"
    threading.Thread(target=refresh, args=(handle, outcome), name=name, daemon=True).start()
    shown = Shown()
    shown.__dict__.update(outcome.__dict__)
    shown.cell = _execution_count()
    return shown


def _execution_count() -> int:
    """The number of the cell that runs, -1 outside IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return int(shell.execution_count) if shell is not None else -1


def refresh(handle: Any, outcome: Outcome, sleep: Callable[[float], None] = time.sleep) -> None:
    """Update a displayed card until its job has ended, the last time with the final snapshot.

    Args:
        handle: Has `update(object)`, as IPython's DisplayHandle.
        outcome: Whose details are a `jobs.Details`.
        sleep: Waits between two looks.
    """
    details = outcome.details
    if not isinstance(details, jobs.Details):
        return
    pace = Pace(local=details.reader.local)
    last: Any = None
    failures = 0
    while failures < MOST_FAILURES:
        try:
            found = dict(details())
        except ResourceError as error:
            if error.status == GONE:
                return
            failures += 1
        except (AmlError, OSError):
            failures += 1
        else:
            failures = 0
            seen = {key: value for key, value in found.items() if key != "now"}
            changed, last = seen != last, seen
            final = found["status"] in jobs.FINAL
            if changed or not final:
                handle.update(_frozen(outcome, found))
            if final:
                return
            sleep(pace.after(changed=changed))
            continue
        sleep(pace.longest)


def _frozen(outcome: Outcome, snapshot: dict[str, Any]) -> Outcome:
    return Outcome(outcome.entity, kind="job", place=outcome.place, details=snapshot)


def wait(context: Context, name: str, sleep: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    """The final snapshot of a job, when it has ended.

    Raises:
        JobFailedError: It ended `Failed` or `Canceled`; the message is the job's own.
    """
    reader = jobs.Reader(context.connection)
    with going_on(context, name):
        status = until_final(reader, name, sleep)
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


def until_final(reader: jobs.Reader, name: str, sleep: Callable[[float], None] = time.sleep) -> str:
    """The final status of a job, when it has ended."""
    pace = Pace(local=reader.local)
    last = ""
    while (status := reader.status(name)) not in jobs.FINAL:
        sleep(pace.after(changed=status != last))
        last = status
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
        url = files.get(jobs.MAIN_LOG)
        if url:
            content, _ = reader.bytes_of(url, position, position + MOST_AT_ONCE - 1)
            context.stdout(decode(content))
            return len(content)
    return 0
