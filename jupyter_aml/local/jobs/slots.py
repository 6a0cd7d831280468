"""The queue: each compute is a number of slots, and of its jobs that are ready the most urgent start first.

Those that are equally urgent start in the order they came.
Pure: the host holds one `Slots` in memory and rebuilds it from the jobs it finds when it starts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

Key = tuple[str, str]
"""(GUID of the workspace, name of the compute in lower case)."""

MACHINE: Key = ("", "local")
"""This machine, which the computes `local` and `serverless` of all workspaces share."""


CONDUCTED: Key = ("", "")
"""Jobs whose work is other jobs: they take no slot."""


def line_of(workspace: str, compute: str) -> Key:
    """The line in which jobs of a compute wait."""
    return MACHINE if compute in {"", "local", "serverless"} else (workspace, compute)


class _Waiting(NamedTuple):
    """A job in line."""

    came: float
    job: str
    need: int
    urgency: int

    @property
    def place(self) -> tuple[int, float]:
        """What orders the line: the most urgent first, then as they came."""
        return -self.urgency, self.came


@dataclass
class _Line:
    """One compute's holders and those who wait."""

    holders: dict[str, int] = field(default_factory=dict)
    waiting: deque[_Waiting] = field(default_factory=deque)


class Slots:
    """Who holds the slots of which compute, and who waits for one."""

    def __init__(self) -> None:
        self._lines: dict[Key, _Line] = {}

    def ask(self, key: Key, job: str, need: int = 1, *, came: float = 0.0, urgency: int = 0) -> None:
        """Put a job in line, behind those that are more urgent and those as urgent that came before it.

        Args:
            key: The line.
            job: Its name.
            need: How many slots it takes (its instances).
            came: When it was submitted; one that took long to prepare still stands where it came.
            urgency: A higher number starts first.
        """
        line = self._lines.setdefault(key, _Line())
        if job not in line.holders and all(job != one.job for one in line.waiting):
            one = _Waiting(came, job, need, urgency)
            line.waiting.insert(bisect_right(line.waiting, one.place, key=attrgetter("place")), one)

    def hold(self, key: Key, job: str, need: int = 1) -> None:
        """Count a job that runs already (found again after a restart)."""
        self._lines.setdefault(key, _Line()).holders[job] = need

    def release(self, key: Key, job: str) -> None:
        """Give back the job's slots, or take it out of the line."""
        line = self._lines.get(key)
        if line is None:
            return
        line.holders.pop(job, None)
        line.waiting = deque(one for one in line.waiting if one.job != job)
        if not line.holders and not line.waiting:
            del self._lines[key]

    def grant(self, capacities: Mapping[Key, int]) -> list[tuple[Key, str]]:
        """Give free slots to those who came first; a job that needs more than there are gets all of them."""
        granted = []
        for key, line in self._lines.items():
            capacity = max(capacities.get(key, 1), 1)
            while line.waiting:
                job, need = line.waiting[0].job, line.waiting[0].need
                if sum(line.holders.values()) + min(need, capacity) > capacity:
                    break
                line.waiting.popleft()
                line.holders[job] = min(need, capacity)
                granted.append((key, job))
        return granted

    def waiting(self) -> list[Key]:
        """The computes that somebody waits for."""
        return [key for key, line in self._lines.items() if line.waiting]

    def ahead(self, key: Key, job: str) -> int:
        """How many jobs stand before this one."""
        line = self._lines.get(key, _Line())
        names = [one.job for one in line.waiting]
        return len(line.holders) + names.index(job) if job in names else 0

    def busy(self) -> bool:
        """Whether any slot is held or waited for."""
        return bool(self._lines)
