"""ARM resources as rows: one row per named resource or asset version, found without regard to case."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from jupyter_aml.local.store.database import Transaction, dumps

Connection = sqlite3.Connection | Transaction

ACTIVE, ARCHIVED, ALL = "activeonly", "archivedonly", "all"


@dataclass(frozen=True)
class Record:
    """A resource as stored.

    Attributes:
        body: What clients see, without id, name, type and systemData, which are made on the way out.
        created: Seconds since the epoch; `modified` likewise.
    """

    segment: str
    name: str
    version: str
    body: dict[str, Any]
    created: float
    modified: float
    archived: bool = False
    created_by: str = ""
    modified_by: str = ""


def _record(row: sqlite3.Row) -> Record:
    return Record(
        row["segment"],
        row["name"],
        row["version"],
        json.loads(row["body"]),
        row["created"],
        row["modified"],
        bool(row["archived"]),
        row["created_by"],
        row["modified_by"],
    )


def get(connection: sqlite3.Connection | Transaction, segment: str, name: str, version: str = "") -> Record | None:
    """The resource, or None."""
    row = connection.execute(
        "SELECT * FROM resources WHERE segment=? AND name=? AND version=?", (segment, name, version)
    ).fetchone()
    return _record(row) if row else None


def put(transaction: Transaction, record: Record) -> None:
    """Write the resource, new or over the old one, and note the change."""
    transaction.execute(
        "INSERT INTO resources(segment, name, version, body, archived, created, modified, created_by, modified_by)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(segment, name, version) DO UPDATE SET"
        " body=excluded.body, archived=excluded.archived, modified=excluded.modified,"
        " modified_by=excluded.modified_by",
        (
            record.segment,
            record.name,
            record.version,
            dumps(record.body),
            int(record.archived),
            record.created,
            record.modified,
            record.created_by,
            record.modified_by,
        ),
    )
    transaction.note(record.segment, record.name, record.version)


def delete(transaction: Transaction, segment: str, name: str, version: str = "") -> bool:
    """Remove the resource; whether there was one."""
    cursor = transaction.execute(
        "DELETE FROM resources WHERE segment=? AND name=? AND version=?", (segment, name, version)
    )
    if cursor.rowcount:
        transaction.note(segment, name, version, "delete")
    return bool(cursor.rowcount)


def named(connection: Connection, segment: str, view: str, after: str | None, limit: int) -> list[Record]:
    """Resources of one level (version empty) by name, those after `after`."""
    rows = connection.execute(
        f"SELECT * FROM resources WHERE segment=? AND version='' AND name>? {_view(view)}"  # noqa: S608 - fixed text
        " ORDER BY name LIMIT ?",
        (segment, after or "", limit),
    )
    return [_record(row) for row in rows]


def versions(
    connection: Connection,
    segment: str,
    name: str,
    view: str = ALL,
    *,
    before: tuple[float, int] | None = None,
    limit: int = 1 << 30,
) -> list[tuple[Record, int]]:
    """Versions of an asset, newest first, each with its row number; those older than `before`."""
    created, rowid = before or (float("inf"), 0)
    rows = connection.execute(
        "SELECT rowid, * FROM resources WHERE segment=? AND name=? AND version<>''"  # noqa: S608 - fixed text
        f" AND (created, rowid) < (?, ?) {_view(view)} ORDER BY created DESC, rowid DESC LIMIT ?",
        (segment, name, created, rowid, limit),
    )
    return [(_record(row), row["rowid"]) for row in rows]


def count(connection: Connection, segment: str) -> int:
    """How many rows a segment has."""
    return int(connection.execute("SELECT count(*) FROM resources WHERE segment=?", (segment,)).fetchone()[0])


def _view(view: str) -> str:
    return {ACTIVE: "AND archived=0", ARCHIVED: "AND archived=1"}.get(view.lower(), "")
