"""The host's socket: one line of JSON in, at most one out; only its owner can open it."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_aml.local.host.loop import Loop
from jupyter_aml.local.store import bell

LONGEST_LINE = 1 << 16
WRITE_SECONDS = 1.0

Answer = dict[str, Any] | None
"""None when nothing is said back."""


class Control:
    """The listening socket.

    Args:
        loop: Where requests are handled.
        path: Address of the socket.
        handle: What to do with a request, and what to answer.
    """

    def __init__(self, loop: Loop, path: Path, handle: Callable[[dict[str, Any]], Answer]) -> None:
        self._loop = loop
        self._path = path
        self._handle = handle
        self._lines: dict[int, tuple[socket.socket, bytes]] = {}
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Listen from now on; a socket that a killed host left is replaced."""
        listening = bell.bound(self._path)
        listening.listen(128)
        listening.settimeout(0)
        self._socket = listening
        self._loop.watch(listening.fileno(), self._accept)

    def _accept(self) -> None:
        while self._socket is not None:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            line.settimeout(0)
            self._lines[line.fileno()] = (line, b"")
            self._loop.watch(line.fileno(), partial(self._read, line.fileno()))
            self._read(line.fileno())

    def _read(self, fd: int) -> None:
        held = self._lines.get(fd)
        if held is None:
            return
        line, before = held
        try:
            more = line.recv(LONGEST_LINE)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        text = before + more
        if more and b"\n" not in text and len(text) < LONGEST_LINE:
            self._lines[fd] = (line, text)
            return
        self._drop(fd)
        with line:
            if b"\n" in text:
                self._answer(line, text.partition(b"\n")[0])

    def _drop(self, fd: int) -> None:
        self._loop.unwatch(fd)
        self._lines.pop(fd, None)

    def _answer(self, line: socket.socket, text: bytes) -> None:
        try:
            request = json.loads(text)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            answer: Answer = {"error": "One line of JSON was expected, an object with `op`."}
        else:
            answer = self._handle(request)
        if answer is not None:
            line.settimeout(WRITE_SECONDS)
            with contextlib.suppress(OSError):
                line.sendall(json.dumps(answer).encode() + b"\n")

    def close(self) -> None:
        """Stop listening; who has rung already is still heard."""
        if self._socket is None:
            return
        self._accept()
        self._loop.unwatch(self._socket.fileno())
        self._path.unlink(missing_ok=True)
        self._socket.close()
        self._socket = None
