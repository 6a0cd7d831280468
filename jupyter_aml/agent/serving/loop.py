"""The loop of a serving process: take what waits on the data socket, say what it begins, score, answer.

Requests that arrived while the last ones were scored are taken together, so that a scorer that can score many at once
does, without any delay. SIGTERM ends the loop when what has been begun is answered; so does the router by closing its
end.
"""

from __future__ import annotations

import select
import signal
import struct
import time

from . import frames
from .exchange import Request
from .journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from types import FrameType

    from .exchange import Answer, Scorer

CHUNK = 1 << 18
"""Bytes that are read at once."""
TOGETHER = 512
"""Requests that are scored together at most, so that the first of very many does not wait for all."""

QUICK = 0.004
"""Seconds that requests which are scored one by one may take together to begin together."""
MOST_QUICK = 64
HELD = 0.008
"""Seconds after which answers are sent although others of their group are still to come."""
WEIGHT = 0.1
"""How much the last request counts in what is usual."""

_META = struct.Struct("!H")
_ANSWER = struct.Struct("!IBIHH")
_TOLD = _ANSWER.size - frames.HEAD.size


class Ended(BaseException):
    """SIGTERM came while nothing was begun."""


class Loop:
    """Serves one data socket.

    Args:
        data: The socket to the router; blocking.
        scorer: What answers.
    """

    def __init__(self, data: socket.socket, scorer: Scorer) -> None:
        self._data = data
        self._scorer = scorer
        self._reader = frames.Reader()
        self._journal = Journal()
        self._usual = 1.0
        self._waits = False
        self._ending = False
        signal.signal(signal.SIGTERM, self._end)

    def run(self) -> None:
        """Serve until the router closes the socket or SIGTERM comes."""
        work = self._together if self._scorer.batches else self._one_by_one
        try:
            while True:
                self._waits = True
                if self._ending:
                    return
                owes = self._journal.owes
                if owes and not select.select([self._data], [], [], owes)[0]:
                    self._journal.settle()
                data = self._data.recv(CHUNK)
                self._waits = False
                if not data:
                    return
                work(self._requests(data))
        except (Ended, BrokenPipeError, ConnectionResetError):
            return
        finally:
            self._journal.settle()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True
        if self._waits:
            self._waits = False
            raise Ended

    def _requests(self, data: bytes) -> list[Request]:
        found = []
        for kind, number, payload in self._reader.feed(data):
            if kind == frames.REQUEST:
                start = 2 + _META.unpack_from(payload)[0]
                found.append(Request(number, payload[2:start], payload[start:]))
        return found

    def _together(self, requests: list[Request]) -> None:
        """Score all that waits at once."""
        for at in range(0, len(requests), TOGETHER):
            some = requests[at : at + TOGETHER]
            self._data.sendall(frames.began([request.number for request in some]))
            begun = time.perf_counter()
            answers = self._scorer.answer(some)
            self._data.sendall(b"".join(map(_framed, some, answers)))
            self._journal.note(some, answers, time.perf_counter() - begun)

    def _one_by_one(self, requests: list[Request]) -> None:
        """Score each; as many begin together as are surely quick, and their answers go in one write."""
        at, said = 0, b""
        while at < len(requests) and not self._ending:
            group = requests[at : at + max(1, min(MOST_QUICK, int(QUICK / self._usual)))]
            self._data.sendall(said + frames.began([request.number for request in group]))
            said = self._group(group)
            at += len(group)
        self._data.sendall(said)

    def _group(self, requests: list[Request]) -> bytes:
        """Score requests that have begun; the answers that are not sent yet."""
        begun = last = sent = time.perf_counter()
        told: list[bytes] = []
        answers: list[Answer] = []
        for request in requests:
            answers += self._scorer.answer([request])
            told.append(_framed(request, answers[-1]))
            now = time.perf_counter()
            self._usual += (now - last - self._usual) * WEIGHT
            last = now
            if now - sent > HELD:
                self._data.sendall(b"".join(told))
                told.clear()
                sent = now
        self._journal.note(requests, answers, (last - begun) / len(requests))
        return b"".join(told)


def _framed(request: Request, answer: Answer) -> bytes:
    """An answer as a frame, as `frames.answer` makes it."""
    size = _TOLD + len(answer.headers) + len(answer.body)
    told = _ANSWER.pack(size, frames.ANSWER, request.number, answer.status, len(answer.headers))
    return told + answer.headers + answer.body
