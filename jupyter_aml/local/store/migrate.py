"""Numbered migrations: an older package refuses a newer file, a newer one brings it up to date.

A migration is a file `migrations/NNNN_<series>_<what>.sql`; `PRAGMA user_version` is the last one applied.
"""

from __future__ import annotations

import random
import sqlite3
import time
from functools import cache
from importlib import resources
from pathlib import Path

from jupyter_aml.errors import StoreError
from jupyter_aml.local.store import filesystem
from jupyter_aml.local.store.faults import BUSY_SECONDS, explain

SERIES = ("catalogue", "workspace")


@cache
def scripts(series: str) -> tuple[tuple[int, str], ...]:
    """The migrations of a series: (number, SQL), in order."""
    found = []
    for entry in resources.files("jupyter_aml.local.store.migrations").iterdir():
        number, _, rest = entry.name.partition("_")
        if entry.name.endswith(".sql") and rest.startswith(f"{series}_"):
            found.append((int(number), entry.read_text(encoding="utf-8")))
    return tuple(sorted(found))


def formats() -> dict[str, int]:
    """The newest format of each series that this package knows."""
    return {series: scripts(series)[-1][0] for series in SERIES}


def prepare(path: Path, series: str) -> None:
    """Bring the file at `path` to this package's version; make it when absent.

    Raises:
        StoreError: The file comes from a newer package, is no database, or lies where SQLite is not safe.
    """
    newest = scripts(series)[-1][0]
    fresh = not path.exists()
    if fresh:
        filesystem.make_folder(path.parent)
    filesystem.refuse_network(path.parent)
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    try:
        if refuse_newer(connection, path, series) == newest:
            return
        _log_ahead(connection)
        _apply(connection, series)
    except sqlite3.Error as error:
        raise explain(error, path) from error
    finally:
        connection.close()


def refuse_newer(connection: sqlite3.Connection, path: Path, series: str) -> int:
    """The version of an open file, which this package knows.

    Raises:
        StoreError: It does not: a newer package wrote the file.
    """
    version, newest = _version(connection), scripts(series)[-1][0]
    if version > newest:
        msg = f"{path} was written by a newer jupyter_aml (format {version}; this one knows {newest})."
        raise StoreError(msg, remedy="Upgrade with `pip install -U jupyter_aml`, or open another workspace.")
    return version


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging.

    Two processes that switch a new file at once each want it alone. SQLite tells one of them "locked" at once, whatever
    its timeout, since waiting could never end while both hold on to their reads; letting go and trying again does.
    """
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
        else:
            return
        time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - only spreads the tries


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _apply(connection: sqlite3.Connection, series: str) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have been first
        for number, script in scripts(series):
            if number > version:
                for statement in _statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version={number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    """Split a script at statement ends, so that all of it runs inside one transaction."""
    found, held = [], ""
    for line in script.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            found.append(held)
            held = ""
    return found
