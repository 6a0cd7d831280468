"""What the router of an endpoint and a replica say to each other: frames over a Unix stream socket.

A frame is a head of nine bytes, big-endian: how many bytes follow (4), the kind (1), the id of the request (4). Several
may arrive in one read and are sent in one write, which is what lets a replica take all that waits at once.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import Any

REQUEST = 1
"""To the replica: a request. Its payload: length of the meta (2 bytes), meta, body. See `request`."""
BEGAN = 16
"""From the replica: it begins with these requests, 4 bytes each; what it has not begun may be given to another."""
ANSWER = 17
"""From the replica: status (2 bytes), length of the header block (2 bytes), header block, body. See `answer`."""

HEAD = struct.Struct("!IBI")
_META = struct.Struct("!H")
_ANSWER = struct.Struct("!HH")


def frame(kind: int, number: int, *parts: bytes) -> bytes:
    """A whole frame."""
    return b"".join((HEAD.pack(sum(map(len, parts)), kind, number), *parts))


def request(number: int, body: bytes, meta: dict[str, Any] | None = None) -> bytes:
    """A request as a frame.

    Args:
        number: Its id on this connection.
        body: As it was sent.
        meta: What differs from a POST to `/score` of JSON: `method`, `path`, `query` (raw text), `headers` (pairs), and
            always `id`, the request id, when a script may ask for it. Empty for none.
    """
    told = json.dumps(meta, separators=(",", ":")).encode() if meta else b""
    return frame(REQUEST, number, _META.pack(len(told)), told, body)


def read_request(payload: memoryview) -> tuple[dict[str, Any], memoryview]:
    """Meta and body of a request's payload."""
    (length,) = _META.unpack_from(payload)
    told = payload[2 : 2 + length]
    return (json.loads(bytes(told)) if length else {}), payload[2 + length :]


def began(numbers: Iterable[int]) -> bytes:
    """What a replica says before it runs these requests."""
    return frame(BEGAN, 0, *(number.to_bytes(4, "big") for number in numbers))


def read_began(payload: memoryview) -> list[int]:
    """The ids of a BEGAN frame."""
    return [int.from_bytes(payload[at : at + 4], "big") for at in range(0, len(payload), 4)]


def answer(number: int, status: int, headers: bytes, body: bytes) -> bytes:
    """An answer as a frame.

    Args:
        number: Id of the request.
        status: HTTP status.
        headers: Lines of the head as they are sent, each with its CRLF, without Content-Length.
        body: The content.
    """
    return frame(ANSWER, number, _ANSWER.pack(status, len(headers)), headers, body)


def read_answer(payload: memoryview) -> tuple[int, bytes, memoryview]:
    """Status, header lines and body of an answer's payload."""
    status, length = _ANSWER.unpack_from(payload)
    start = _ANSWER.size
    return status, bytes(payload[start : start + length]), payload[start + length :]


class Reader:
    """Cuts what arrives into frames; a large one is put together once, when its last piece is there."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0
        self._needed = HEAD.size

    def feed(self, data: bytes) -> list[tuple[int, int, memoryview]]:
        """The frames that are complete now: kind, id, payload."""
        if self._held:
            self._pieces.append(data)
            self._held += len(data)
            if self._held < self._needed:
                return []
            data = b"".join(self._pieces)
            self._pieces.clear()
        view, size, at, found = memoryview(data), len(data), 0, []
        unpack, head = HEAD.unpack_from, HEAD.size
        self._needed = head
        while size - at >= head:
            length, kind, number = unpack(data, at)
            end = at + head + length
            if end > size:
                self._needed = end - at
                break
            found.append((kind, number, view[at + head : end]))
            at = end
        self._held = size - at
        if self._held:
            self._pieces.append(data[at:] if at else data)
        return found
