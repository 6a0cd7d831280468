"""One replica, as its pool sees it: the data socket, what was sent over it, and what the replica has begun."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from typing import TYPE_CHECKING, cast

from jupyter_aml.agent.serving import frames
from jupyter_aml.local.serving.router.asked import Asked

if TYPE_CHECKING:
    from jupyter_aml.local.serving.router.pool import Pool

_log = logging.getLogger(__name__)

AHEAD_SECONDS = 0.002
"""How much work may lie ready at a replica that runs one request at a time."""
AHEAD = 64
"""How many requests at most may lie ready there."""
TOGETHER = 4096
"""How many requests a batching replica may have at a time."""
_SMOOTH = 0.2
_FASTEST = 1e-6
_REQUEST = struct.Struct(frames.HEAD.format + "H")
"""Head of a frame and, of its payload, the length of the meta."""


class Link(asyncio.Protocol):
    """The protocol of one replica's data socket. Its pool is set when it is added to one.

    Args:
        number: Id of the replica, for messages.
        batches: Whether the replica runs several requests in one call.
        headers: Whether its requests carry method, path, headers and id; the others only what is unusual.

    Attributes:
        lost: Done when the socket is gone.
        held: What the replica has and has not answered, by number; answers to those that are over are dropped.
        running: How many of them it has begun with.
        oldest: When the one it began first was begun, by the monotonic clock; 0 when it runs nothing.
        moved: When it last began or answered anything, by the monotonic clock.
        retiring: Whether it gets no new requests.
        overdue: Whether a request has timed out since it last began or answered anything.
    """

    def __init__(self, number: int | str, *, batches: bool = False, headers: bool = True) -> None:
        self.number = number
        self.batches = batches
        self.headers = headers
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.pool: Pool | None = None
        self.held: dict[int, Asked] = {}
        self.running = 0
        self.oldest = 0.0
        self.moved = time.monotonic()
        self.retiring = False
        self.overdue = False
        self._transport: asyncio.Transport | None = None
        self._reader = frames.Reader()
        self._out: list[bytes] = []
        self._busy = 0.0
        self._since = 0.0
        self._pace = 0.0

    @property
    def load(self) -> int:
        """How many requests it has."""
        return len(self.held)

    @property
    def room(self) -> int:
        """How many more it may be sent now."""
        if self.batches:
            return TOGETHER - len(self.held)
        ahead = int(AHEAD_SECONDS / max(self._pace, _FASTEST)) if self._pace else 1
        return 1 + min(max(ahead, 1), AHEAD) - len(self.held)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def give(self, asked: Asked) -> None:
        """Take a request to send; `flush` sends all of them in one write."""
        asked.link = self
        self.held[asked.number] = asked
        told = asked.head.told(asked.id) if self.headers else asked.head.brief()
        body = asked.body
        self._out += (_REQUEST.pack(2 + len(told) + len(body), frames.REQUEST, asked.number, len(told)), told, body)

    def flush(self) -> None:
        """Send what was taken."""
        out, self._out = self._out, []
        if out and self._transport is not None:
            self._transport.write(b"".join(out))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        answers = 0
        try:
            for kind, number, payload in self._reader.feed(data):
                if kind == frames.ANSWER:
                    answers += 1
                    self._answered(number, payload)
                elif kind == frames.BEGAN:
                    self._began(frames.read_began(payload), now)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, this replica is not to be trusted
            _log.exception("Replica %s sent what is no frame; its connection is closed.", self.number)
            self.abort()
            return
        if answers:
            self._measure(answers, now)
        self.moved = now
        self.overdue = False
        if self.pool is not None:
            self.pool.freed(self)

    def _began(self, numbers: list[int], now: float) -> None:
        if not self.running:
            self.oldest = now
        if not self._since:
            self._since = now
        for number in numbers:
            asked = self.held.get(number)
            if asked is not None and not asked.running:
                asked.running = True
                self.running += 1
        if self.pool is not None:
            self.pool.began(len(numbers))

    def _answered(self, number: int, payload: memoryview) -> None:
        status, headers, body = frames.read_answer(payload)
        asked = self.held.pop(number, None)
        if asked is None:
            return
        if asked.running:
            self.running -= 1
        if not asked.over and self.pool is not None:
            asked.model_status = status
            self.pool.finish(asked, status, headers, bytes(body))

    def _measure(self, answers: int, now: float) -> None:
        """Account the time the replica was busy since it began, or since its last answers."""
        if self._since:
            spent = now - self._since
            self._busy += spent
            self._pace += _SMOOTH * (spent / answers - self._pace) if self._pace else spent / answers
        self._since = now if self.held else 0.0
        if not self.running:
            self.oldest = 0.0

    def busy(self) -> float:
        """Seconds it was busy since this was last asked."""
        now = time.monotonic()
        spent, self._busy = self._busy, 0.0
        if self._since:
            spent, self._since = spent + now - self._since, now
        return spent

    def close(self) -> None:
        """End of file on the socket: the replica finishes what it has begun and ends."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the socket at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        if not self.lost.done():
            self.lost.set_result(None)
        if self.pool is not None:
            self.pool.lost(self)
