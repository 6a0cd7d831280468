"""Times on the wire: ISO 8601 with zone, as ARM and run history write them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

REMEMBERED = 4096
"""How many times keep their text: a list shows the same ones again and again."""


@lru_cache(REMEMBERED)
def iso(epoch: float) -> str:
    """Seconds since the epoch as `2026-01-01T00:00:00.000000+00:00`."""
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="microseconds")


def epoch(text: str) -> float:
    """Seconds since the epoch from ISO 8601; a time without zone is UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
