"""HTTP/1.1 as the loopback door reads it: heads, bodies and the refusal of what is malformed. No routing.

Lenient where clients differ, strict where two readings of one request are possible (RFC 9112, section 11.2).
"""

from __future__ import annotations

import io
import re
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_aml.errors import ResourceError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

RECEIVE = 1 << 16
LONGEST_HEAD = 64 << 10
LONGEST_CHUNK_LINE = 1024
IDLE_SECONDS = 75.0
"""How long a connection may wait for its next request."""
HEAD_SECONDS = 20.0
"""How long the head of a request may take from its first byte to its last."""
STALL_SECONDS = 30.0
"""How long a body, in either direction, may stand still."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")


class MalformedError(Exception):
    """What came in is no HTTP request that can be answered safely; the connection ends with this status.

    Args:
        status: 400, 408, 431, 501 or 505.
        message: What was found.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class ClosedError(Exception):
    """The client is gone, or said nothing for too long between two requests."""


@dataclass(frozen=True)
class Head:
    """A request line and headers.

    Attributes:
        target: As sent: path and query, percent-encoded.
        headers: Names in lower case; values of repeated names joined by a comma.
        length: Bytes of the body; None when it is chunked.
    """

    method: str
    target: str
    headers: dict[str, str]
    length: int | None
    keep_alive: bool


class Line:
    """The receiving side of a connection, with what was read ahead.

    Attributes:
        broken: Whether a body ended in a way that leaves nothing to read after it.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._held = b""
        self.broken = False

    def read_head(self) -> Head:
        """The next request's head.

        Raises:
            ClosedError: No further request came.
            MalformedError: It cannot be read.
        """
        held = self._held.lstrip(b"\r\n")
        begun = time.monotonic() if held else 0.0
        while (end := held.find(b"\r\n\r\n")) < 0:
            if len(held) > LONGEST_HEAD:
                raise MalformedError(431, f"The headers are longer than {LONGEST_HEAD} bytes.")
            wait = IDLE_SECONDS
            if held:
                wait = begun + HEAD_SECONDS - time.monotonic()
            piece = self._receive_head(wait, begun=bool(held))
            held = held + piece if held else piece.lstrip(b"\r\n")
            begun = begun or time.monotonic()
        if end > LONGEST_HEAD:
            raise MalformedError(431, f"The headers are longer than {LONGEST_HEAD} bytes.")
        self._held = held[end + 4 :]
        return parse_head(held[:end])

    def _receive_head(self, wait: float, *, begun: bool) -> bytes:
        try:
            self._connection.settimeout(max(wait, 0.001))
            piece = self._connection.recv(RECEIVE)
        except TimeoutError:
            if begun:
                raise MalformedError(408, f"The headers took longer than {HEAD_SECONDS:g} s.") from None
            raise ClosedError from None
        except OSError:
            raise ClosedError from None
        if not piece:
            raise ClosedError
        return piece

    def receive(self, most: int) -> bytes:
        """Up to `most` bytes of a body; none when the client has closed.

        Raises:
            ResourceError: The client sent nothing for too long, or is gone.
        """
        if self._held:
            piece, self._held = self._held[:most], self._held[most:]
            return piece
        try:
            self._connection.settimeout(STALL_SECONDS)
            return self._connection.recv(min(most, 1 << 20))
        except TimeoutError as error:
            self.broken = True
            raise ResourceError(
                f"The body stood still for {STALL_SECONDS:g} s and was given up.",
                status=408,
                code="RequestTimeout",
                remedy="Send the request again.",
            ) from error
        except OSError as error:
            raise self.cut_short() from error

    def read_line(self) -> bytes:
        """One line of a chunked body, without its end."""
        while (end := self._held.find(b"\n")) < 0:
            if len(self._held) > LONGEST_CHUNK_LINE:
                raise self.bad_chunk()
            held, self._held = self._held, b""
            piece = self.receive(RECEIVE)
            if not piece:
                raise self.cut_short()
            self._held = held + piece
        line, self._held = self._held[:end], self._held[end + 1 :]
        return line.rstrip(b"\r")

    def bad_chunk(self) -> ResourceError:
        """400: the body is chunked, but not as it should be."""
        self.broken = True
        return ResourceError(
            "The chunked body is malformed.",
            code="InvalidRequestContent",
            remedy="Send chunks as in RFC 9112, or a Content-Length.",
        )

    def cut_short(self) -> ResourceError:
        """400: the client went in the middle of a body."""
        self.broken = True
        return ResourceError(
            "The connection ended before the body did; nothing was changed.",
            code="RequestBodyIncomplete",
            remedy="Send the request again.",
        )


class Body(io.RawIOBase):
    """A request's body of known length, read from the connection as it is asked for."""

    def __init__(self, line: Line, length: int) -> None:
        super().__init__()
        self._line = line
        self.left = length

    def readable(self) -> bool:
        return True

    @property
    def ended(self) -> bool:
        """Whether all of it has been read."""
        return self.left == 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size >= 0:
            return self._piece(size)
        return b"".join(iter(lambda: self._piece(1 << 20), b""))

    def _piece(self, size: int) -> bytes:
        if not self.left or not size:
            return b""
        piece = self._line.receive(min(size, self.left))
        if not piece:
            raise self._line.cut_short()
        self.left -= len(piece)
        return piece

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._piece(len(view))
        view[: len(piece)] = piece
        return len(piece)


