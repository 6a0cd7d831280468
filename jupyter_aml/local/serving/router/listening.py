"""Taking connections: as many as the process has descriptors for, and no more."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
from collections.abc import Callable

_log = logging.getLogger(__name__)

SPARE = 128
"""Descriptors kept for replicas, logs and files."""
_AT_ONCE = 256
_AGAIN_SECONDS = 0.2


def make_room() -> int:
    """Raise the limit of open descriptors to the hard limit; the limit that holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            _log.warning("The limit of open files stays %d; %d was asked for.", soft, hard)
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Listener:
    """Accepts connections of one socket, and pauses while there are too many.

    Args:
        sock: Bound and listening; belongs to the listener from now on.
        build: Makes the protocol of a connection.
        count: How many connections there are.
        loop: The running loop.
        most: Connections at a time.
    """

    def __init__(
        self,
        sock: socket.socket,
        build: Callable[[], asyncio.Protocol],
        count: Callable[[], int],
        loop: asyncio.AbstractEventLoop,
        most: int,
    ) -> None:
        self._sock = sock
        self._build = build
        self._count = count
        self._loop = loop
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()
        self._again: asyncio.TimerHandle | None = None
        sock.setblocking(False)  # noqa: FBT003 - the socket module's own signature
        loop.add_reader(sock.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            if self._count() + len(self._tasks) >= self._most:
                self._pause()
                return
            try:
                client, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    _log.exception("A connection could not be accepted.")
                self._pause()
                return
            client.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._connect(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._build, client)
        except OSError:
            client.close()

    def _pause(self) -> None:
        """Leave the rest in the kernel's queue for a while."""
        if self._again is None:
            self._loop.remove_reader(self._sock.fileno())
            self._again = self._loop.call_later(_AGAIN_SECONDS, self._resume)

    def _resume(self) -> None:
        self._again = None
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def close(self) -> None:
        """Take no more connections."""
        if self._sock.fileno() < 0:
            return
        if self._again is not None:
            self._again.cancel()
            self._again = None
        else:
            self._loop.remove_reader(self._sock.fileno())
        self._sock.close()
