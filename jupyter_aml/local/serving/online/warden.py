"""Keeps the online endpoints of a store as their records say, from the host's loop.

Endpoint processes outlive the host: the next one finds them by their sockets. One that ends is started again at once,
and later each time it ends soon.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from jupyter_aml.local.serving.online import autoscale, launching, places, states
from jupyter_aml.local.serving.online.keeping import Keeper
from jupyter_aml.local.store import records
from jupyter_aml.local.store.workspace import Workspace

WORKERS = 4
YOUNG_SECONDS = 10.0
"""A process that ends within so many seconds of its start is started again later each time."""
FIRST_DELAY, LONGEST_DELAY = 0.2, 30.0
AGAIN_SECONDS = 5.0
"""When a look is taken again that has failed."""
MOST = 1000

Key = tuple[str, str]
"""GUID of the workspace, and the endpoint's name in lower case."""


class Loop(Protocol):
    """What is needed of the host's loop."""

    def soon(self, call: Callable[[], None]) -> None: ...
    def later(self, seconds: float, call: Callable[[], None]) -> None: ...
    def watch(self, fd: int, call: Callable[[], None]) -> None: ...
    def unwatch(self, fd: int) -> None: ...


@dataclass(eq=False)
class Care:
    """An endpoint as the loop sees it.

    Attributes:
        facts: What its records and its status were at the last look.
        looking: Whether a look is under way.
        again: Whether another one is wanted after it.
        pid: Of its process; 0 for none.
        watched: Descriptor that tells of the process's end; -1 for none.
        since: When that process was seen first, by the monotonic clock.
    """

    keeper: Keeper
    facts: Any = None
    looking: bool = False
    again: bool = False
    pid: int = 0
    watched: int = -1
    since: float = 0.0


