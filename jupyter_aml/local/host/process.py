"""The host process: it owns the queue, the slots, the warm interpreters and the loopback door of one store.

It is started by whoever needs it and leaves when there is nothing to do. Runs do not depend on it: their
supervisors live on, and the next host finds them.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from jupyter_aml.agent import records as files
from jupyter_aml.errors import AmlError
from jupyter_aml.local.app import Service
from jupyter_aml.local.doors import http, outer
from jupyter_aml.local.host.control import Answer, Control
from jupyter_aml.local.host.loop import Loop
from jupyter_aml.local.jobs import prepare
from jupyter_aml.local.jobs.runner import Runner
from jupyter_aml.local.runtime.provisioners import dask
from jupyter_aml.local.runtime.provisioners import exec as exec_provisioner
from jupyter_aml.local.runtime.provisioners import fork as fork_provisioner
from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.serving.online.warden import Warden
from jupyter_aml.local.store import bell, migrate
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.database import Note
from jupyter_aml.local.store.workspace import WORKED_BY_HOST, Workspace

IDLE_VARIABLE = "JUPYTER_AML_IDLE"
"""Seconds without work after which a host leaves."""
IDLE_SECONDS = 600.0
PAGE_SECONDS = 3600.0
"""How long a page that a browser has opened keeps the host after its last request."""
PROVISIONER_VARIABLE = "JUPYTER_AML_PROVISIONER"
"""`fork` (scripts start in a warm interpreter) or `exec` (each in a fresh one; nothing is kept warm)."""
LEAVE_SECONDS = 2.0
"""How long a host that is to stop waits for what it has begun."""
CHECK_SECONDS = 0.05


class Host:
    """The host of a store; `run` returns when it has left.

    Args:
        home: The store's folder, whose lock the caller holds.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.started = time.time()
        self.idle = float(os.environ.get(IDLE_VARIABLE) or IDLE_SECONDS)
        self._loop = Loop()
        self._store = Store.open(home)
        self._store.rings = False  # its own changes reach the loop by `_changed`
        self._service = Service(self._store)
        self._listening: set[str] = set()
        self._control = Control(self._loop, bell.socket_path(home), self._handle)
        self._door: http.Server | None = None
        self._outer_doors = outer.OuterDoors(self._service, self._url, home / "host")
        self._active = time.monotonic()
        self._leaving = False
        self._provisioner = _provisioner()
        self._runner = Runner(
            self._loop,
            self._workspaces,
            self._provisioner,
            door=self._url,
            outer=dict(os.environ),
            clock=self._store.clock,
            outer_door=self._outer_doors.url,
        )
        self._warden = Warden(self._loop, self._workspaces, outer=dict(os.environ))

    def run(self) -> None:
        """Take over, work, leave."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._loop.soon(self._stop))
        self._open_door()
        self._control.open()
        self._mind_outer_doors()
        self._runner.recover()
        self._loop.soon(self._ring)
        threading.Thread(target=self._get_ready, name="jupyter_aml-warm", daemon=True).start()
        self._loop.later(min(self.idle, 30.0) / 4, self._check_idle)
        self._loop.run()
        self._runner.close()
        self._provisioner.close()
        dask.PROVISIONER.close()
        self._outer_doors.close()
        if self._door is not None:
            self._door.close()
        sys.stderr.flush()
        os._exit(0)  # a worker thread may be building an environment; the next host begins it again

    # the door

    def _url(self) -> str:
        return self._door.url if self._door else ""

    def _open_door(self) -> None:
        """Listen where the last host did, so that the clients of running jobs find the door again."""
        try:
            self._door = http.serve(self._service, port=self._store.door_port())
        except (OSError, AmlError):
            self._door = http.serve(self._service)
            self._store.set_door_port(self._door.port)
        files.write(str(self.home / "host" / "host.json"), self._facts())

    def _mind_outer_doors(self) -> None:
        """Have those open that workers may be waiting at, and no others."""
        try:
            self._outer_doors.again(self._workspaces())
        except AmlError as error:
            print(f"Doors for attached computes: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the host's log

    def _facts(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "port": self._door.port if self._door else 0,
            "version": metadata.version("jupyter_aml"),
            "formats": migrate.formats(),
            "started": self.started,
        }

    # workspaces

    def _workspaces(self) -> Iterable[Workspace]:
        for entry in self._store.entries():
            if not entry.there:
                continue
            try:
                workspace = self._service.workspace(entry)
            except AmlError as error:
                print(f"{entry.folder}: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the host's log
                continue
            if entry.id not in self._listening:
                self._listening.add(entry.id)
                workspace.database.on_commit(self._changed)
            yield workspace

    def _changed(self, notes: list[Note]) -> None:
        """A commit of this process: a job that came through the loopback door must be seen at once."""
        elsewhere = threading.current_thread() is not threading.main_thread()
        if elsewhere and any(note[0] in WORKED_BY_HOST for note in notes):
            self._loop.soon(self._ring)

    def _get_ready(self) -> None:
        """Have an interpreter ready before the first job asks for one, then put right what a crash left."""
        try:
            self._provisioner.warm(prepare.rehearsal(sys.executable, os.environ))
        except (OSError, AmlError) as error:
            print(f"No warm interpreter: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the host's log
        from jupyter_aml.local.store import housekeeping

        try:
            housekeeping.sweep(self._store)
        except (OSError, AmlError) as error:
            print(f"Not swept: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the host's log

    # requests

    def _ring(self) -> None:
        self._active = time.monotonic()
        self._runner.scan()
        self._warden.scan()

    def _handle(self, request: dict[str, Any]) -> Answer:
        op = request.get("op")
        if op == "ring":
            self._ring()
            return None
        if op == "status":
            return {**self._facts(), **self._work(), "idle": self.idle, **_memory()}
        if op in {"stop", "drain"}:
            self._loop.soon(self._stop)
            return {"pid": os.getpid(), "leaving": True}
        return {"error": f"op is {op!r}; expected ring, status, drain or stop."}

    def _work(self) -> dict[str, Any]:
        return {"jobs": self._runner.summary(), "endpoints": self._warden.summary()}

    # leaving

    def _busy(self) -> bool:
        return self._runner.busy() or self._warden.busy()

    def _check_idle(self) -> None:
        if not (self.home / "store.db").exists():  # somebody removed the store: nobody can ask for anything any more
            self._stop()
            return
        door = self._door
        self._mind_outer_doors()
        if self._busy() or (door is not None and (door.connections > 0 or _looked_at(door))):
            self._active = time.monotonic()
        if time.monotonic() - self._active >= self.idle:
            self._leave_if_idle()
        if not self._leaving:
            self._loop.later(min(self.idle, 30.0) / 4, self._check_idle)

    def _leave_if_idle(self) -> None:
        """Close the bell first and look once more: a job that came at the last moment is not left lying."""
        self._control.close()
        self._runner.scan()
        self._warden.scan()
        if self._busy():
            self._control.open()
            self._active = time.monotonic()
            return
        self._leaving = True
        self._loop.stop()

    def _stop(self) -> None:
        """Leave as soon as nothing is half done; jobs that run or wait are found by the next host."""
        if self._leaving:
            return
        self._leaving = True
        self._runner.paused = True
        self._warden.paused = True
        self._leave_by(time.monotonic() + LEAVE_SECONDS)

    def _leave_by(self, until: float) -> None:
        if (self._runner.settled() and self._warden.settled()) or time.monotonic() > until:
            self._control.close()
            self._loop.stop()
        else:
            self._loop.later(CHECK_SECONDS, lambda: self._leave_by(until))


def _looked_at(door: http.Server) -> bool:
    """Whether somebody has a page of the door open, as far as one can tell."""
    return door.visited > 0 and time.monotonic() - door.visited < PAGE_SECONDS


def _provisioner() -> Provisioner:
    """The way to start runs that the user chose, else the fastest that works here."""
    if os.environ.get(PROVISIONER_VARIABLE) == exec_provisioner.PROVISIONER.name:
        return exec_provisioner.PROVISIONER
    chosen = fork_provisioner.PROVISIONER
    return chosen if chosen.available() else exec_provisioner.PROVISIONER


def _memory() -> dict[str, int]:
    """Bytes of memory that this process holds; nothing where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return {}
    return {"memory": pages * os.sysconf("SC_PAGE_SIZE")}
