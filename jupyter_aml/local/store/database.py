"""One SQLite file, many processes: short readers and one writer at a time.

WAL is kept in the file; `synchronous=NORMAL` and the busy timeout are set on every connection. Connections
belong to a thread and to a process: after a fork the child opens its own.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_aml.local.store import migrate
from jupyter_aml.local.store.faults import BUSY_SECONDS, explain

Note = tuple[str, str, str, str]
"""What a transaction changed: (kind, name, version, action)."""


class Transaction:
    """A write in progress: SQL, and the notes that will stand in `changes` when it commits."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.notes: list[Note] = []

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, parameters)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> sqlite3.Cursor:
        return self._connection.executemany(sql, rows)

    def note(self, kind: str, name: str, version: str = "", action: str = "put") -> None:
        """Say what changed; `kind` is a segment such as `jobs`, `action` a verb such as `put` or `delete`."""
        self.notes.append((kind, name, version, action))


class Database:
    """A SQLite file with numbered migrations.

    Args:
        path: The file; made when absent.
        series: Which migrations apply: `workspace` or `catalogue`.
        clock: Seconds since the epoch, for the change log.
    """

    def __init__(self, path: Path, series: str, clock: Callable[[], float]) -> None:
        self.path = path
        self.series = series
        self._clock = clock
        self._local = threading.local()
        self._listeners: list[Callable[[list[Note]], None]] = []
        migrate.prepare(path, series)

    def on_commit(self, listener: Callable[[list[Note]], None]) -> None:
        """Call `listener(notes)` in the writing thread after each commit that changed something."""
        self._listeners.append(listener)

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection in this process."""
        held = getattr(self._local, "held", None)
        if held is not None and held[0] == os.getpid():
            found: sqlite3.Connection = held[1]
            return found
        connection = connect(self.path)
        self._local.held = (os.getpid(), connection)
        return connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One consistent view for several reads."""
        connection = self.connection
        if _busy(connection):
            yield connection
            return
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            if _busy(connection):
                connection.execute("COMMIT")

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """All or nothing: commits at the end of the block, rolls back when it raises.

        Raises:
            StoreError: The disk is full, the file is read-only, it stayed locked for too long, or a newer package
                has changed its format since it was opened.
        """
        connection = self.connection
        held: Transaction | None = getattr(self._local, "transaction", None)
        if held is not None:
            yield held  # an inner write joins the outer one
            return
        transaction = Transaction(connection)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise explain(error, self.path) from error
        self._local.transaction = transaction
        try:
            migrate.refuse_newer(connection, self.path, self.series)
            yield transaction
            now = self._clock()
            transaction.executemany(
                "INSERT INTO changes(at, kind, name, version, action) VALUES (?, ?, ?, ?, ?)",
                [(now, *note) for note in transaction.notes],
            )
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._roll_back(connection)
            raise explain(error, self.path) from error
        except BaseException:
            self._roll_back(connection)
            raise
        finally:
            self._local.transaction = None
        if transaction.notes:
            for listener in self._listeners:
                listener(transaction.notes)

    @staticmethod
    def _roll_back(connection: sqlite3.Connection) -> None:
        if _busy(connection):
            connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close this thread's connection; the others go with their threads."""
        held = getattr(self._local, "held", None)
        if held is not None and held[0] == os.getpid():
            held[1].close()
        self._local.held = None


def _busy(connection: sqlite3.Connection) -> bool:
    """Whether a transaction is open."""
    return connection.in_transaction


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions are begun by hand."""
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
    except sqlite3.Error as error:
        raise explain(error, path) from error
    return connection


def dumps(value: Any) -> str:
    """JSON as it stands in a column."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
