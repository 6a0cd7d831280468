"""Waiting for sockets and pipes whatever their numbers: `select` refuses those from 1024 on."""

from __future__ import annotations

import math
import select
from collections.abc import Sequence
from typing import Protocol, TypeVar


class HasFileno(Protocol):
    """What has a file descriptor."""

    def fileno(self) -> int: ...


Waited = TypeVar("Waited", int, HasFileno)


def readable(waited: Sequence[Waited], seconds: float | None = None) -> list[Waited]:
    """Those from which can be read, or that have ended; none after so many seconds.

    Args:
        waited: File descriptors, or what has one.
        seconds: 0 only looks; None waits for ever.
    """
    return _ready(waited, select.POLLIN, seconds)


def writable(waited: Sequence[Waited], seconds: float | None = None) -> list[Waited]:
    """Those to which can be written. See `readable`."""
    return _ready(waited, select.POLLOUT, seconds)


def _ready(waited: Sequence[Waited], event: int, seconds: float | None) -> list[Waited]:
    numbers = {one if isinstance(one, int) else one.fileno(): one for one in waited}
    poll = select.poll()
    for number in numbers:
        if number < 0:
            msg = "a socket or pipe that is closed cannot be waited for"
            raise OSError(msg)
        poll.register(number, event)
    found = poll.poll(None if seconds is None else max(math.ceil(seconds * 1000), 0))
    if any(told & select.POLLNVAL for _, told in found):
        msg = "a socket or pipe that is closed cannot be waited for"
        raise OSError(msg)
    return [numbers[number] for number, _ in found]
