"""How long a search may take and how much it may try: Azure's limit settings of an AutoML job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SECONDS = 6 * 3600.0
"""Azure's default of the timeout of an experiment."""
TRIALS = 1000
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?\Z")
_PARTS = (86400.0, 3600.0, 60.0, 1.0)


@dataclass(frozen=True)
class Limits:
    """What a search may use.

    Attributes:
        seconds: How long all of it may take.
        trial_seconds: How long one trial may take; None for as long as all.
        trials: How many models it may try.
        concurrent: How many at a time.
        cores: Cores of one trial; None for its share of what there is.
        exit_score: Enough of the primary metric; None to use all the time.
        early: Whether a search that gets no better may end before its time, and hopeless trials before theirs.
    """

    seconds: float = SECONDS
    trial_seconds: float | None = None
    trials: int = TRIALS
    concurrent: int = 1
    cores: int | None = None
    exit_score: float | None = None
    early: bool = True


def read(details: Mapping[str, Any]) -> Limits:
    """The limits of a task as Azure's REST API writes them.

    Raises:
        ValueError: One of them cannot be; says what was expected.
    """
    told = details.get("limitSettings") or {}
    cores = _number(told, "maxCoresPerTrial", -1, least=-1)
    score = told.get("exitScore")
    return Limits(
        seconds=_seconds(told, "timeout") or SECONDS,
        trial_seconds=_seconds(told, "trialTimeout"),
        trials=_number(told, "maxTrials", TRIALS),
        concurrent=_number(told, "maxConcurrentTrials", 1),
        cores=cores if cores > 0 else None,
        exit_score=None if score is None else float(score),
        early=bool(told.get("enableEarlyTermination", True)),
    )


def _number(told: Mapping[str, Any], name: str, default: int, least: int = 1) -> int:
    value = told.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or value < least:
        msg = f"limits.{_snake(name)} is {value!r}; expected a whole number of {least} or more."
        raise ValueError(msg)
    return value


def _seconds(told: Mapping[str, Any], name: str) -> float | None:
    value = told.get(name)
    if value is None:
        return None
    found = _DURATION.match(str(value))
    if not found or not any(found.groups()):
        msg = f"limits.{_snake(name)} is {value!r}; expected a duration such as PT30M."
        raise ValueError(msg)
    seconds = sum(float(part or 0) * unit for part, unit in zip(found.groups(), _PARTS, strict=True))
    if not seconds:
        msg = f"limits.{_snake(name)} is {value!r}, which is no time at all; expected a duration such as PT30M."
        raise ValueError(msg)
    return seconds


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
