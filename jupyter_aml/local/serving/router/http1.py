"""HTTP/1.1 on one connection: requests in, answers out, in order (RFC 9112).

A connection has one request under way; what a client sends ahead waits, and reading pauses when that is much. A body
that is refused is read and thrown away for a while, so that the client gets to see the answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Protocol, cast

from jupyter_aml.local.serving.router import replies
from jupyter_aml.local.serving.router.asked import Asked, Head
from jupyter_aml.local.serving.router.chunks import Chunks
from jupyter_aml.local.serving.router.heads import END, LARGEST, BadRequestError, Heads, partial

_log = logging.getLogger(__name__)

HEAD_SECONDS = 20.0
"""From the first byte of a head to its last."""
BODY_SECONDS = 30.0
"""A body may take this long, and a second more for every `BODY_RATE` bytes that came."""
BODY_RATE = 512
STALL_SECONDS = 60.0
"""How long a client may leave an answer unread."""
IDLE_SECONDS = 180.0
"""How long a connection is kept without a request."""
LINGER_SECONDS = 10.0
"""How long what a refused client still sends is read and thrown away."""
AHEAD = 64 * 1024
"""Bytes read ahead while a request is under way."""
SHORT = 64 * 1024
"""A refused request's body of at most so many bytes is read before the answer, and the connection kept."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_HEAD, _BODY, _CHUNKS, _BUSY, _LINGER = range(5)


class Plan(Protocol):
    """What a site decided about requests with some head."""

    @property
    def refused(self) -> bool: ...


class Site(Protocol):
    """What is behind a connection."""

    heads: Heads
    largest: int
    room: int
    connections: set[Connection]
    watched: set[Connection]

    def plan(self, head: Head) -> Plan: ...

    def serve(self, connection: Connection, head: Head, plan: Any, body: bytes) -> None: ...

    def gone(self, asked: Asked) -> None: ...


