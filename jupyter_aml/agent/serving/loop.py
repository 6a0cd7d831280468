"""The loop of a serving process: take what waits on the data socket, say what it begins, score, answer.

Requests that arrived while the last ones were scored are taken together, so that a scorer that can score many at once
does, without any delay. SIGTERM ends the loop when what has been begun is answered; so does the router by closing its
end.
"""

from __future__ import annotations

import signal
import struct

from . import frames
from .exchange import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from types import FrameType

    from .exchange import Answer, Scorer

CHUNK = 1 << 18
"""Bytes that are read at once."""
TOGETHER = 512
"""Requests that are scored together at most, so that the first of very many does not wait for all."""

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
        self._waits = False
        self._ending = False

    def run(self) -> None:
        """Serve until the router closes the socket or SIGTERM comes."""
        signal.signal(signal.SIGTERM, self._end)
        work = self._together if self._scorer.batches else self._one_by_one
        try:
            while not self._ending:
                self._waits = True
                data = self._data.recv(CHUNK)
                self._waits = False
                if not data:
                    return
                work(self._requests(data))
        except (Ended, BrokenPipeError, ConnectionResetError):
            return

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
            self._data.sendall(b"".join(map(_framed, some, self._scorer.answer(some))))

    def _one_by_one(self, requests: list[Request]) -> None:
        """Score each; the next is said to begin with the answer of the one before it."""
        said = b""
        for request in requests:
            self._data.sendall(said + frames.began([request.number]))
            (answer,) = self._scorer.answer([request])
            said = _framed(request, answer)
            if self._ending:
                break
        if said:
            self._data.sendall(said)


def _framed(request: Request, answer: Answer) -> bytes:
    """An answer as a frame, as `frames.answer` makes it."""
    size = _TOLD + len(answer.headers) + len(answer.body)
    told = _ANSWER.pack(size, frames.ANSWER, request.number, answer.status, len(answer.headers))
    return told + answer.headers + answer.body
