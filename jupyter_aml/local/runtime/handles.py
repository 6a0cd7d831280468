"""Handles: how the host watches and ends a run through its supervisor, also one that an earlier host started."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jupyter_aml.agent import processes, records
from jupyter_aml.local.runtime import polling

Reason = Literal["exited", "timeout", "cancelled", "lost", "refused"]


@dataclass(frozen=True)
class Exit:
    """How a run ended.

    Attributes:
        code: Exit status 0-255, or None when a signal ended it or nobody knows.
        signal: Number of the signal that ended it, or None.
        reason: `lost` when the supervisor died without a record, `refused` when a worker could not make the run.
        started: Seconds since the epoch.
        ended: Seconds since the epoch; 0 when lost.
        error: `type`, `message`, `traceback` of the uncaught exception, or None.
    """

    code: int | None
    signal: int | None
    reason: Reason
    started: float
    ended: float
    error: dict[str, str] | None = None

    @property
    def ok(self) -> bool:
        """Whether the run did what it should."""
        return self.reason == "exited" and self.code == 0


def exit_of(record: Mapping[str, Any]) -> Exit:
    """How a run ended, as its supervisor recorded it."""
    return Exit(
        code=record["code"],
        signal=record["signal"],
        reason=record["reason"],
        started=record["started"],
        ended=record["ended"],
        error=record["error"],
    )


class Handle:
    """One run that was started.

    Args:
        work: The run's work folder.
        record: What the supervisor wrote into `supervisor.json`.
    """

    def __init__(self, work: Path, record: dict[str, Any]) -> None:
        self.work = work
        self.supervisor_pid: int = record["pid"]
        self.child_pid: int = record.get("child", 0)
        self.started: float = record.get("started", 0.0)
        self._ticks: int = record.get("start_ticks", 0)
        self._boot: str = record.get("boot", "")
        self.wait_fd: int | None = self._watch()
        self._watched = self.wait_fd is not None
        child = processes.stat(self.child_pid) if self._watched and self.child_pid else None
        self._child_ticks = child.ticks if child else 0

    def _watch(self) -> int | None:
        """A file descriptor that becomes readable when the supervisor ends; None where there is none."""
        if not hasattr(os, "pidfd_open") or not self.supervised():
            return None
        try:
            fd = os.pidfd_open(self.supervisor_pid)
        except OSError:
            return None
        if self.supervised():  # still the same process, so the descriptor is its
            return fd
        os.close(fd)
        return None

    def supervised(self) -> bool:
        """Whether the supervisor is still there: the same process, not a later one with its pid."""
        if hasattr(os, "WNOHANG"):
            with contextlib.suppress(OSError):  # collects it when it is a child of this process
                os.waitpid(self.supervisor_pid, os.WNOHANG)
        if self._boot and self._boot != processes.boot():
            return False
        return processes.alive(self.supervisor_pid, self._ticks)

    def poll(self) -> Exit | None:
        """How the run ended, or None while it goes on.

        A supervisor that several runs share may live on: its record tells, which it writes when nothing is left.
        """
        if self.wait_fd is not None and not polling.readable([self.wait_fd], 0):
            goes_on = True
        else:
            goes_on = self.wait_fd is None and self.supervised()
        record = records.read(str(self.work / "exit.json"))
        if record is None and goes_on:
            return None
        self.supervised()
        self.close()
        if record is None:
            self.sweep()
            return Exit(None, None, "lost", self.started, 0.0)
        return exit_of(record)

    def wait(self, seconds: float | None = None) -> Exit | None:
        """How the run ended, or None when it goes on after `seconds`."""
        import time

        until = None if seconds is None else time.monotonic() + seconds
        while True:
            end = self.poll()
            left = None if until is None else until - time.monotonic()
            if end is not None or (left is not None and left <= 0):
                return end
            if self.wait_fd is not None:
                polling.readable([self.wait_fd], left)
            else:
                time.sleep(0.02 if left is None else min(0.02, left))

    def cancel(self) -> None:
        """Ask for the end of the run and of all its descendants; they are gone within 2 s."""
        if os.name == "nt":
            (self.work / "cancel").touch()
        elif self.supervised():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.supervisor_pid, signal.SIGTERM)

    def sweep(self) -> None:
        """Kill what a run left whose supervisor was killed: who carries its variable, and its sessions.

        Numbers are given again to others, after a reboot and before. A session's number is believed only by who
        saw the supervisor alive, or of a process that works in the run's folder.
        """
        if not self.child_pid or (self._boot and self._boot != processes.boot()):
            return
        sessions = self._sessions()
        found = set()
        for entry in Path("/proc").glob("[0-9]*"):
            now = processes.stat(int(entry.name))
            if now is None or now.state in processes.DEAD:
                continue
            if self._carries(entry) or (now.session in sessions and (self._watched or self._works_here(entry))):
                found.add(int(entry.name))
        processes.send(found - {os.getpid()}, signal.SIGKILL)

    def _sessions(self) -> set[int]:
        """Numbers of the run's sessions; none whose leader is by now somebody else."""
        leader = processes.stat(self.child_pid)
        reused = leader is not None and self._child_ticks not in {0, leader.ticks}
        return {self.supervisor_pid} if reused else {self.supervisor_pid, self.child_pid}

    def _carries(self, entry: Path) -> bool:
        marker = f"JUPYTER_AML_WORK={self.work}".encode()
        try:
            return marker in (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            return False

    def _works_here(self, entry: Path) -> bool:
        try:
            return (entry / "cwd").readlink().is_relative_to(self.work)
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the file descriptor; the run goes on."""
        if self.wait_fd is not None:
            os.close(self.wait_fd)
            self.wait_fd = None

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


def find(work: Path) -> Handle | None:
    """The handle of the run whose records lie in `work`, ended or not; None when it never started."""
    record = records.read(str(work / "supervisor.json"))
    return None if record is None else Handle(work, record)
