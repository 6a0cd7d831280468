"""Answers of the router itself: errors in Azure's shape, and how any answer is put on the wire."""

from __future__ import annotations

import json
import re
from email.utils import formatdate
from http import HTTPStatus

JSON = b"Content-Type: application/json\r\n"
TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"
BODILESS = frozenset({204, 304})
"""Statuses whose answers have no content and say no length (RFC 9110, 15.3.5 and 15.4.5)."""
_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_OURS = re.compile(
    rb"(?im)^(?:content-length|transfer-encoding|connection|proxy-connection|keep-alive|date)[ \t]*:.*\r\n"
)


def error(code: str, message: str, request_id: str) -> bytes:
    """The content of an error: Azure's `{"error": {"code", "message"}}`, with the request's id where there is one."""
    told = {"code": code, "message": message} | ({"requestId": request_id} if request_id else {})
    return json.dumps({"error": told}).encode()


def line(status: int) -> bytes:
    """The status line, with its CRLF."""
    return _LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status


def clean(headers: bytes) -> bytes:
    """The header lines of a replica without those that frame an answer, which are the router's own."""
    low = headers.lower()
    if not (b"-length" in low or b"-encoding" in low or b"date" in low or b"connection" in low or b"keep-a" in low):
        return headers
    return _OURS.sub(b"", headers)


def whole(status: int, headers: bytes, body: bytes, *, keep: bool, old: bool, bare: bool) -> bytes:
    """An answer as it is sent.

    Args:
        status: HTTP status.
        headers: Lines, each with its CRLF, without those that frame the answer.
        body: The content.
        keep: Whether the connection stays open.
        old: Whether the client speaks HTTP/1.0 and has to be told that it does.
        bare: Whether the request was a HEAD: its answer tells the length and has no content.
    """
    if status in BODILESS:
        length, body = b"", b""
    else:
        length = b"Content-Length: %d\r\n" % len(body)
    end = b"Connection: close\r\n\r\n" if not keep else b"Connection: keep-alive\r\n\r\n" if old else b"\r\n"
    return b"".join((line(status), length, headers, end, b"" if bare else body))


class Clock:
    """The `Date` header, made once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self, now: float) -> bytes:
        """The header line for this time, seconds since the epoch."""
        second = int(now)
        if second != self._second:
            self._second, self._line = second, f"Date: {formatdate(second, usegmt=True)}\r\n".encode()
        return self._line