class Warden:
    """The online endpoints of all workspaces of a store.

    Args:
        loop: Where everything is decided.
        workspaces: The open workspaces, asked for at each look.
        outer: The host's environment variables.
    """

    def __init__(self, loop: Loop, workspaces: Callable[[], Iterable[Workspace]], *, outer: Mapping[str, str]) -> None:
        self._loop = loop
        self._workspaces = workspaces
        self._outer = outer
        self._cares: dict[Key, Care] = {}
        self._looks = ThreadPoolExecutor(WORKERS, thread_name_prefix="jupyter_aml-endpoint")
        self._making = ThreadPoolExecutor(WORKERS, thread_name_prefix="jupyter_aml-deployment")
        self.paused = False

    # finding work

    def scan(self) -> None:
        """Look at the endpoints of which something has changed; called whenever the bell rings."""
        if self.paused:
            return
        self._forget()
        for workspace in self._workspaces():
            if not workspace.entry.there:
                continue
            found = _facts(workspace)
            for place in places.endpoints(workspace.folder):
                found.setdefault(place.folder.name, ())
            for name, facts in found.items():
                self._see(workspace, name, (facts, _written(places.endpoint(workspace.folder, name))))

    def _forget(self) -> None:
        """End the endpoints of workspaces that the store has no more, or whose folder is gone."""
        for key, care in list(self._cares.items()):
            workspace = care.keeper.workspace
            entry = workspace.store.entry_by_id(workspace.entry.id)
            if entry is None or entry.folder != workspace.folder or not workspace.entry.there:
                self._drop(key, care)

    def _drop(self, key: Key, care: Care) -> None:
        for preparation in care.keeper.preparations.values():
            preparation.given_up = True
        del self._cares[key]
        self._let_go(care)
        self._looks.submit(launching.stop, care.keeper.place)

    def _see(self, workspace: Workspace, name: str, facts: Any) -> None:
        key = (workspace.entry.id, name)
        care = self._cares.get(key)
        if care is None:
            again = partial(self._loop.soon, partial(self._look, key))
            keeper = Keeper(workspace, name, self._outer, self._making, again)
            care = self._cares[key] = Care(keeper)
        if care.facts != facts:
            care.facts = facts
            self._look(key)

    def _look(self, key: Key) -> None:
        care = self._cares.get(key)
        if care is None or self.paused:
            return
        if not care.keeper.workspace.entry.there:
            self._drop(key, care)
            return
        if care.looking:
            care.again = True
            return
        care.looking = True
        self._looks.submit(self._work, key, care)

    def _work(self, key: Key, care: Care) -> None:
        """In a worker thread."""
        pid = care.pid
        try:
            pid = care.keeper.look()
        except Exception:  # noqa: BLE001 - one endpoint must not end the others; the next look tries again
            traceback.print_exc()
            self._loop.soon(partial(self._loop.later, AGAIN_SECONDS, partial(self._look, key)))
        self._loop.soon(partial(self._looked, key, care, pid))

    def _looked(self, key: Key, care: Care, pid: int) -> None:
        care.looking = False
        if self._cares.get(key) is not care:
            return
        self._attend(key, care, pid)
        if care.again:
            care.again = False
            self._look(key)
        elif not pid and not care.facts[0] and not care.keeper.place.folder.exists():
            self._cares.pop(key, None)

    # processes

    def _attend(self, key: Key, care: Care, pid: int) -> None:
        """Hear of the end of the endpoint's process."""
        if pid == care.pid:
            return
        self._let_go(care)
        care.pid, care.since = pid, time.monotonic()
        if not pid:
            return
        try:
            care.watched = os.pidfd_open(pid)
        except OSError:
            self._ended(key, care)
            return
        self._loop.watch(care.watched, partial(self._ended, key, care))

    def _let_go(self, care: Care) -> None:
        if care.watched >= 0:
            self._loop.unwatch(care.watched)
            os.close(care.watched)
            care.watched = -1
        care.pid = 0

    def _ended(self, key: Key, care: Care) -> None:
        lived = time.monotonic() - care.since
        self._let_go(care)
        process = care.keeper.process
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0)
        deaths = care.keeper.deaths = care.keeper.deaths + 1 if lived < YOUNG_SECONDS else 0
        delay = min(FIRST_DELAY * 2**deaths, LONGEST_DELAY) if deaths else 0.0
        self._loop.later(delay, partial(self._look, key))

    # leaving

    def busy(self) -> bool:
        """Whether there is an endpoint that needs a host."""
        return any(care.pid or care.looking or care.keeper.making for care in self._cares.values())

    def settled(self) -> bool:
        """Whether nothing is half done."""
        return not any(care.looking for care in self._cares.values())

    def summary(self) -> list[dict[str, Any]]:
        """The endpoints whose processes run, for whoever asks the host."""
        return [
            {"endpoint": care.keeper.name, "workspace": care.keeper.workspace.entry.name, "pid": care.pid}
            for care in self._cares.values()
            if care.pid
        ]


def _facts(workspace: Workspace) -> dict[str, tuple[Any, ...]]:
    """What is known of each endpoint: it differs whenever a record of it does."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    with workspace.database.read() as reader:
        for row in _rows(reader):
            rows.setdefault(str(row["name"]).lower(), []).append(tuple(row))
        scales = [(one.name, one.modified) for one in records.named(reader, autoscale.SEGMENT, records.ALL, None, MOST)]
    return {name: (*found, *scales) for name, found in rows.items()}


def _rows(reader: sqlite3.Connection) -> sqlite3.Cursor:
    return reader.execute(
        "SELECT name, segment, version, modified, json_extract(body, '$._local') AS ours,"
        " json_extract(body, '$.properties.provisioningState') AS state"
        " FROM resources WHERE segment IN (?, ?) ORDER BY rowid",
        (states.ENDPOINTS, states.DEPLOYMENTS),
    )


def _written(place: places.EndpointPlace) -> int:
    """When the status was written last."""
    try:
        return place.status.stat().st_mtime_ns
    except OSError:
        return 0
