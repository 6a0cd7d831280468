"""Requests to an endpoint's process over plain sockets, byte for byte, and its answers taken apart."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass
from typing import Any

from tests.unit.serving.router_back.endpoints import KEY

JSON = "application/json"
SECONDS = 10.0
PIECE = 1 << 16


@dataclass(frozen=True)
class Answered:
    """An HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """The values of a header, in the order sent."""
        return [value for known, value in self.headers if known.lower() == name.lower()]

    def value(self, name: str) -> str | None:
        """The only value of a header, None when it is not there."""
        found = self.all(name)
        assert len(found) <= 1, f"{name} was sent {len(found)} times: {found}"
        return found[0] if found else None

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    method: str = "POST",
    path: str = "/score",
    body: bytes = b"",
    *,
    key: str | None = KEY,
    to: str | None = None,
    headers: list[tuple[str, str]] | None = None,
    keep: bool = False,
    content_type: str | None = JSON,
) -> bytes:
    """The bytes of a request.

    Args:
        method: Its method.
        path: With the query.
        body: Its content.
        key: The bearer's key or token; None for none.
        to: The deployment asked for by name.
        headers: More headers.
        keep: Whether the connection is to stay open.
        content_type: Of a POST; None for none.
    """
    lines = [("Host", "localhost")]
    lines += [("Authorization", f"Bearer {key}")] if key is not None else []
    lines += [("azureml-model-deployment", to)] if to else []
    lines += [("Content-Type", content_type)] if content_type is not None and method == "POST" else []
    lines += [] if keep else [("Connection", "close")]
    lines += headers or []
    named = {name.lower() for name, _ in lines}
    if method == "POST" and not named & {"content-length", "transfer-encoding"}:
        lines.append(("Content-Length", str(len(body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def ask(port: int, raw: bytes, seconds: float = SECONDS) -> Answered:
    """Send bytes and read the answer up to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        connection.sendall(raw)
        return parsed(everything(connection))


def everything(connection: socket.socket) -> bytes:
    """All that comes until the other side closes; a reset ends it, too."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(PIECE):
            parts.append(piece)
    return b"".join(parts)


def parsed(data: bytes) -> Answered:
    """The one answer in these bytes, interim answers left out."""
    while data.startswith(b"HTTP/1.1 1"):
        _, _, data = data.partition(b"\r\n\r\n")
    head, end, body = data.partition(b"\r\n\r\n")
    assert end, f"no whole answer: {data[:300]!r}"
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Answered(int(first.split()[1]), pairs, body)
