"""Jobs as rows: `body` is what the client asked for, `state` what the executor knows, `job_events` the story."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.arm import wire
from jupyter_aml.local.jobs.lifecycle import FINAL, OPEN, Event, Status, record_of
from jupyter_aml.local.store.database import Transaction, dumps

Reader = sqlite3.Connection | Transaction
SEGMENT = "jobs"


@dataclass(frozen=True)
class Record:
    """A job as stored.

    Attributes:
        number: Row number, which orders jobs made at the same moment.
        body: ARM's `properties` without `status`.
        state: The executor's facts: interpreter, phase, environment, inputs, error, exit.
        created: Seconds since the epoch; so are `modified`, `started` and `ended`.
    """

    name: str
    type: str
    status: Status
    experiment: str
    body: dict[str, Any]
    created: float
    number: int = 0
    display_name: str = ""
    parent: str = ""
    compute: str = ""
    modified: float = 0.0
    started: float | None = None
    ended: float | None = None
    archived: bool = False
    created_by: str = ""
    state: dict[str, Any] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        return self.status in FINAL


COLUMNS = (
    "id, name, type, status, experiment, body, created, display_name, parent, compute, modified, started, ended,"
    " archived, created_by, state"
)
BRIEF = COLUMNS.replace("state", "'{}'")
"""Without the executor's facts, which take a third of the time to read."""


_STATUSES = {status.value: status for status in Status}


def _record(row: sqlite3.Row) -> Record:
    """The job of a row of COLUMNS."""
    number, name, kind, status, experiment, body, created, title, parent, compute, *times, archived, by, state = row
    modified, started, ended = times
    record = Record.__new__(Record)  # a list makes hundreds, and a frozen class takes its fields one by one
    record.__dict__.update(
        name=name,
        type=kind,
        status=_STATUSES.get(status) or Status(status),
        experiment=experiment,
        body=wire.loads(body),
        created=created,
        number=number,
        display_name=title,
        parent=parent,
        compute=compute,
        modified=modified,
        started=started,
        ended=ended,
        archived=bool(archived),
        created_by=by,
        state=wire.loads(state) if state != "{}" else {},
    )
    return record


def get(reader: Reader, name: str) -> Record | None:
    """The job, or None."""
    row = reader.execute(f"SELECT {COLUMNS} FROM jobs WHERE name=?", (name,)).fetchone()  # noqa: S608 - fixed
    return _record(row) if row else None


def find(reader: Reader, name: str) -> Record:
    """The job.

    Raises:
        NotFoundError: There is none (404), with the nearest names.
    """
    record = get(reader, name)
    if record is not None:
        return record
    import difflib

    newest = [row["name"] for row in reader.execute("SELECT name FROM jobs ORDER BY id DESC LIMIT 500")]
    near = difflib.get_close_matches(name, newest, 3, 0.6)
    raise NotFoundError(
        f"The job '{name}' was not found in this workspace.",
        code="UserError",
        remedy=f"Did you mean {' or '.join(near)}?" if near else "`%aml job list` shows the jobs there are.",
    )


def insert(transaction: Transaction, record: Record) -> None:
    """Write a new job and note the change."""
    transaction.execute(
        "INSERT INTO jobs(name, type, status, experiment, display_name, parent, compute, created, modified,"
        " archived, created_by, body, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.name,
            record.type,
            record.status,
            record.experiment,
            record.display_name,
            record.parent,
            record.compute,
            record.created,
            record.created,
            int(record.archived),
            record.created_by,
            dumps(record.body),
            dumps(record.state),
        ),
    )
    transaction.note(SEGMENT, record.name)


def describe(transaction: Transaction, record: Record, now: float) -> None:
    """Write what a person may change: body, display name, archived."""
    transaction.execute(
        "UPDATE jobs SET body=?, display_name=?, archived=?, modified=? WHERE name=?",
        (dumps(record.body), record.display_name, int(record.archived), now, record.name),
    )
    transaction.note(SEGMENT, record.name)


def advance(
    transaction: Transaction,
    name: str,
    *,
    status: Status,
    state: Mapping[str, Any],
    now: float,
    started: float | None = None,
    ended: float | None = None,
) -> None:
    """Write how far the executor has come with a job."""
    transaction.execute(
        "UPDATE jobs SET status=?, state=?, modified=?, started=coalesce(?, started), ended=coalesce(?, ended)"
        " WHERE name=?",
        (status, dumps(state), now, started, ended, name),
    )
    transaction.note(SEGMENT, name, "", status.value)


def remember(transaction: Transaction, name: str, state: Mapping[str, Any]) -> None:
    """Write the executor's facts of a job."""
    transaction.execute("UPDATE jobs SET state=? WHERE name=?", (dumps(state), name))


def ask_cancel(transaction: Transaction, name: str, now: float) -> None:
    """Mark a job that has not ended as to be cancelled."""
    transaction.execute("UPDATE jobs SET status=?, modified=? WHERE name=?", (Status.CANCEL_REQUESTED, now, name))
    transaction.note(SEGMENT, name, "", Status.CANCEL_REQUESTED.value)


def delete(transaction: Transaction, name: str) -> None:
    """Remove a job and its story."""
    transaction.execute("DELETE FROM job_events WHERE job=?", (name,))
    transaction.execute("DELETE FROM jobs WHERE name=?", (name,))
    transaction.note(SEGMENT, name, "", "delete")


