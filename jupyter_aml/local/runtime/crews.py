"""Crews: the warm processes that the trials of a sweep share, each of which runs one trial after another.

A process belongs to one sweep. It is given back when a trial has ended well and left it as it was, else it has ended
with the trial. When the sweep ends, or the host, the idle ones leave at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_aml.local.runtime import polling
from jupyter_aml.local.runtime.handles import Exit, Handle, exit_of
from jupyter_aml.local.runtime.spec import RunSpec
from jupyter_aml.local.runtime.zygotes import Key, Zygote, hand_over, key_of, read_line

Line = socket.socket


class SharedHandle(Handle):
    """A run in a process that it shares with others, one after another.

    The line to the supervisor tells that the run has ended and the process lives on; otherwise the process ends.
    """

    def __init__(self, work: Path, record: dict[str, Any]) -> None:
        super().__init__(work, record)
        self._process_fd = self.wait_fd
        self._line: Line | None = None
        self._give_back: Callable[[], None] = _nothing
        self._lock = threading.Lock()
        self._end: Exit | None = None

    def listen(self, line: Line, give_back: Callable[[], None]) -> None:
        """Hear of the run's end.

        Args:
            line: To the supervisor.
            give_back: Called when the process is free for another run.
        """
        self._line, self._give_back = line, give_back
        self.wait_fd = line.fileno()

    def poll(self) -> Exit | None:
        with self._lock:
            if self._end is None and self._line is not None:
                self._hear(self._line)
            if self._end is not None:
                return self._end
        return super().poll() if self._line is None else None

    def _hear(self, line: Line) -> None:
        """Take what the supervisor has said; when it has left, go on as if the process had been the run's own."""
        if not polling.readable([line], 0):
            return
        text = b""
        with contextlib.suppress(OSError):
            text = read_line(line)
        self._line = None
        self.wait_fd = self._process_fd
        if not text.endswith(b"\n"):
            line.close()
            return
        self._end = exit_of(json.loads(text)["exit"])
        self._give_back()

    def cancel(self) -> None:
        """Ask for the end of the run, which is that of the process; of one that has ended, nothing."""
        with self._lock:
            if self._end is None and self.supervised():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.supervisor_pid, signal.SIGTERM)

    def close(self) -> None:
        self.wait_fd = self._process_fd if self._line is None else None
        super().close()
        if self._line is not None and self._process_fd is not None:
            os.close(self._process_fd)
        self._process_fd = None


def _nothing() -> None:
    """Nobody wants the process back."""


Group = tuple[str, Key]
"""The sweep, and what a zygote must have in common with its trials."""


class Crews:
    """The idle processes of all sweeps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Group, list[tuple[int, Line]]] = defaultdict(list)
        self._gone: set[str] = set()

    def start(self, spec: RunSpec, zygote: Zygote) -> Handle | None:
        """Start a run in an idle process of its sweep, else in a fresh one; None when that cannot be had."""
        group = spec.shares, key_of(spec)
        while True:
            with self._lock:
                self._gone.discard(spec.shares)
                found = self._idle[group].pop() if self._idle[group] else None
            handle = self._hand_over(spec, found, group) if found else None
            if handle is not None or found is None:
                break
        if handle is None:
            fresh = zygote.take()
            handle = self._hand_over(spec, fresh, group) if fresh else None
        return handle

    def _hand_over(self, spec: RunSpec, process: tuple[int, Line], group: Group) -> Handle | None:
        pid, line = process
        handle = hand_over(spec, pid, line, SharedHandle)
        if isinstance(handle, SharedHandle):
            handle.listen(line, lambda: self._take_back(group, process))
        return handle

    def _take_back(self, group: Group, process: tuple[int, Line]) -> None:
        with self._lock:
            if group[0] in self._gone:
                process[1].close()
            else:
                self._idle[group].append(process)

    def dismiss(self, sweep: str) -> None:
        """Let the idle processes of a sweep leave, and those that are busy when they are idle."""
        with self._lock:
            self._gone.add(sweep)
            for group in [group for group in self._idle if group[0] == sweep]:
                for _, line in self._idle.pop(group):
                    line.close()

    def close(self) -> None:
        """Let all idle processes leave."""
        with self._lock:
            for processes in self._idle.values():
                for _, line in processes:
                    line.close()
            self._idle.clear()
