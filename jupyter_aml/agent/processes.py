"""The processes of a run: who descends from whom, and how to end them all.

Read from /proc where there is one, else from `ps`.
"""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE = 0.003
DEAD = "ZXx"


class Stat:
    """One process as /proc shows it.

    Attributes:
        state: One letter; Z and X are dead.
        parent: The pid of its parent.
        session: The pid of its session's leader.
        ticks: When it started, in clock ticks since boot: with the pid, its identity.
    """

    __slots__ = ("parent", "session", "state", "ticks")

    def __init__(self, state: str, parent: int, session: int, ticks: int) -> None:
        self.state = state
        self.parent = parent
        self.session = session
        self.ticks = ticks


def cores() -> int:
    """How many cores this process, and what it starts, may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def stat(pid: int) -> Stat | None:
    """What /proc says of `pid`; None when there is no such process (or no /proc)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()
    return Stat(fields[0].decode(), int(fields[1]), int(fields[3]), int(fields[19]))


def alive(pid: int, ticks: int) -> bool:
    """Whether the process that had `pid` and started at `ticks` still runs; ticks 0 means unknown."""
    now = stat(pid)
    if now is not None:
        return now.state not in DEAD and ticks in (0, now.ticks)
    if os.path.isdir("/proc/self"):
        return False
    if os.name == "nt":
        from . import portable

        return portable.alive(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def boot() -> str:
    """Identity of this boot of the machine, empty when unknown: start ticks count from it."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _parents() -> dict[int, int]:
    """Parent per living process."""
    found = {}
    if os.path.isdir("/proc/self"):
        for name in os.listdir("/proc"):
            if name.isdigit():
                now = stat(int(name))
                if now is not None and now.state not in DEAD:
                    found[int(name)] = now.parent
        return found
    with os.popen("ps -axo pid=,ppid=,stat=") as pipe:  # noqa: S605 -- a constant; subprocess costs 10 ms here
        for line in pipe:
            pid, parent, state = line.split(None, 2)
            if state[0] not in DEAD:
                found[int(pid)] = int(parent)
    return found


def descendants(root: int) -> set[int]:
    """Pids of every living process below `root`."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents().items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    open_ends = [root]
    while open_ends:
        for pid in children.get(open_ends.pop(), ()):
            if pid not in found:
                found.add(pid)
                open_ends.append(pid)
    return found


def children() -> set[int]:
    """Pids of the living children of this process, which has but one thread.

    Orphans of the run are among them where this process is a subreaper.
    """
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            found = {int(pid) for pid in file.read().split()}
    except OSError:  # a kernel without that file
        return {pid for pid, parent in _parents().items() if parent == os.getpid()}
    return {pid for pid in found if (now := stat(pid)) is not None and now.state not in DEAD}


def send(pids: set[int], number: int) -> None:
    """Signal each of `pids` that is still there and ours."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def wait_for_none(reap: Callable[[], bool], seconds: float) -> bool:
    """Whether every descendant of this process, which must be a subreaper, has ended within `seconds`.

    Args:
        reap: Collects dead children; says whether no child is left. Orphans are children too, so then nothing is.
        seconds: At most this long.
    """
    until = time.monotonic() + seconds
    while not reap():
        if time.monotonic() >= until:
            return False
        time.sleep(PAUSE)
    return True


def kill_all(reap: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Kill every descendant of this process, which must be a subreaper; whether none is left.

    Stopping comes first: a stopped process cannot fork, so the walk ends even against one that forks forever.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        stopped: set[int] = set()
        while True:
            fresh = descendants(os.getpid()) - stopped
            if not fresh:
                break
            send(fresh, signal.SIGSTOP)
            stopped |= fresh
        send(stopped, signal.SIGKILL)
        if wait_for_none(reap, 0.5):
            return True
    return False
