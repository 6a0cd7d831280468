"""Watching a store: every commit in any of its workspaces, whoever made it, told by a thread.

SQLite's `data_version` says that another connection has committed; the table of changes says what.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_aml.errors import AmlError
from jupyter_aml.local.store.catalogue import CATALOGUE, Store
from jupyter_aml.local.store.workspace import Entry

PAUSE = 0.1
MOST = 200
Tell = Callable[[dict[str, Any]], None]


class Watched:
    """One database whose commits are watched."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _file(path)
        uri = f"{path.resolve().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        try:
            self._version = self._ask("PRAGMA data_version")
            self._last = self._ask("SELECT max(seq) FROM changes")
        except sqlite3.Error:
            self.close()
            raise

    @property
    def stands(self) -> bool:
        """Whether its file is still the one that was opened, and not purged, moved or made anew."""
        return _file(self._path) == self._file

    def _ask(self, sql: str) -> int:
        return int(self._connection.execute(sql).fetchone()[0] or 0)

    def look(self) -> tuple[list[dict[str, str]], bool] | None:
        """What was written since the last look, and whether there was more; None for nothing."""
        version = self._ask("PRAGMA data_version")
        if version == self._version:
            return None
        self._version = version
        rows = self._connection.execute(
            "SELECT seq, kind, name, action FROM changes WHERE seq > ? ORDER BY seq DESC LIMIT ?",
            (self._last, MOST + 1),
        ).fetchall()
        if rows:
            self._last = rows[0][0]
        named: dict[tuple[str, str], str] = {}
        for _, kind, name, action in rows[:MOST]:
            named.setdefault((kind, name), action)
        found = [{"kind": kind, "name": name, "action": action} for (kind, name), action in named.items()]
        return found[::-1], len(rows) > MOST

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _file(path: Path) -> tuple[int, int] | None:
    """Which file lies there; None for none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Watcher:
    """Watches every workspace of a store in a thread, and tells of each change.

    Args:
        store: Whose workspaces.
        tell: Called in the thread with the data of an event.
    """

    def __init__(self, store: Store, tell: Tell) -> None:
        self.instance = uuid.uuid4().hex
        self._store = store
        self._tell = tell
        self.sequence = 0
        self._catalogue: Watched | None = None
        self._watched: dict[str, tuple[Entry, Watched]] = {}
        self._awaited: set[str] = set()
        self._lost = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jupyter_aml-events", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """End; returns when the thread has ended, and lets go of all files."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._let_go()

    def _run(self) -> None:
        while not self._ended.is_set():
            self.look()
            self._ended.wait(PAUSE)

    def _let_go(self) -> None:
        for _, watched in self._watched.values():
            watched.close()
        self._watched.clear()
        if self._catalogue is not None:
            self._catalogue.close()
        self._catalogue = None

    def look(self) -> None:
        """One round: tell of what has changed since the last one."""
        with contextlib.suppress(sqlite3.Error, OSError, AmlError):
            self._look_at_catalogue()
        for key, (entry, watched) in list(self._watched.items()):
            stands = watched.stands
            try:
                found = watched.look() if stands else ([], False)
            except sqlite3.Error:
                continue  # the next round sees it, or the catalogue that it is gone
            if found is not None:
                self._event(entry.arm_id, *found)
            if not stands:
                self._watched.pop(key)[1].close()
                self._awaited.add(key)  # it may be made anew, with the same name

    def _look_at_catalogue(self) -> None:
        if self._catalogue is not None and not self._catalogue.stands:
            gone = [entry.arm_id for entry, _ in self._watched.values()]
            self._let_go()
            self._lost = True
            for workspace in ["", *gone]:
                self._event(workspace, [], more=True)
        first, path = self._catalogue is None, self._store.home / CATALOGUE
        if self._lost and path.exists():  # another store lies there now
            self._store, self._lost = Store.open(self._store.home), False
            self._event("", [], more=True)
        if self._catalogue is None:
            self._catalogue = Watched(path)
        found = self._catalogue.look()
        if first or found is not None or self._awaited:
            self._follow()
        if found is not None:
            self._event("", *found)

    def _follow(self) -> None:
        entries = {entry.id: entry for entry in self._store.entries()}
        for gone in self._watched.keys() - entries.keys():
            entry, watched = self._watched.pop(gone)
            watched.close()
            self._event(entry.arm_id, [], more=True)
        self._awaited = entries.keys() - self._watched.keys()
        for key in list(self._awaited):
            path = entries[key].folder / "workspace.db"
            if path.exists():  # it is made when somebody opens the workspace
                self._watched[key] = entries[key], Watched(path)
                self._awaited.discard(key)

    def _event(self, workspace: str, changes: list[dict[str, str]], more: bool) -> None:
        self.sequence += 1
        self._tell(
            {
                "instance": self.instance,
                "sequence": self.sequence,
                "workspace": workspace,
                "changes": changes,
                "more": more,
            }
        )