class Connection(asyncio.Protocol):
    """One client's connection.

    Args:
        site: Plans and serves its requests, and keeps the set of connections to watch for slow clients.
        loop: The loop it lives on.

    Attributes:
        asked: The request under way, when the site has said so.
    """

    __slots__ = (
        "_check", "_choked", "_chunks", "_closing", "_ended", "_head", "_held", "_last", "_loop", "_missing", "_parts",
        "_plan", "_pumping", "_quiet", "_site", "_stage", "_transport", "_weight", "asked",
    )  # fmt: skip

    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self._site = site
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._stage = _HEAD
        self._held = b""
        self._check = 0
        self._head: Head | None = None
        self._plan: Any = None
        self._parts: list[bytes] = []
        self._chunks: Chunks | None = None
        self._missing = 0
        self._weight = 0
        self._last = time.monotonic()
        self._pumping = self._choked = self._quiet = self._closing = self._ended = False
        self.asked: Asked | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._site.connections.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._site.connections.discard(self)
        self._site.watched.discard(self)
        self._release()
        if self.asked is not None:
            self._site.gone(self.asked)
            self.asked = None

    def data_received(self, data: bytes) -> None:
        stage = self._stage
        if stage == _HEAD and not self._choked:
            self._pump(self._held + data if self._held else data)
        elif stage in {_HEAD, _BUSY}:
            self._held += data
            if len(self._held) > AHEAD:
                self._hush(quiet=True)
        elif stage in {_BODY, _CHUNKS}:
            self._pump(data)

    def eof_received(self) -> bool:
        """A client that has said all it will may still wait for an answer."""
        self._ended = self._stage == _BUSY or (self._stage == _HEAD and self._choked)
        return self._ended

    def _pump(self, data: bytes) -> None:
        """Serve the requests in these bytes until one is under way, or until more bytes are needed."""
        self._held = b""
        self._pumping = True
        try:
            while data and not self._choked:
                stage = self._stage
                if stage == _HEAD:
                    rest = self._request(data)
                elif stage in {_BODY, _CHUNKS}:
                    rest = self._more(data)
                else:
                    break
                if rest is None:
                    return
                data = rest
            if self._stage != _LINGER:
                self._held = data
        except BadRequestError as error:
            self._refuse(error.status, "BadRequest", error.message)
        except Exception:  # noqa: BLE001 - one request's trouble stays its own
            _log.exception("A request could not be served.")
            self._refuse(500, "InternalServerError", "The router failed; its log says why.")
        finally:
            self._pumping = False

    def _request(self, data: bytes) -> bytes | None:
        """Begin with a request; what follows it, or None when more bytes are needed."""
        end = data.find(END)
        if end < 0 or data.startswith(b"\r\n"):
            if data.startswith(b"\r\n"):
                return data[2:] if data[2:4] != b"\r\n" else self._fail("There are empty lines before the request.")
            self._wait(data)
            return None
        end += 4
        if self._check:
            self._unwatch()
        self._head = head = self._site.heads.read(data[:end])
        self._plan = plan = self._site.plan(head)
        length = head.length
        if length is None:
            self._chunks = Chunks()
            self._open(_CHUNKS, refused=plan.refused, empty=len(data) == end)
            return data[end:] if len(data) > end and self._stage == _CHUNKS else None
        stop = end + length
        if len(data) >= stop and length <= self._site.largest:
            self._stage = _BUSY
            self._site.serve(self, head, plan, data[end:stop])
            return data[stop:]
        if length > self._site.largest:
            self._too_large(length)
            return None
        self._missing = length
        self._open(_BODY, refused=plan.refused and length > SHORT, empty=len(data) == end)
        return data[end:] if len(data) > end and self._stage == _BODY else None

    def _fail(self, message: str) -> bytes:
        raise BadRequestError(400, message)

    def _wait(self, data: bytes) -> None:
        """Keep the beginning of a head."""
        if len(data) >= self._check or len(data) > LARGEST:
            partial(data)
            self._check = 2 * len(data)
        if self not in self._site.watched:
            self._watch()
        self._held = data

    def _open(self, stage: int, *, refused: bool, empty: bool) -> None:
        """Begin to read a body, unless the request is refused before it."""
        head = self._head
        expects = head is not None and head.expects
        if refused or (expects and self._plan.refused):
            self._closing = True
            self._serve(b"")
            return
        self._stage = stage
        self._watch()
        if expects and empty and self._transport is not None:
            self._transport.write(_CONTINUE)

    def _more(self, data: bytes) -> bytes | None:
        """Read on in a body; what follows it, or None when more bytes are needed."""
        if self._chunks is not None:
            return self._more_chunks(self._chunks, data)
        part = data[: self._missing] if len(data) > self._missing else data
        self._parts.append(part)
        self._missing -= len(part)
        if not self._weigh(len(part)) or self._missing:
            return None
        self._serve(b"".join(self._parts))
        return data[len(part) :]

    def _more_chunks(self, chunks: Chunks, data: bytes) -> bytes | None:
        before = chunks.size
        rest = chunks.feed(data)
        if chunks.size > self._site.largest:
            self._too_large(chunks.size)
            return None
        if not self._weigh(chunks.size - before) or not chunks.ended:
            return None
        self._serve(b"".join(chunks.parts))
        return rest

    def _weigh(self, size: int) -> bool:
        """Count what is held of bodies; refuse when all connections together hold too much."""
        self._weight += size
        self._site.room -= size
        if self._site.room < 0:
            message = "The endpoint holds as many bytes of requests as it may. Send it again a little later."
            self._refuse(503, "TooManyBytes", message)
            return False
        return True

    def _release(self) -> None:
        self._site.room += self._weight
        self._weight = 0
        self._parts, self._chunks = [], None

    def _serve(self, body: bytes) -> None:
        self._unwatch()
        self._parts, self._chunks = [], None
        self._stage = _BUSY
        assert self._head is not None  # noqa: S101 - a body follows a head
        self._site.serve(self, self._head, self._plan, body)

    def _too_large(self, size: int) -> None:
        most = self._site.largest
        message = f"The body has {size} bytes or more; the endpoint takes {most}. Send fewer rows in a request."
        self._refuse(413, "PayloadTooLarge", message)

    def answer(self, data: bytes, *, keep: bool) -> None:
        """Send a whole answer, and go on with what the client sent meanwhile."""
        self.asked = None
        if self._weight:
            self._release()
        transport = self._transport
        if transport is None:
            return
        self._last = time.monotonic()
        if not keep or self._closing:
            self._linger(data)
            return
        transport.write(data)
        self._stage = _HEAD
        if not self._pumping and not self._choked:
            self._go_on()

    @property
    def keeps(self) -> bool:
        """Whether the connection may stay open after the answer."""
        return not self._closing

    def _go_on(self) -> None:
        held = self._held
        if held:
            self._pump(held)
        if self._quiet and len(self._held) <= AHEAD and not self._choked:
            self._hush(quiet=False)
        if self._ended and self._stage == _HEAD and not self._choked and self._transport is not None:
            self._transport.close()

    def _hush(self, *, quiet: bool) -> None:
        """Stop or go on reading."""
        transport = self._transport
        if transport is None or quiet == self._quiet or transport.is_closing():
            return
        self._quiet = quiet
        if quiet:
            transport.pause_reading()
        else:
            transport.resume_reading()

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer what could not be read, and close."""
        body = replies.error(code, message, "")
        self._linger(replies.whole(status, replies.JSON, body, keep=False, old=False, bare=False))

    def _linger(self, data: bytes) -> None:
        """Send the last answer, and throw away what still comes, until the client closes or has had its time."""
        self._stage, self._held = _LINGER, b""
        self._release()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        transport.write_eof()
        self._hush(quiet=False)
        self._watch()

    def _watch(self) -> None:
        self._last = time.monotonic()
        self._site.watched.add(self)

    def _unwatch(self) -> None:
        self._check = 0
        self._site.watched.discard(self)

    def pause_writing(self) -> None:
        self._choked = True
        self._watch()
        self._hush(quiet=True)

    def resume_writing(self) -> None:
        self._choked = False
        if self._stage == _LINGER:
            return
        if self._stage in {_HEAD, _BUSY}:
            self._unwatch()
        if self._stage == _HEAD:
            self._go_on()
        self._hush(quiet=len(self._held) > AHEAD)

    def look(self, now: float) -> None:
        """End it when its client is too slow; `now` by the monotonic clock. Asked for the watched ones every second."""
        spent = now - self._last
        if self._choked or self._stage == _LINGER:
            if spent > (STALL_SECONDS if self._choked else LINGER_SECONDS):
                self.abort()
        elif self._stage == _HEAD and spent > HEAD_SECONDS:
            self._refuse(408, "RequestTimeout", f"The headers did not come within {HEAD_SECONDS:g} s.")
        elif self._stage in {_BODY, _CHUNKS} and spent > BODY_SECONDS + self._weight / BODY_RATE:
            self._refuse(408, "RequestTimeout", f"The body came slower than {BODY_RATE} bytes a second.")

    def rest(self, now: float, seconds: float = IDLE_SECONDS) -> bool:
        """Close it when nothing was asked for so long; whether it is still in use."""
        if self._stage == _HEAD and not self._held and now - self._last >= seconds:
            if self._transport is not None:
                self._transport.close()
            return False
        self._closing = self._closing or not seconds
        return True

    def abort(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()
