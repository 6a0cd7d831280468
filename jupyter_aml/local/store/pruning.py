"""What a store can do without: leftovers of ended jobs, code that nothing names, environments that nobody uses.

Registered assets, outputs, metrics and whatever a job, component or asset refers to are never touched.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jupyter_aml.local.store import records, usage
from jupyter_aml.local.store.blob_files import remove_tree
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

ENDED = ("Completed", "Failed", "Canceled")
LOGS = ("user_logs", "system_logs", "azureml-logs")
CODES = "codes"
DAY = 86400.0
AGE = 30 * DAY
"""Logs and environments are kept for this long."""
SETTLED = DAY
"""Code that nothing names yet may be named by a job that is just being submitted."""

_CODE = re.compile(r"codes/([^/\"]+)/versions/([^/\"]+)", re.IGNORECASE)
_SHORT_CODE = re.compile(r"azureml:([^:@/\"]+):([^:@/\"]+)")
_PENDING = re.compile(r"code-[0-9a-z-]+")
_OVERLAYS = "serving/*/*/*/env/lib/python*/site-packages/*.pth"
"""Files of deployments that name the environment below theirs."""


@dataclass(frozen=True)
class Pruned:
    """One thing that was, or in a dry run would be, removed.

    Attributes:
        workspace: `group/name`; empty for what belongs to the whole store.
        kind: `work`, `logs`, `code`, `environments` or `leftovers`.
        name: Of the job, snapshot or environment.
        size: Bytes on the disk.
    """

    workspace: str
    kind: str
    name: str
    path: Path
    size: int


def prune(store: Store, *, dry_run: bool = False, age: float = AGE) -> list[Pruned]:
    """Remove what the store can do without.

    Args:
        store: The store.
        dry_run: Only tell.
        age: Seconds for which logs of ended jobs and unused environments are kept.

    Returns:
        What went, or would go.
    """
    now = store.clock()
    found: list[Pruned] = []
    for entry in store.entries():
        if entry.folder.is_dir():
            found += _Pruner(store.workspace(entry), now, age, dry_run=dry_run).all()
    for folder in _unused_environments(store, now - age):
        found.append(Pruned("", "environments", folder.name, folder, usage.measure(folder)[1]))
        if not dry_run:
            remove_tree(str(folder))
    return found


class _Pruner:
    """Goes through one workspace."""

    def __init__(self, workspace: Workspace, now: float, age: float, *, dry_run: bool) -> None:
        self._workspace = workspace
        self._name = f"{workspace.entry.group}/{workspace.entry.name}"
        self._now = now
        self._age = age
        self._dry_run = dry_run

    def all(self) -> Iterator[Pruned]:
        yield from self._job_folders()
        yield from self._code()
        if not self._dry_run:
            self._workspace.blobs.sweep(self._now)

    def _pruned(self, kind: str, name: str, path: Path) -> Pruned:
        return Pruned(self._name, kind, name, path, usage.measure(path)[1])

    def _job_folders(self) -> Iterator[Pruned]:
        with self._workspace.database.read() as connection:
            rows = connection.execute("SELECT name, status, coalesce(ended, modified) AS ended FROM jobs").fetchall()
        ended = {row["name"].lower(): row["ended"] if row["status"] in ENDED else None for row in rows}
        for folder in _folders(self._workspace.folder / "work"):
            at = ended.get(folder.name.lower(), changed(folder))
            if at is not None and (folder.name.lower() in ended or at < self._now - SETTLED):
                yield self._gone("work", folder.name, folder)
        for run in _folders(self._workspace.folder / "runs"):
            at = ended.get(run.name.lower())
            if at is not None and at < self._now - self._age:
                for name in LOGS:
                    if (run / name).is_dir():
                        yield self._gone("logs", run.name, run / name)

    def _gone(self, kind: str, name: str, folder: Path) -> Pruned:
        item = self._pruned(kind, name, folder)
        if not self._dry_run:
            remove_tree(str(folder))
        return item

    def _code(self) -> Iterator[Pruned]:
        with self._workspace.database.read() as connection:
            named = set(_named(connection))
            every = connection.execute("SELECT name, version FROM resources WHERE segment=? AND version<>''", (CODES,))
            found = [records.get(connection, CODES, row["name"], row["version"]) for row in every.fetchall()]
        snapshots = [record for record in found if record]
        held = Counter(_container_of(record, self._workspace) for record in snapshots)
        for record in snapshots:
            settled = record.created < self._now - SETTLED and _properties(record).get("isAnonymous")
            if settled and (record.name.lower(), record.version.lower()) not in named:
                yield from self._snapshot(record, held)
        yield from self._pending(held)

    def _snapshot(self, record: Record, held: Counter[str]) -> Iterator[Pruned]:
        container = _container_of(record, self._workspace)
        alone = _PENDING.fullmatch(container) and held[container] == 1
        place = self._workspace.blobs.path(container) if alone else None
        path = place or self._workspace.folder / "blobs"
        size = usage.measure(place)[1] if place else 0
        if not self._dry_run:
            with self._workspace.database.write() as transaction:
                if _is_named(transaction, record):
                    return
                records.delete(transaction, CODES, record.name, record.version)
                left = records.versions(transaction, CODES, record.name, limit=1)
                if not left:
                    records.delete(transaction, CODES, record.name)
            if place:
                self._workspace.blobs.delete_container(container)
        yield Pruned(self._name, "code", record.name, path, size)

    def _pending(self, held: Counter[str]) -> Iterator[Pruned]:
        """Containers of snapshots whose upload was never finished."""
        blobs = self._workspace.blobs
        for container, changed in blobs.containers():
            if _PENDING.fullmatch(container) and container not in held and changed < self._now - SETTLED:
                item = self._pruned("leftovers", container, blobs.path(container))
                if not self._dry_run:
                    blobs.delete_container(container)
                yield item


def _named(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    """Name and version, in lower case, of every code snapshot that a job or resource names."""
    for sql, values in (("SELECT body FROM jobs", ()), ("SELECT body FROM resources WHERE segment<>?", (CODES,))):
        for (body,) in connection.execute(sql, values):
            for pattern in (_CODE, _SHORT_CODE):
                for name, version in pattern.findall(body):
                    yield name.lower(), version.lower()


def _is_named(transaction: Transaction, record: Record) -> bool:
    """Whether a job or resource names a snapshot; looked at again while nobody else can write."""
    wanted = [f"%codes/{record.name}/versions/{record.version}%", f"%azureml:{record.name}:{record.version}%"]
    for table, where in (("jobs", ""), ("resources", "segment<>'codes' AND ")):
        sql = f"SELECT 1 FROM {table} WHERE {where}(body LIKE ? OR body LIKE ?) LIMIT 1"  # noqa: S608 - fixed text
        if transaction.execute(sql, wanted).fetchone():
            return True
    return False


def _properties(record: Record) -> dict[str, Any]:
    found = record.body.get("properties")
    return found if isinstance(found, dict) else {}


def _container_of(record: Record, workspace: Workspace) -> str:
    """The container of this account that holds a snapshot; empty when it lies elsewhere."""
    parts = urlsplit(str(_properties(record).get("codeUri", "")))
    if (parts.hostname or "").partition(".")[0] != workspace.entry.account.lower():
        return ""
    return unquote(parts.path).strip("/").partition("/")[0]


def _unused_environments(store: Store, before: float) -> Iterator[Path]:
    """Built environments that no deployment runs in, and no job names which is open or has ended since."""
    named: list[str] = []
    for entry in store.entries():
        if (entry.folder / "workspace.db").exists():
            with store.workspace(entry).database.read() as connection:
                rows = connection.execute(
                    "SELECT state FROM jobs WHERE status NOT IN (?, ?, ?) OR ended>=?", (*ENDED, before)
                )
                named += [row[0] for row in rows]
            named += [path.read_text(encoding="utf-8", errors="replace") for path in entry.folder.glob(_OVERLAYS)]
    for environment in _folders(store.home / usage.ENVIRONMENTS):
        if changed(environment) < before and not any(environment.name in state for state in named):
            yield environment


def _folders(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.is_dir() and not path.is_symlink()]


def changed(path: Path) -> float:
    """When a path was last changed, in seconds since the epoch; 0 when it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