def tell(transaction: Transaction, name: str, events: Iterable[Event]) -> None:
    """Add events to the job's story."""
    first = transaction.execute("SELECT coalesce(max(seq), 0) + 1 FROM job_events WHERE job=?", (name,)).fetchone()[0]
    transaction.executemany(
        "INSERT INTO job_events(job, seq, at, event) VALUES (?, ?, ?, ?)",
        [(name, first + at, event.at, dumps(record_of(event))) for at, event in enumerate(events)],
    )


def story(reader: Reader, name: str) -> list[dict[str, Any]]:
    """The events of a job, oldest first."""
    rows = reader.execute("SELECT event FROM job_events WHERE job=? ORDER BY seq", (name,))
    return [json.loads(row["event"]) for row in rows]


def children(reader: Reader, parent: str) -> list[Record]:
    """The children of a job, oldest first."""
    rows = reader.execute(f"SELECT {COLUMNS} FROM jobs WHERE parent=? ORDER BY id", (parent,))  # noqa: S608 - fixed
    return [_record(row) for row in rows]


def unfinished(reader: Reader) -> list[Record]:
    """Every job that has not ended, oldest first."""
    marks = ",".join("?" * len(OPEN))
    rows = reader.execute(f"SELECT {COLUMNS} FROM jobs WHERE status IN ({marks}) ORDER BY id", OPEN)  # noqa: S608 - marks
    return [_record(row) for row in rows]


def statuses(reader: Reader) -> list[tuple[str, Status]]:
    """Name and status of every job that has not ended, oldest first: what a host looks at on each ring."""
    marks = ",".join("?" * len(OPEN))
    rows = reader.execute(f"SELECT name, status FROM jobs WHERE status IN ({marks}) ORDER BY id", OPEN)  # noqa: S608
    return [(row["name"], Status(row["status"])) for row in rows]


@dataclass(frozen=True)
class Filter:
    """Which jobs a list shows; empty fields do not filter.

    Attributes:
        view: ActiveOnly, ArchivedOnly or All.
        tag: `key` or `key=value`; so is `property`.
    """

    view: str = "ActiveOnly"
    type: str = ""
    status: str = ""
    experiment: str = ""
    tag: str = ""
    property: str = ""
    parent: str | None = None

    def where(self) -> tuple[list[str], list[Any]]:
        """SQL conditions and their values."""
        conditions: list[str] = []
        values: list[Any] = []
        archived = {"activeonly": 0, "archivedonly": 1}.get(self.view.lower())
        if archived is not None:
            conditions.append("archived=?")
            values.append(archived)
        for column in ("type", "status", "experiment"):
            wanted = [_canonical(column, word) for word in str(getattr(self, column)).split(",") if word]
            if wanted:
                conditions.append(f"{column} IN ({','.join('?' * len(wanted))})")
                values += wanted
        if self.parent is not None:
            conditions.append("parent=?")
            values.append(self.parent)
        return conditions, values

    def labels(self) -> list[tuple[str, list[str]]]:
        """SQL conditions on rows of `job_labels`, one for each tag or property asked for, and their values."""
        found: list[tuple[str, list[str]]] = []
        for name, text in (("tags", self.tag), ("properties", self.property)):
            if text:
                key, mark, value = text.partition("=")
                found.append(
                    ("field=? AND key=? AND value=?", [name, key, value])
                    if mark
                    else ("field=? AND key=?", [name, key])
                )
        return found


_WORDS = {
    "status": {status.lower(): status.value for status in Status},
    "type": {word.lower(): word for word in ("Command", "Sweep", "Pipeline", "AutoML", "Spark", "FineTuning")},
}


def _canonical(column: str, word: str) -> str:
    """A status or type in the case it is stored in, so that the index serves."""
    return _WORDS.get(column, {}).get(word.lower(), word)


def page(
    reader: Reader,
    wanted: Filter,
    *,
    before: tuple[float, int] | None = None,
    limit: int = 100,
    brief: bool = False,
) -> tuple[list[Record], tuple[float, int] | None]:
    """A page of jobs, newest first, and the position where the next one begins (None on the last).

    A tag or property leads to its jobs through an index that is in the list's order already. Brief records lack
    the executor's facts.
    """
    conditions, values = wanted.where()
    source, order = "jobs", "created DESC, id DESC"
    for number, (condition, bound) in enumerate(wanted.labels()):
        if number:
            conditions.append(f"EXISTS (SELECT 1 FROM job_labels WHERE job=jobs.id AND {condition})")  # noqa: S608 - fixed
            values += bound
        else:
            labels = f"SELECT created AS at, job FROM job_labels WHERE {condition}"  # noqa: S608 - fixed text
            source = f"({labels}) CROSS JOIN jobs ON id=job"
            order = "at DESC, job DESC"
            values = [*bound, *values]
    if before is not None:
        conditions.append("(at, job) < (?, ?)" if order.startswith("at") else "(created, id) < (?, ?)")
        values += before
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = reader.execute(
        f"SELECT {BRIEF if brief else COLUMNS} FROM {source} {where} ORDER BY {order} LIMIT ?",  # noqa: S608 - fixed text
        (*values, limit + 1),
    ).fetchall()
    found = [_record(row) for row in rows[:limit]]
    following = (found[-1].created, found[-1].number) if len(rows) > limit else None
    return found, following
