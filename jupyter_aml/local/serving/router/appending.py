"""Lines for files, written now and then by a thread of its own: neither a slow nor a full disk delays a request."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

MOST_WAITING = 100_000
"""Lines that wait at most; of what comes beyond, nothing is kept."""

Line = Callable[[], bytes]
"""Makes a line, in the thread that writes."""


class Appender:
    """Files that grow line by line.

    Args:
        seconds: How often what waits is written.
        within: A folder that all files are below. While it is gone, nothing is written: nothing must come into being
            in the place of a workspace that was moved.
    """

    def __init__(self, seconds: float, within: Path) -> None:
        self._seconds = seconds
        self._within = within
        self._waiting: dict[Path, list[Line]] = defaultdict(list)
        self._count = 0
        self._task: asyncio.Task[None] | None = None
        self._lock = threading.Lock()
        self._said = False

    def add(self, path: Path, line: Line) -> None:
        """Have a line at the end of a file; called in the loop's thread."""
        if self._count >= MOST_WAITING:
            return
        self._waiting[path].append(line)
        self._count += 1
        if self._task is None:
            self._task = asyncio.create_task(self._later())

    async def _later(self) -> None:
        await asyncio.sleep(self._seconds)
        self._task = None
        await self.flush()

    async def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting, self._count = self._waiting, defaultdict(list), 0
        if waiting:
            await asyncio.to_thread(self._write, waiting)

    async def close(self) -> None:
        """Write what waits, and no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        await self.flush()

    def _write(self, waiting: dict[Path, list[Line]]) -> None:
        with self._lock:
            if not self._within.exists():
                return
            for path, lines in waiting.items():
                text = b"".join(line() for line in lines)
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with path.open("ab") as file:
                        file.write(text)
                except OSError as error:
                    self._say(f"{path} cannot be written, {len(lines)} lines are lost: {error}.")

    def _say(self, sentence: str) -> None:
        """Once: a disk that is full stays so for a while."""
        if not self._said:
            self._said = True
            print(sentence, file=sys.stderr, flush=True)  # noqa: T201 - the process's log
