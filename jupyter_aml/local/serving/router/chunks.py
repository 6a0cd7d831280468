"""Bodies that come in chunks (RFC 9112, 7.1), read strictly."""

from __future__ import annotations

import re

from jupyter_aml.local.serving.router.heads import BadRequestError

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?\Z")
_LONGEST_LINE = 1024
_LARGEST_TRAILER = 8192
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\x00-\x08\x0a-\x1f\x7f]*\Z")


class Chunks:
    """Reads one chunked body.

    Attributes:
        parts: The content so far.
        size: Bytes of it.
        ended: Whether the last chunk and the trailer were read.
    """

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.ended = False
        self._left = 0
        self._in_chunk = False
        self._trailer = -1
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Read on; what follows the body is returned once it has ended.

        Raises:
            BadRequestError: It is no chunked body.
        """
        at = 0
        if self._held:
            data, self._held = self._held + data, b""
        while not self.ended:
            if self._left:
                part = data[at : at + self._left]
                at += len(part)
                self._left -= len(part)
                self.size += len(part)
                self.parts.append(part)
                if self._left:
                    return b""
            line, at_next = self._line(data, at)
            if line is None:
                self._held = data[at:]
                return b""
            at = at_next
            self._read(line)
        return data[at:]

    def _line(self, data: bytes, at: int) -> tuple[bytes | None, int]:
        """The next line without its CRLF, and where the one after begins."""
        end = data.find(b"\n", at)
        if end < 0:
            if len(data) - at > _LONGEST_LINE:
                raise BadRequestError(400, f"A line between chunks is longer than {_LONGEST_LINE} bytes.")
            return None, at
        if end == at or data[end - 1 : end] != b"\r":
            raise BadRequestError(400, "A line between chunks does not end in CR LF.")
        return data[at : end - 1], end + 1

    def _read(self, line: bytes) -> None:
        if self._in_chunk:
            if line:
                raise BadRequestError(400, "A chunk is longer than its size says.")
            self._in_chunk = False
        elif self._trailer >= 0:
            self._read_trailer(line)
        else:
            found = _SIZE.match(line)
            if found is None:
                raise BadRequestError(400, "The size of a chunk is not hexadecimal.")
            self._left = int(found[1], 16)
            self._in_chunk = self._left > 0
            self._trailer = -1 if self._left else 0

    def _read_trailer(self, line: bytes) -> None:
        """Trailer fields are read over (RFC 9110, 6.5.1)."""
        if not line:
            self.ended = True
            return
        self._trailer += len(line)
        if self._trailer > _LARGEST_TRAILER or not _FIELD.match(line):
            raise BadRequestError(400, "The trailer is not made of header lines, or is larger than 8192 bytes.")
