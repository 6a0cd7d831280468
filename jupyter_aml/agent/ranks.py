"""Several processes that are one run: started together, ended together, each with its own variables and log.

The run's child becomes their leader, so that all of them descend from the run's one supervisor. A process that fails
ends the others, and the run ends as it did; `rank.json` in the run's work folder then tells which one it was.
Processes that only serve the others (parameter servers) end when the others have.
"""

from __future__ import annotations

import os
import shutil
import signal
import time

from . import boot, child, linux, processes, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NoReturn, Protocol

    class Body(Protocol):
        """What each process becomes."""

        def prepare(self, line: child.Line | None) -> None: ...
        def run(self, spec: dict[str, Any], line: child.Line | None = None) -> NoReturn: ...


MOMENT = 0.1
"""Seconds in which others may fail, too, before the first that failed is named."""
GRACE = 1.0
"""Seconds between SIGTERM and the supervisor's SIGKILL for those that go on when one has failed."""


def spec_of(spec: dict[str, Any], number: int) -> dict[str, Any]:
    """The spec of one process: the run's with its own variables, log and place for its uncaught exception."""
    rank = spec["ranks"][number]
    errors = os.path.join(spec["work"], "ranks", str(number))
    os.makedirs(errors, exist_ok=True)
    env = {**spec["env"], **rank["env"], boot.ERRORS: errors}
    return {**spec, "env": env, "log": rank["log"], "errors": errors, "ranks": ()}


def clean(spec: dict[str, Any]) -> None:
    """Take away what an earlier try left."""
    shutil.rmtree(os.path.join(spec["work"], "ranks"), ignore_errors=True)
    for name in ("rank.json", "error.json"):
        if os.path.exists(os.path.join(spec["work"], name)):
            os.unlink(os.path.join(spec["work"], name))


def lead(spec: dict[str, Any], body: Body) -> NoReturn:
    """Start every process of the run, wait for them, and end as they did.

    None of them outlives this process. It sits SIGTERM out, for that would take their time to leave from them.
    """
    child.take_streams(spec["log"])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    leader = os.getpid()
    numbers: dict[int, int] = {}
    try:
        clean(spec)
        for number in range(len(spec["ranks"])):
            one = spec_of(spec, number)
            pid = os.fork()
            if pid == 0:
                _become(one, body, leader)
            numbers[pid] = number
    except OSError as error:
        child.give_up(spec, error)
    failed = _wait(spec, numbers)
    if failed:
        name_the_culprit(spec, failed)
    processes.send(processes.descendants(os.getpid()), signal.SIGTERM)
    _wait_a_moment(numbers, GRACE)
    _end_as(next(iter(failed.values()), 0))


def _become(spec: dict[str, Any], body: Body, leader: int) -> None:
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        linux.die_with_parent(signal.SIGKILL)
        if os.getppid() != leader:
            return
        body.prepare(None)
        body.run(spec)
    finally:
        os._exit(child.SETUP_FAILED)


def _wait(spec: dict[str, Any], numbers: dict[int, int]) -> dict[int, int]:
    """Wait for all that do not serve; the wait status of those that failed by themselves, the first one first.

    Args:
        spec: The run's.
        numbers: The processes that run, by pid; those that end are taken out.
    """
    while any(not spec["ranks"][number]["serves"] for number in numbers.values()):
        pid, status = os.waitpid(-1, 0)
        number = numbers.pop(pid, None)
        if number is not None and status:
            return {number: status, **_wait_a_moment(numbers, MOMENT)}
    return {}


def _wait_a_moment(numbers: dict[int, int], seconds: float) -> dict[int, int]:
    """The wait status of those that failed within `seconds`."""
    failed = {}
    until = time.monotonic() + seconds
    while numbers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            if time.monotonic() >= until:
                break
            time.sleep(processes.PAUSE)
        elif pid in numbers and status:
            failed[numbers.pop(pid)] = status
        else:
            numbers.pop(pid, None)
    return failed


def name_the_culprit(spec: dict[str, Any], failed: Iterable[int]) -> None:
    """Note which process failed first, with its uncaught exception as the run's.

    One that failed because another did may well be gone sooner; so the first exception counts, then the first end.
    """
    numbers = list(failed)
    errors = {number: child.error_file(spec_of(spec, number)) for number in numbers}
    told = [number for number in numbers if os.path.exists(errors[number])]
    culprit = min(told, key=lambda number: os.stat(errors[number]).st_mtime_ns) if told else numbers[0]
    record = {"rank": culprit, "of": len(spec["ranks"]), "log": spec["ranks"][culprit]["log"]}
    records.write(os.path.join(spec["work"], "rank.json"), record)
    error = records.read(errors[culprit])
    if error is not None:
        records.write(child.error_file(spec), error)


def _end_as(status: int) -> NoReturn:
    """Leave with another process's wait status."""
    if os.WIFSIGNALED(status):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # its core is on the disk already
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))
