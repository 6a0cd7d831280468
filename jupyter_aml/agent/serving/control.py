"""The control channel of a replica: lines of JSON on a Unix stream socket, some with a descriptor."""

from __future__ import annotations

import array
import json
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LARGEST = 1 << 16
DESCRIPTORS = 8


class Control:
    """The replica's end.

    Args:
        sock: The socket; blocking.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._held = b""
        self._descriptors: list[int] = []

    def fileno(self) -> int:
        """For `select`."""
        return self._sock.fileno()

    def say(self, event: str, **told: Any) -> None:
        """Send an event; a router that is gone is noticed when it is listened to."""
        line = json.dumps({"event": event, **told}, default=str).encode() + b"\n"
        try:
            self._sock.sendall(line)
        except OSError:
            return

    def listen(self) -> list[dict[str, Any]] | None:
        """The operations that have come, each `serve` with its socket as `data`; None when the router is gone."""
        room = socket.CMSG_SPACE(DESCRIPTORS * array.array("i").itemsize)
        try:
            data, ancillary, _flags, _address = self._sock.recvmsg(LARGEST, room)
        except OSError:
            return None
        for level, kind, packed in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(packed[: len(packed) - len(packed) % numbers.itemsize])
                self._descriptors.extend(numbers)
        if not data:
            return None
        *lines, self._held = (self._held + data).split(b"\n")
        return [self._operation(line) for line in lines if line]

    def close(self) -> None:
        """Let go of the socket and of descriptors nobody has taken."""
        self._sock.close()
        for number in self._descriptors:
            os.close(number)
        self._descriptors.clear()

    def _operation(self, line: bytes) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(line)
        if told.get("op") == "serve" and self._descriptors:
            told["data"] = socket.socket(fileno=self._descriptors.pop(0))
        return told
