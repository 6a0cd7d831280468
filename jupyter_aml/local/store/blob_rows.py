"""What is remembered of a blob beside its bytes: metadata, content headers, MD5, committed blocks.

A blob without a row is a blob all the same; a job or a person wrote the file. A row counts for the content
it was written for: when the size differs it is forgotten, when the time differs its MD5 and blocks are.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jupyter_aml.local.store.database import Transaction, dumps

LAST = "\U0010ffff"
"""Sorts behind every character of a name."""

Block = tuple[str, int]
"""A block's id as the client wrote it, and its size in bytes."""


@dataclass(frozen=True)
class Content:
    """What a client says of a blob's content.

    Attributes:
        headers: Content-Type and its like, by their wire names.
        metadata: Names and values of its own.
        md5: Of the content; empty when the client did not say.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    md5: bytes = b""


PLAIN = Content()


@dataclass(frozen=True)
class Row:
    """What one blob's row says.

    Attributes:
        size: Bytes of the content that the row was written for.
        mtime: Its time of last change in nanoseconds.
        created: Seconds since the epoch.
        blocks: What it was committed from, in order.
    """

    size: int
    mtime: int
    created: float
    content: Content = PLAIN
    blocks: tuple[Block, ...] = ()

    @property
    def worth_keeping(self) -> bool:
        return self.content != PLAIN or bool(self.blocks)


def _row(found: sqlite3.Row) -> Row:
    return Row(
        found["size"],
        found["mtime"],
        found["created"],
        Content(json.loads(found["headers"]), json.loads(found["metadata"]), found["md5"] or b""),
        tuple((name, size) for name, size in json.loads(found["blocks"])),
    )


def get(connection: sqlite3.Connection, container: str, name: str) -> Row | None:
    """The row of a blob, or None."""
    found = connection.execute("SELECT * FROM blobs WHERE container=? AND name=?", (container, _text(name))).fetchone()
    return _row(found) if found else None


def between(connection: sqlite3.Connection, container: str, first: str, last: str) -> dict[str, Row]:
    """The rows of a page of a listing, by name."""
    found = connection.execute(
        "SELECT * FROM blobs WHERE container=? AND name BETWEEN ? AND ?",
        (container, _text(first), _text(last)),
    )
    return {row["name"]: _row(row) for row in found}


def put(transaction: Transaction, container: str, name: str, row: Row) -> None:
    """Write the row of a blob over the old one."""
    transaction.execute(
        "INSERT OR REPLACE INTO blobs(container, name, size, mtime, created, md5, headers, metadata, blocks)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            container,
            _text(name),
            row.size,
            row.mtime,
            row.created,
            row.content.md5 or None,
            dumps(dict(row.content.headers)),
            dumps(dict(row.content.metadata)),
            dumps(row.blocks),
        ),
    )


def delete(transaction: Transaction, container: str, names: Iterable[str]) -> None:
    """Forget blobs by name."""
    transaction.executemany(
        "DELETE FROM blobs WHERE container=? AND name=?", [(container, _text(name)) for name in names]
    )


def delete_prefix(transaction: Transaction, container: str, prefix: str) -> None:
    """Forget all blobs whose name begins with `prefix`."""
    transaction.execute(
        "DELETE FROM blobs WHERE container=? AND name>=? AND name<?",
        (container, _text(prefix), _text(prefix) + LAST),
    )


def _text(name: str) -> str:
    """A name that SQLite can hold: bytes that are no UTF-8 become question marks."""
    return name.encode("utf-8", "replace").decode() if not name.isascii() else name