class ChunkedBody(Body):
    """A request's chunked body.

    Args:
        line: The connection.
        most: Bytes after which it is refused; None for any number.
    """

    def __init__(self, line: Line, most: int | None) -> None:
        super().__init__(line, 0)
        self._most = most
        self._read = 0
        self._finished = False

    @property
    def ended(self) -> bool:
        return self._finished

    def _piece(self, size: int) -> bytes:
        if not size or self._finished:
            return b""
        if not self.left and not self._next_chunk():
            return b""
        piece = super()._piece(size)
        self._read += len(piece)
        if self._most is not None and self._read > self._most:
            raise too_large(self._most)
        if not self.left and self._line.read_line():
            raise self._line.bad_chunk()
        return piece

    def _next_chunk(self) -> bool:
        size = self._line.read_line().partition(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(size):
            raise self._line.bad_chunk()
        self.left = int(size, 16)
        if self.left:
            return True
        for _ in range(100):
            if not self._line.read_line():
                self._finished = True
                return False
        raise self._line.bad_chunk()


def parse_head(raw: bytes) -> Head:
    """Take a head apart.

    Args:
        raw: Request line and header lines, without the empty line.

    Raises:
        MalformedError: It is no HTTP/1 head, or one that could be read in two ways.
    """
    first, *lines = raw.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not _TOKEN.fullmatch(words[0]) or not words[1]:  # noqa: PLR2004 - method, target, version
        raise MalformedError(400, f"'{first[:80]}' is no request line; 'GET /path HTTP/1.1' is expected.")
    method, target, version = words
    if version not in {"HTTP/1.1", "HTTP/1.0"}:
        raise MalformedError(505, f"'{version[:20]}' is not spoken here; HTTP/1.1 is.")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        lowered = name.lower()
        if not colon or not _TOKEN.fullmatch(name) or "\n" in value or "\0" in value or "\r" in value:
            raise MalformedError(400, f"'{line[:80]}' is no header; 'Name: value' is expected.")
        value = value.strip(" \t")
        if lowered in headers:
            if lowered in {"content-length", "host", "authorization", "transfer-encoding"}:
                raise MalformedError(400, f"The header {name} is there twice.")
            value = f"{headers[lowered]}, {value}"
        headers[lowered] = value
    return Head(method.upper(), target, headers, _length(headers), _keeps_alive(version, headers))


def _length(headers: dict[str, str]) -> int | None:
    encoding, text = headers.get("transfer-encoding"), headers.get("content-length")
    if encoding is not None:
        if text is not None:
            raise MalformedError(400, "Content-Length and Transfer-Encoding exclude each other.")
        if encoding.lower() != "chunked":
            raise MalformedError(501, f"The transfer encoding '{encoding[:40]}' is not known; 'chunked' is.")
        return None
    if text is None:
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > len(str(1 << 63)):
        raise MalformedError(400, f"'{text[:40]}' is no Content-Length.")
    return int(text)


def _keeps_alive(version: str, headers: dict[str, str]) -> bool:
    wish = headers.get("connection", "").lower()
    return "keep-alive" in wish if version == "HTTP/1.0" else "close" not in wish


def too_large(most: int) -> ResourceError:
    """413: a body that is kept in memory is too long for it."""
    return ResourceError(
        f"The body is longer than {most} bytes.",
        status=413,
        code="RequestEntityTooLarge",
        remedy="Upload large content as a blob or an artifact; those are streamed.",
    )
