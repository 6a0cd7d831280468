"""A row of the table, and how two sides are measured in turn."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        figure: What was measured.
        ours: Our median, in milliseconds unless `unit` says otherwise.
        rival: The other side's median; None where there is no other side.
        against: The other side's name.
        ratio_goal: How many times cheaper it shall be; None without such a goal.
        most: The largest value allowed; None without such a goal.
        samples: How many were taken of ours.
    """

    figure: str
    ours: float
    rival: float | None = None
    against: str = ""
    ratio_goal: float | None = None
    most: float | None = None
    unit: str = "ms"
    samples: int = 1

    @property
    def ratio(self) -> float | None:
        """How many times cheaper ours is."""
        return None if self.rival is None else self.rival / max(self.ours, 1e-6)

    @property
    def met(self) -> bool:
        """Whether the goals are reached."""
        enough = self.ratio_goal is None or (self.ratio is not None and self.ratio >= self.ratio_goal)
        return enough and (self.most is None or self.ours <= self.most)

    @property
    def goal(self) -> str:
        """The goals in words."""
        parts = [f"≥ {self.ratio_goal:g}x"] if self.ratio_goal is not None else []
        parts += [f"≤ {self.most:g} {self.unit}"] if self.most is not None else []
        return ", ".join(parts)

    def plain(self) -> dict[str, object]:
        """The row for the JSON file."""
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


def interleaved(sides: Mapping[str, Callable[[], float]], rounds: int, *, warm: int = 1) -> Samples:
    """Milliseconds of each side, one after the other in every round; the first `warm` rounds do not count."""
    samples: Samples = {name: [] for name in sides}
    for number in range(warm + rounds):
        for name, side in sides.items():
            taken = side()
            if number >= warm:
                samples[name].append(taken)
    return samples


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


def plain_environment(**added: str) -> dict[str, str]:
    """This process's environment with bytecode on: without it every import is slower, on both sides."""
    gone = {"PYTHONDONTWRITEBYTECODE", "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"}
    return {name: value for name, value in os.environ.items() if name not in gone} | added


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    heading = ("figure", "ours", "rival", "against", "ratio", "goal", "")
    cells = [
        (
            row.figure,
            f"{row.ours:,.3g} {row.unit}".strip(),
            f"{row.rival:,.4g} {row.unit}" if row.rival is not None else "",
            row.against,
            f"{row.ratio:,.1f}x" if row.ratio is not None else "",
            row.goal,
            "met" if row.met else "MISSED",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in (heading, *cells)) for column in range(len(heading))]
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) for line in (heading, *cells)
    ]
    return "\n".join(line.rstrip() for line in (lines[0], "-" * len(lines[0]), *lines[1:]))
