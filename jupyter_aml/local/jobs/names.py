"""Azure's rules for the names and the times of jobs."""

from __future__ import annotations

import re

from jupyter_aml.errors import ResourceError

LONGEST = 255
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_DURATION = re.compile(
    r"P(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?",
    re.IGNORECASE,
)
_SECONDS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}


def check(name: str, what: str = "job") -> str:
    """Give back a name that keeps Azure's rules.

    Raises:
        ResourceError: It does not (400).
    """
    if _NAME.fullmatch(name) and len(name) <= LONGEST:
        return name
    shown = name if len(name) <= 60 else f"{name[:60]}..."  # noqa: PLR2004 - what fits a line
    raise ResourceError(
        f"'{shown}' is no name for a {what}: expected 1 to {LONGEST} letters, digits, '-' and '_',"
        " the first a letter or digit.",
        code="ValidationError",
        target="name",
        remedy=f"Choose a name such as '{_suggest(name)}'.",
    )


def _suggest(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:60]
    return plain or "my-job-1"


def seconds(duration: str, target: str) -> float:
    """Seconds of an ISO 8601 duration such as `PT1H30M`.

    Raises:
        ResourceError: It is none, or not above 0 (400).
    """
    match = _DURATION.fullmatch(duration)
    parts = {key: float(value) for key, value in match.groupdict().items() if value} if match else {}
    total = sum(_SECONDS[key] * value for key, value in parts.items())
    if total <= 0:
        raise ResourceError(
            f"{target} is '{duration}'; an ISO 8601 duration above 0 was expected.",
            code="ValidationError",
            target=target,
            remedy="Write PT30M for half an hour (in the SDK and in YAML: timeout: 1800).",
        )
    return total
