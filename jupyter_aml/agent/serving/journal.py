"""The lines a replica writes about its requests: each of the first in a second, and one that counts the others.

So a slow endpoint's log shows every request, and a fast one's neither fills the disk nor slows it down.
"""

from __future__ import annotations

import json
import sys
import time

from .exchange import BAD_REQUEST, OK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .exchange import Answer, Request

FIRST = 20
"""Requests of a second that have a line of their own."""


def line(text: str) -> str:
    """A line of the log, with the time as Azure's inference server writes it."""
    now = time.time()
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))},{int(now * 1000) % 1000:03d} {text}\n"


def say(text: str) -> None:
    """Write a line into the log."""
    sys.stdout.write(line(text))
    sys.stdout.flush()


class Journal:
    """Writes the lines about requests."""

    def __init__(self) -> None:
        self._second = 0
        self._told = 0
        self._more = 0
        self._good = 0

    @property
    def owes(self) -> float:
        """Seconds until a line about requests that have none is due, at least a moment; 0 where none is."""
        return max(0.01, self._second + 1 - time.time()) if self._more else 0.0

    def note(self, requests: Sequence[Request], answers: Sequence[Answer], seconds: float) -> None:
        """Some requests have been answered, after so many seconds."""
        now = int(time.time())
        if now != self._second:
            self.settle()
            self._second = now
            self._told = 0
        places = min(FIRST - self._told, len(requests))
        if places:
            told = [line(_about(requests[at], answers[at], seconds)) for at in range(places)]
            sys.stdout.write("".join(told))
            self._told += places
        self._more += len(requests) - places
        self._good += sum([answer.status == OK for answer in answers[places:]])

    def settle(self) -> None:
        """Write the line about the requests that have had none."""
        if self._more:
            say(f"and {self._more:,} more in this second, {self._good:,} of them {OK}")
        self._more = self._good = 0


def _about(request: Request, answer: Answer, seconds: float) -> str:
    """Method, path, status, time, bytes; the request's id where it is known, and the sentence of a refusal."""
    meta = request.meta
    words = [
        str(meta.get("method", "POST")),
        str(meta.get("path", "/score")),
        str(answer.status),
        f"{seconds * 1000:.3f}ms",
        str(len(answer.body)),
    ]
    if "id" in meta:
        words.append(str(meta["id"]))
    if answer.status >= BAD_REQUEST:
        words.append(_sentence(answer.body))
    return " ".join(words)


def _sentence(body: bytes) -> str:
    """What a refusal says, on one line."""
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    return str(told.get("message", "")).partition("\n")[0] if isinstance(told, dict) else ""
