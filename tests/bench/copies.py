"""One real job, or one real MLflow run, many times: the rows it left in its database, copied with other names."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = frozenset({"created", "modified", "started", "ended", "at"})
MILLISECONDS = frozenset({"start_time", "end_time", "timestamp"})
FIRST = 1_000_000
"""Row number of the first copy, far above those of real rows."""

Words = Callable[[int], Mapping[str, str]]
"""What to write, in copy number n, in the place of which word; the words are found inside longer texts."""


@dataclass(frozen=True)
class Table:
    """A table whose rows are copied.

    Attributes:
        of: Column that says whose rows they are.
        rows: Columns with row numbers of the copies: `id`, or a reference to the `id` of another table.
        value: Column that holds the metric's value, if one does.
    """

    name: str
    of: str
    rows: tuple[str, ...] = ()
    value: str = ""


OURS = (
    Table("jobs", "name", ("id",)),
    Table("job_events", "job"),
    Table("runs", "run_id", ("id",)),
    Table("run_tags", "run", ("run",)),
    Table("params", "run", ("run",)),
    Table("series", "run", ("id", "run"), "value"),
    Table("metrics", "series", ("series",), "value"),
)
MLFLOWS = (
    Table("runs", "run_uuid"),
    Table("tags", "run_uuid"),
    Table("params", "run_uuid"),
    Table("metrics", "run_uuid", value="value"),
    Table("latest_metrics", "run_uuid", value="value"),
)


@dataclass(frozen=True)
class Copies:
    """What copies of a template differ in.

    Attributes:
        count: How many.
        words: See `Words`.
        value: The metric of copy number n.
    """

    count: int
    words: Words
    value: Callable[[int], float]


def copy(path: Path, tables: tuple[Table, ...], keys: Mapping[str, Any], wanted: Copies) -> None:
    """Write copies of the template's rows, each one second after the last, and take the template away.

    Args:
        path: The SQLite file.
        tables: In an order that keeps references whole.
        keys: What stands in the column `of` of the template's rows, by that column's name.
        wanted: What they differ in.
    """
    database = sqlite3.connect(path, isolation_level=None)
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA synchronous=OFF")
    database.execute("BEGIN IMMEDIATE")
    for table in tables:
        query = f"SELECT * FROM {table.name} WHERE {table.of}=?"
        found = [dict(row) for row in database.execute(query, (keys[table.of],))]
        assert found, table
        columns = list(found[0])
        marks = ", ".join("?" * len(columns))
        database.executemany(
            f"INSERT INTO {table.name}({', '.join(columns)}) VALUES ({marks})",
            _copies(table, found, wanted),
        )
    for table in reversed(tables):
        database.execute(f"DELETE FROM {table.name} WHERE {table.of}=?", (keys[table.of],))
    database.execute("COMMIT")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _copies(table: Table, found: list[dict[str, Any]], wanted: Copies) -> Iterator[tuple[Any, ...]]:
    for number in range(wanted.count):
        words = wanted.words(number)
        for row in found:
            made = {
                column: _renamed(column, cell, words) if isinstance(cell, str) else _moved(column, cell, number)
                for column, cell in row.items()
            }
            made |= dict.fromkeys(table.rows, FIRST + number)
            if isinstance(made.get(table.value), float):
                made[table.value] = wanted.value(number)
            yield tuple(made.values())


def _moved(column: str, cell: Any, number: int) -> Any:
    """A time of copy number n; everything else stays."""
    if cell is None or column not in SECONDS | MILLISECONDS:
        return cell
    return cell + number * (1 if column in SECONDS else 1000)


def _renamed(column: str, cell: str, words: Mapping[str, str]) -> str:
    if column == "value" and cell in words:
        return words[cell]
    for word, other in words.items():
        cell = cell.replace(word, other)
    return cell
