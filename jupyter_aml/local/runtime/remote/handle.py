"""Handles of runs that a worker elsewhere makes: how the host watches and ends them, also those of an earlier host."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from jupyter_aml.agent import records
from jupyter_aml.errors import AmlError
from jupyter_aml.local.runtime.handles import Exit, Handle
from jupyter_aml.local.runtime.remote.order import Away

ORDER, STATE, EXIT, CANCEL = "order.json", "try.json", "exit.json", "cancel"
MOST_ROUNDS = 3
"""How often a run is sent whose cluster has forgotten it."""
LOST_SECONDS = 60.0
"""How long a cluster that is gone may take to come back."""
AGAIN_SECONDS = 1.0
CANCEL_SECONDS = 5.0
"""How long a worker may take to say that a run is cancelled; then it counts as cancelled all the same."""
STEP = 0.02


class Cluster(Protocol):
    """A cluster that runs can be sent to."""

    def submit(self, key: str, away: Away, ended: Callable[[str], None]) -> None:
        """Send a run, or find one of that key again; `ended` hears once that nothing more comes, and why.

        Raises:
            AmlError: The cluster cannot be reached.
        """

    def cancel(self, key: str, worker: str) -> None:
        """End a run on its worker at once."""

    def forget(self, key: str) -> None:
        """Take a run out of the cluster, whether it has begun or not."""


class RemoteHandle(Handle):
    """One run that was sent away.

    Args:
        work: The run's work folder here.
        away: What was sent.
        cluster: Where to.
    """

    def __init__(self, work: Path, away: Away, cluster: Cluster) -> None:
        self.work = work
        self.supervisor_pid = 0
        self.child_pid = 0
        self.started = 0.0
        self._away = away
        self._cluster = cluster
        self._lock = threading.Lock()
        self._cancelling = False
        self._closed = False
        self.wait_fd, self._ring = os.pipe()
        os.set_blocking(self.wait_fd, False)
        os.set_blocking(self._ring, False)

    def send(self) -> None:
        """Send the run, or find it again.

        Raises:
            AmlError: The cluster cannot be reached.
        """
        self._cluster.submit(self._key, self._away, self._over)

    def find(self) -> None:
        """Find the run again in a thread of its own: the cluster may take its time, or be gone."""
        threading.Thread(target=self._again, args=(False,), name="jupyter_aml-away", daemon=True).start()

    def supervised(self) -> bool:
        """Whether the run goes on, as far as is known here."""
        return not (self.work / EXIT).exists()

    def poll(self) -> Exit | None:
        """How the run ended, or None while it goes on."""
        fd = self.wait_fd
        if fd is not None:
            with contextlib.suppress(BlockingIOError):
                while os.read(fd, 64):
                    pass
        record = records.read(str(self.work / EXIT))
        if record is None:
            return None
        self.close()
        return Exit(
            code=record["code"],
            signal=record["signal"],
            reason=record["reason"],
            started=record["started"] or 0.0,
            ended=record["ended"] or 0.0,
            error=record["error"],
        )

    def wait(self, seconds: float | None = None) -> Exit | None:
        """How the run ended, or None when it goes on after `seconds`."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            end = self.poll()
            if end is not None or (until is not None and time.monotonic() >= until):
                return end
            time.sleep(STEP)

    def cancel(self) -> None:
        """Ask for the end of the run; it is there within 2 s."""
        with self._lock:
            if self._cancelling:
                return
            self._cancelling = True
        (self.work / CANCEL).touch()
        threading.Thread(target=self._cancel, name="jupyter_aml-cancel", daemon=True).start()

    def sweep(self) -> None:
        """Nothing of the run is on this machine."""

    def close(self) -> None:
        """Look away; the run goes on."""
        with self._lock:
            self._closed = True
            for fd in (self.wait_fd, self._ring):
                if fd is not None and fd >= 0:
                    os.close(fd)
            self.wait_fd, self._ring = None, -1

    @property
    def _key(self) -> str:
        state = records.read(str(self.work / "sent.json")) or {}
        return f"{state.get('key')}-{state.get('round')}"

    def _wake(self) -> None:
        with self._lock:
            if self._ring >= 0:
                with contextlib.suppress(OSError):
                    os.write(self._ring, b".")

    def _over(self, why: str) -> None:
        """The cluster says that nothing more comes of the run."""
        if self._closed:
            return
        if (self.work / EXIT).exists():
            self._wake()
        elif not self._cancelling:
            if why:
                self._end("lost", why)
            else:
                threading.Thread(target=self._again, args=(True,), name="jupyter_aml-away", daemon=True).start()

    def _again(self, anew: bool) -> None:
        """Send the run once more, or look for it, as soon as the cluster answers."""
        if anew:
            state = records.read(str(self.work / "sent.json")) or {}
            number = int(state.get("round") or 0) + 1
            if number >= MOST_ROUNDS:
                self._end("lost", f"The cluster {self._away.cluster.address} lost the run {number} times.")
                return
            records.write(str(self.work / "sent.json"), {**state, "round": number})
        until = time.monotonic() + LOST_SECONDS
        while not self._closed and not self._cancelling:
            try:
                self.send()
            except AmlError as error:
                if time.monotonic() >= until:
                    self._end("lost", str(error))
                    return
                time.sleep(AGAIN_SECONDS)
            else:
                return

    def _cancel(self) -> None:
        """End the run where it is, and say that it has ended when nobody else does."""
        worker = str((records.read(str(self.work / STATE)) or {}).get("worker") or "")
        with contextlib.suppress(AmlError):
            if worker:
                self._cluster.cancel(self._key, worker)
                until = time.monotonic() + CANCEL_SECONDS
                while not (self.work / EXIT).exists() and time.monotonic() < until:
                    time.sleep(STEP)
            self._cluster.forget(self._key)
        if not (self.work / EXIT).exists():
            self._end("cancelled", "")
        self._wake()

    def _end(self, reason: str, message: str) -> None:
        error: Mapping[str, Any] | None = {"type": "JobLost", "message": message, "traceback": ""} if message else None
        record = {
            "code": None, "signal": None, "reason": reason, "started": 0.0, "ended": time.time(), "error": error,
        }  # fmt: skip
        with contextlib.suppress(FileNotFoundError):  # the run's folder is gone: it is over
            records.write(str(self.work / EXIT), record, durable=True)
        self._wake()
