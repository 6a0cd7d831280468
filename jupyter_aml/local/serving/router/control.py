"""The socket over which the host asks an endpoint process: a line of JSON in, a line out; only its owner opens it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jupyter_aml.local.store import bell

LONGEST_LINE = 1 << 20
Handle = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Control:
    """The listening socket.

    Args:
        path: Its address.
        handle: What a question is answered with.
    """

    def __init__(self, path: Path, handle: Handle) -> None:
        self._path = path
        self._handle = handle
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen from now on; a socket that a killed process left is replaced."""
        self._server = await asyncio.start_unix_server(self._serve, sock=bell.bound(self._path), limit=LONGEST_LINE)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError):
            line = await reader.readline()
            if line.endswith(b"\n"):
                answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            return await self._handle(json.loads(line))
        except Exception as error:  # noqa: BLE001 - one bad question must not end the endpoint
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"}

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
            self._server = None
