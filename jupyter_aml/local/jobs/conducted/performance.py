"""A conducted job at work: a thread of the host that wakes its conductor when a child has ended.

The thread keeps nothing that is not in the database: the next host makes a conductor of the children it finds.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_aml.local.jobs.conducted.stage import Stage
from jupyter_aml.local.jobs.lifecycle import Fault
from jupyter_aml.local.jobs.records import Record
from jupyter_aml.local.runtime.handles import Exit

PATIENCE = 5.0
"""Seconds after which a conductor looks at its children though nothing was told of them."""


@dataclass(frozen=True)
class Outcome:
    """How a conducted job ends: well, or with a fault."""

    fault: Fault | None = None


class Conductor(ABC):
    """Decides over a job's children. Called from one thread; may read and write the database."""

    patience: float = PATIENCE
    """Seconds until it wants to be called again at the latest."""

    @abstractmethod
    def begin(self, children: Sequence[Record]) -> None:
        """Take over the children that an earlier host left, oldest first."""

    @abstractmethod
    def step(self, ended: Sequence[Record], *, cancelled: bool) -> Outcome | None:
        """Go on.

        Args:
            ended: Children that have ended since the last call, each once.
            cancelled: Whether the job is to end; its children have been asked to.

        Returns:
            How the job ends, or None while children are to be waited for.
        """

    @abstractmethod
    def open(self) -> Sequence[str]:
        """Names of the children that have not ended."""


class Unable(Conductor):
    """Stands for a conductor that could not be made: the job fails with the reason."""

    def __init__(self, reason: Exception) -> None:
        self._reason = reason

    def begin(self, children: Sequence[Record]) -> None:
        del children
        raise self._reason

    def step(self, ended: Sequence[Record], *, cancelled: bool) -> Outcome | None:
        del ended, cancelled
        raise self._reason

    def open(self) -> Sequence[str]:
        return ()


class Performance:
    """A conducted job as the runner handles it: it can be polled, cancelled and closed like a process.

    Args:
        stage: What the conductor works with.
        conductor: Who decides.
        cancelled: The job is to be cancelled already: what became of its children is then no failure.
    """

    supervisor_pid = None

    def __init__(self, stage: Stage, conductor: Conductor, *, cancelled: bool = False) -> None:
        self.stage = stage
        self.conductor = conductor
        self.started = stage.record.started or stage.clock()
        self.fault: Fault | None = None
        self._exit: Exit | None = None
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._cancelled = cancelled
        self._closed = False
        self._heard, self._bell = socket.socketpair()
        self.wait_fd: int | None = self._heard.fileno()
        self._thread = threading.Thread(target=self._run, name=f"jupyter_aml-{stage.name}", daemon=True)
        self._thread.start()

    def tell(self, child: str) -> None:
        """A child has ended."""
        with self._lock:
            self._told.add(child)
        self._changed.set()

    def cancel(self) -> None:
        """End the job with all its children."""
        self._cancelled = True
        self._changed.set()

    def poll(self) -> Exit | None:
        """How the job ended, or None while it goes on."""
        return self._exit

    def close(self) -> None:
        """Stop conducting; children go on by themselves."""
        self._closed = True
        self._changed.set()
        if self._thread is not threading.current_thread():
            self._thread.join(PATIENCE)
        self._heard.close()
        self._bell.close()
        self.wait_fd = None

    def _run(self) -> None:
        from jupyter_aml.local.jobs.work import fault_of  # which begins performances

        reason = "exited"
        try:
            outcome = self._conduct()
            if outcome is None:
                return
            self.fault = outcome.fault
        except Exception as error:  # noqa: BLE001 - the job must end with a reason
            self.fault = fault_of(error, "The job could not go on")
            self.stage.say(self.fault.message)
            self._abandon()
        if self._cancelled:
            reason = "cancelled"
        self._exit = Exit(int(self.fault is not None), None, reason, self.started, self.stage.clock())  # type: ignore[arg-type] # one of the two
        with contextlib.suppress(OSError):
            self._bell.send(b".")

    def _abandon(self) -> None:
        """Leave no child behind that nobody conducts."""
        with contextlib.suppress(Exception):
            self.stage.cancel(child.name for child in self.stage.children() if not child.final)

    def _conduct(self) -> Outcome | None:
        held = self.stage.children()
        self.conductor.begin(held)
        ended = [child for child in held if child.final]
        asked = False
        while not self._closed:
            if self._cancelled and not asked:
                asked = True
                self.stage.cancel(self.conductor.open())
            outcome = self.conductor.step(ended, cancelled=asked)
            if outcome is not None:
                return outcome
            ended = self._wait()
        return None

    def _wait(self) -> list[Record]:
        """The children that have ended; after a while without news, whichever have."""
        until = time.monotonic() + min(self.conductor.patience, PATIENCE)
        self._changed.wait(max(until - time.monotonic(), 0.0))
        with self._lock:
            told, self._told = self._told, set()
            self._changed.clear()
        waited_for = {name.lower(): name for name in self.conductor.open()}
        names = [waited_for[name] for name in told if name in waited_for] if told else list(waited_for.values())
        return [child for child in self.stage.look(names) if child.final]
