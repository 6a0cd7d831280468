"""The host's loop: one thread that waits for sockets, ended runs, timers and calls from other threads."""

from __future__ import annotations

import heapq
import itertools
import os
import selectors
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable

Call = Callable[[], None]


class Loop:
    """Everything that is called here runs in the one thread that called `run`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._calls: deque[Call] = deque()
        self._timers: list[tuple[float, int, Call]] = []
        self._order = itertools.count()
        self._stopping = False
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.settimeout(0)
        self._wake_out.settimeout(0)
        self.watch(self._wake_in.fileno(), self._drain)

    def soon(self, call: Call) -> None:
        """Have `call` called in the loop's thread; from any thread and from signal handlers."""
        self._calls.append(call)
        try:
            self._wake_out.send(b"x")
        except OSError:
            return  # it is awake already, or has ended

    def later(self, seconds: float, call: Call) -> None:
        """Have `call` called after `seconds`; from the loop's thread."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), call))

    def watch(self, fd: int, call: Call) -> None:
        """Have `call` called whenever `fd` is readable."""
        self._selector.register(fd, selectors.EVENT_READ, call)

    def unwatch(self, fd: int) -> None:
        """Stop watching a file descriptor; one that is not watched is none the worse."""
        try:
            self._selector.unregister(fd)
        except (KeyError, ValueError, OSError):
            return

    def stop(self) -> None:
        """Let `run` return when the present calls are done; from any thread."""
        self._stopping = True
        self.soon(_nothing)

    def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping:
            for key, _ in self._selector.select(self._patience()):
                self._safely(key.data)
            self._due()
            for _ in range(len(self._calls)):
                self._safely(self._calls.popleft())

    def _patience(self) -> float | None:
        if self._calls:
            return 0
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _due(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            self._safely(heapq.heappop(self._timers)[2])

    @staticmethod
    def _safely(call: Call) -> None:
        """One fault must not end the host, on which all jobs depend; it stands in its log."""
        try:
            call()
        except Exception:  # noqa: BLE001 - the host's last line of defence
            traceback.print_exc(file=sys.stderr)

    def _drain(self) -> None:
        try:
            while os.read(self._wake_in.fileno(), 4096):
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        """Let go of the sockets."""
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()


def _nothing() -> None:
    """Wakes the loop."""
