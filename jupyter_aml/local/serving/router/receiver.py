"""A listener on the loopback for what `azureml-ai-monitoring` posts to `/modeldata/log`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

PATH = b"/modeldata/log"
LARGEST = 16 << 20
IDLE_SECONDS = 60.0

Take = Callable[[Mapping[str, str], bytes], None]
"""Takes a row: the headers, names in lower case, and the body."""


class Receiver:
    """One listener.

    Args:
        take: What is done with a row.
    """

    def __init__(self, take: Take) -> None:
        self._take = take
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        with contextlib.suppress(OSError, ValueError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            while await self._one(reader, writer):
                pass
        self._lines.discard(writer)
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take one request; whether another may follow."""
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_SECONDS)
        first, *lines = head.rstrip().split(b"\r\n")
        pairs = (line.decode("latin-1").partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        length = int(headers.get("content-length") or 0)
        good = first.startswith(b"POST " + PATH) and length <= LARGEST
        if good:
            self._take(headers, await reader.readexactly(length))
        status = b"200 OK" if good else b"400 Bad Request"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        await writer.drain()
        return good

    async def close(self) -> None:
        """Stop listening, and hang up."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._lines):
                writer.close()
            self._server = None
