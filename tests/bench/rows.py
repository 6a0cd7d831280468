"""A row of the table, and how two sides are measured in turn on a machine that others use, too."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

Samples = dict[str, list[float]]

SPIN = 60_000
"""Steps of a loop that takes a few milliseconds of a free core."""
CONTENDED = 1.2
"""A loop that takes this many times its processor time waits for others."""

_waits: list[float] = []


def waiting() -> float:
    """The mean of `wait` over the latest rounds."""
    return statistics.fmean(_waits) if _waits else 1.0


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        figure: What was measured.
        ours: Our median, in milliseconds unless `unit` says otherwise.
        quiet: What the quickest tenth of our samples stays below.
        rival: The other side's median; None where there is no other side.
        against: The other side's name.
        goal: How many times cheaper than the rival's it shall be; None without such a goal.
        most: The largest value allowed; None without such a goal.
        samples: How many were taken of ours.
        waiting: How much longer than alone a computation took at that time.
    """

    figure: str
    ours: float
    quiet: float
    rival: float | None = None
    against: str = ""
    goal: float | None = None
    most: float | None = None
    unit: str = "ms"
    samples: int = 1
    waiting: float = field(default_factory=waiting)

    @classmethod
    def of(
        cls,
        figure: str,
        ours: Sequence[float],
        rival: Sequence[float] | None = None,
        against: str = "",
        *,
        goal: float | None = None,
        most: float | None = None,
        unit: str = "ms",
    ) -> Row:
        """The row that samples of both sides make."""
        quiet = sorted(ours)[len(ours) // 10]
        theirs = None if rival is None else median(rival)
        return cls(figure, median(ours), quiet, theirs, against, goal, most, unit, len(ours))

    @property
    def ratio(self) -> float | None:
        """How many times cheaper ours is."""
        return None if self.rival is None else self.rival / max(self.ours, 1e-6)

    @property
    def verdict(self) -> str:
        """Whether the goals are reached; a limit may be kept in quiet moments alone while others use the machine."""
        if self.goal is not None and (self.ratio is None or self.ratio < self.goal):
            return "MISSED"
        if self.most is None or self.ours <= self.most:
            return "met" if self.goal is not None or self.most is not None else ""
        return "met when quiet" if self.quiet <= self.most and self.waiting > CONTENDED else "MISSED"

    @property
    def target(self) -> str:
        """The goals in words."""
        parts = [f"≥ {self.goal:g}x"] if self.goal is not None else []
        parts += [f"≤ {self.most:g} {self.unit}"] if self.most is not None else []
        return ", ".join(parts)

    def plain(self) -> dict[str, object]:
        """The row for the JSON file."""
        return {**asdict(self), "ratio": self.ratio, "verdict": self.verdict}


def interleaved(sides: Mapping[str, Callable[[], float]], rounds: int, *, warm: int = 1) -> Samples:
    """Milliseconds of each side, one after the other in every round; the first `warm` rounds do not count."""
    samples: Samples = {name: [] for name in sides}
    _waits.clear()
    for number in range(warm + rounds):
        for name, side in sides.items():
            _waits.append(wait())
            taken = side()
            if number >= warm:
                samples[name].append(taken)
    return samples


def wait() -> float:
    """How many times its processor time a computation takes just now; 1 on a free core."""
    wall, used = time.perf_counter(), time.thread_time()
    total = 0
    for number in range(SPIN):
        total += number
    used = time.thread_time() - used
    return (time.perf_counter() - wall) / max(used, 1e-9)


def timed(call: Callable[[], object]) -> Callable[[], float]:
    """A side that takes as long as the call does."""

    def side() -> float:
        started = time.perf_counter()
        call()
        return (time.perf_counter() - started) * 1000

    return side


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return float(statistics.median(values))


def load() -> str:
    """The system's load average of the last minute, where there is one."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def table(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown, in columns for whoever reads it as it is."""
    heading = ("figure", "ours", "quiet", "rival", "against", "ratio", "target", "met?", "waiting")
    cells = [
        (
            row.figure,
            _value(row.ours, row.unit),
            _value(row.quiet, row.unit),
            _value(row.rival, row.unit),
            row.against,
            f"{row.ratio:,.1f}x" if row.ratio is not None else "",
            row.target,
            row.verdict,
            f"{row.waiting:.1f}",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in (heading, *cells)) for column in range(len(heading))]
    rule = tuple("-" * width for width in widths)
    lines = [[f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)] for line in (heading, rule, *cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:,.0f} {unit}" if value >= 100 or value == 0 else f"{value:.3g} {unit}"
