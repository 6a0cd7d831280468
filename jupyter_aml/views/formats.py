"""How numbers, times, sizes and statuses are written for a person."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

KILO = 1024
MINUTE = 60
HOUR = 3600
DAY = 86400
RUNNING = ("NotStarted", "Starting", "Provisioning", "Preparing", "Queued", "Running", "Finalizing")
FINAL = ("Completed", "Failed", "Canceled")

_ICONS: Mapping[str, str] = {
    "Completed": "✓",
    "Succeeded": "✓",
    "Failed": "✗",
    "Canceled": "⊘",
    "CancelRequested": "⊘",
    "Running": "▶",
    "Finalizing": "▶",
    "Paused": "‖",
}
_TONES: Mapping[str, str] = {
    "Completed": "good",
    "Succeeded": "good",
    "Running": "busy",
    "Finalizing": "busy",
    "Failed": "bad",
    "Canceled": "still",
    "CancelRequested": "still",
}


def icon(status: str) -> str:
    """One character for a status; a dot for those that only wait."""
    return _ICONS.get(status, "●" if status in RUNNING else "○")


def tone(status: str) -> str:
    """`good`, `bad`, `busy`, `wait` or `still`: the colour class of a status."""
    return _TONES.get(status, "wait" if status in RUNNING else "still")


def number(value: float) -> str:
    """At most five significant digits, without an exponent where a person would not write one.

    Integers keep all their digits; NaN and infinities are spelled out.
    """
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value.is_integer() and abs(value) < 1e6:  # noqa: PLR2004
        return str(int(value))
    return f"{value:.5g}"


def size(count: float) -> str:
    """Bytes as `532 B`, `1.5 KB`, `20 MB`; powers of 1024."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < KILO:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"  # noqa: PLR2004
        count /= KILO
    return f"{count:.1f} TB"


def duration(seconds: float | None) -> str:
    """Seconds as `0.42 s`, `12 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`; empty for None."""
    if seconds is None:
        return ""
    if seconds < 10:  # noqa: PLR2004
        return f"{max(seconds, 0):.2g} s"
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    whole = int(seconds)
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"


def moment(value: object) -> datetime | None:
    """The time that an epoch, an ISO text or a datetime means, in UTC; None for anything else."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, str) and value:
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            return None
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return None


def when(value: object) -> str:
    """A time as `2026-01-31 14:05` UTC; empty when there is none."""
    found = moment(value)
    return found.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if found else ""


def clock(value: object) -> str:
    """A time of day as `14:05:09` UTC; empty when there is none."""
    found = moment(value)
    return found.astimezone(UTC).strftime("%H:%M:%S") if found else ""


def between(start: object, end: object) -> float | None:
    """Seconds from one time to another; None unless both are known."""
    first, last = moment(start), moment(end)
    return (last - first).total_seconds() if first and last else None


def cell(value: object) -> str:
    """Any value as one short line of a table."""
    if isinstance(value, int | float):
        return str(number(value)) if not isinstance(value, bool) else "yes" if value else "no"
    if isinstance(value, datetime):
        return when(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={cell(item)}" for key, item in value.items())
    if isinstance(value, list | tuple | set):
        return ", ".join(cell(item) for item in value)
    return "" if value is None else str(value)


def width(text: str) -> int:
    """Columns that a text takes in a terminal, wide and combining characters counted as such."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def clip(text: str, limit: int) -> str:
    """The text, or its beginning and `…` when it is longer than `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
