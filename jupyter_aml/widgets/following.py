"""Following: one thread a kernel looks at the stores of the widgets on show, and tells them what has changed.

Messages from a kernel to a page go out while a cell runs, those to it wait. So a page that depends on the kernel is
sent anew all that it has asked before; one that has the server to ask hears only that something has changed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakSet

from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.watching import Watcher

PAUSE = 0.25
SHARE = 20.0
"""A pause is so many times as long as the processor was busy with the round before it."""
AWAY = 10.0
"""Seconds between two looks at workspaces in Azure, which tell of nothing."""


class Followed(Protocol):
    """A widget that is told."""

    @property
    def store(self) -> Store | None:
        """The store of its workspace; None in Azure."""

    @property
    def workspace(self) -> str:
        """ARM id of its workspace."""

    def changed(self, changes: list[dict[str, str]] | None) -> None:
        """Something was written; None for who knows what."""

    def tick(self) -> None:
        """Time has passed: send what is due."""


class Follower:
    """Looks and tells, as long as there is anybody to be told."""

    def __init__(self) -> None:
        self._followed: WeakSet[Followed] = WeakSet()
        self._watchers: dict[Path, Watcher] = {}
        self._events: deque[dict[str, Any]] = deque()
        self._lock = threading.RLock()  # the garbage collector may close a widget while it is held
        self._thread: threading.Thread | None = None
        self._pause = PAUSE
        self._looked_away = time.monotonic()

    def add(self, one: Followed) -> None:
        """Tell it from now on of whatever is written after this returns."""
        store = one.store
        with self._lock:
            self._followed.add(one)
            if store is not None and store.home not in self._watchers:
                watcher = Watcher(store, self._events.append)
                watcher.look()
                self._watchers[store.home] = watcher
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jupyter_aml-widgets", daemon=True)
                self._thread.start()

    def drop(self, one: Followed) -> None:
        """Tell it no more."""
        with self._lock:
            self._followed.discard(one)

    def _run(self) -> None:
        while self._round():
            time.sleep(self._pause)

    def _round(self) -> bool:
        """Look once, and say how long to pause: this thread takes at most a twentieth of a processor."""
        began = time.thread_time()
        with self._lock:
            watchers = self._needed()
            if not self._followed:
                self._thread = None
                return False
        try:
            self._look(watchers)
        except Exception:  # noqa: BLE001 - a traceback would come out in a cell that runs something else
            for one in self._known():
                one.changed(None)
        self._pause = max(PAUSE, SHARE * (time.thread_time() - began))
        return True

    def _known(self) -> list[Followed]:
        with self._lock:
            return list(self._followed)

    def _needed(self) -> list[Watcher]:
        """The watchers of stores that somebody shows; the others are ended."""
        shown = {one.store.home for one in self._followed if one.store is not None}
        for gone in self._watchers.keys() - shown:
            self._watchers.pop(gone).close()
        return list(self._watchers.values())

    def _look(self, watchers: list[Watcher]) -> None:
        for watcher in watchers:
            watcher.look()
        known = self._known()  # only now, for who has come meanwhile must miss nothing
        while self._events:
            event = self._events.popleft()
            for one in known:
                if one.workspace == event["workspace"]:
                    one.changed(None if event["more"] else event["changes"])
        self._look_away([one for one in known if one.store is None])
        for one in known:
            try:
                one.tick()
            except Exception:  # noqa: BLE001 - one that fails does not keep the others from being told
                one.changed(None)

    def _look_away(self, known: list[Followed]) -> None:
        if time.monotonic() - self._looked_away > AWAY:
            self._looked_away = time.monotonic()
            for one in known:
                one.changed(None)


FOLLOWER = Follower()
"""The one of this process."""
