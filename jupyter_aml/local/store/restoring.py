"""Workspaces of an archive, back in a store: all that are wanted or none, and nothing that exists is overwritten.

Everything is unpacked beside its place and looked at first; only then it is moved there and told to the catalogue.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import sqlite3
import tarfile
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from jupyter_aml.errors import ConflictError, NotFoundError, StoreError
from jupyter_aml.local.store import faults, filesystem, migrate
from jupyter_aml.local.store.archive import TOP
from jupyter_aml.local.store.blob_files import remove_tree
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.pruning import ENDED
from jupyter_aml.local.store.workspace import Entry

STAGED = ".restored-"
"""How the name of a folder begins in which an archive is unpacked."""
CATALOGUE = f"{TOP}/store.db"
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
BROKEN = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, sqlite3.DatabaseError)


@dataclass(frozen=True)
class Restored:
    """What came back.

    Attributes:
        entries: The workspaces, as they stand in the catalogue now.
        files: How many files were written.
        stopped: Jobs that had not ended when the archive was written; they are cancelled.
        skipped: Links that lead out of the archive.
    """

    entries: tuple[Entry, ...]
    files: int
    stopped: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Packed:
    """A workspace of the archive, and where it goes."""

    group: str
    name: str
    id: str
    source: str
    to: str


@dataclass
class _Unpacked:
    """What has been unpacked so far."""

    folder: Path
    files: int = 0
    skipped: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)


def restore(
    archive: Path, home: Path, opened: Callable[[], Store], *, name: str = "", group: str = "", to: str = ""
) -> Restored:
    """Bring back the workspaces of an archive that `backup` wrote.

    Args:
        archive: The file.
        home: The store's folder. One without a store takes over the archive's catalogue, and with it the local
            subscription's id.
        opened: Gives the store in `home`, which is made when absent.
        name: The only workspace wanted; all when empty.
        group: Its resource group, when several workspaces bear the name.
        to: What the one workspace is called from now on; its own name when empty.

    Raises:
        NotFoundError: There is no such archive, or no such workspace in it.
        ConflictError: A workspace of the name, or the same workspace, is here already.
        StoreError: The archive is damaged or from a newer version, or the disk is full.
    """
    path = archive.expanduser().absolute()
    filesystem.make_folder(home / "workspaces")
    unpacked = _Unpacked(home / "workspaces" / f"{STAGED}{uuid.uuid4().hex[:8]}")
    unpacked.folder.mkdir(mode=0o700)
    try:
        wanted = _unpack(path, unpacked, home, opened, (name, group, to))
        return _place(unpacked, wanted, home, opened)
    except sqlite3.OperationalError as error:
        raise faults.explain(error, home) from error
    except BROKEN as error:
        raise _damaged(path, error) from error
    except FileNotFoundError as error:
        raise NotFoundError(
            f"There is no archive {path}.", remedy="Name a file that `aml local backup` wrote."
        ) from error
    except OSError as error:
        raise _cannot(path, home, error) from error
    finally:
        remove_tree(str(unpacked.folder))


def _unpack(
    path: Path, unpacked: _Unpacked, home: Path, opened: Callable[[], Store], choice: tuple[str, str, str]
) -> list[_Packed]:
    """Unpack the catalogue, choose, and unpack what was chosen."""
    with tarfile.open(path, "r:*") as archive:
        first = archive.next()
        if first is None or first.name != CATALOGUE:
            raise StoreError(f"{path} is no archive of a store.", remedy="Name a file that `aml local backup` wrote.")
        _extract(archive, first, unpacked)
        wanted = _chosen(unpacked.folder / CATALOGUE, path, *choice)
        _refuse_taken(wanted, home, opened)
        sources = tuple(f"{packed.source}/" for packed in wanted)
        for member in archive:
            if member.name.startswith(sources):
                _extract(archive, member, unpacked)
    for packed in wanted:
        _look(unpacked.folder / packed.source / "workspace.db", path, packed)
        unpacked.stopped += _stop_jobs(unpacked.folder / packed.source / "workspace.db")
    return wanted


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, unpacked: _Unpacked) -> None:
    try:
        archive.extract(member, unpacked.folder, filter="data")
    except tarfile.FilterError:
        unpacked.skipped.append(member.name)
    else:
        unpacked.files += 1


def _chosen(catalogue: Path, path: Path, name: str, group: str, to: str) -> list[_Packed]:
    """The workspaces of the archive that are wanted."""
    with contextlib.closing(sqlite3.connect(catalogue)) as connection:
        rows = connection.execute("SELECT grp, name, id, folder FROM workspaces ORDER BY grp, name").fetchall()
    every = [_Packed(row[0], row[1], row[2], f"{TOP}/{PurePosixPath(row[3])}", row[1]) for row in rows]
    wanted = [
        packed
        for packed in every
        if (not name or packed.name.lower() == name.lower()) and (not group or packed.group.lower() == group.lower())
    ]
    if not wanted:
        held = ", ".join(f"{packed.group}/{packed.name}" for packed in every) or "no workspace"
        asked = "/".join(part for part in (group, name) if part) or "workspace"
        raise NotFoundError(f"{path} holds no {asked}.", why=f"It holds {held}.", remedy="Name one with -w NAME.")
    if to and len(wanted) > 1:
        raise ConflictError(
            f"{path} holds {len(wanted)} workspaces; only one can be called {to}.",
            remedy=f"Choose one, for example -w {wanted[0].name} --name {to}.",
        )
    return [replace(packed, to=to) for packed in wanted] if to else wanted


def _refuse_taken(wanted: list[_Packed], home: Path, opened: Callable[[], Store]) -> None:
    """Refuse to overwrite.

    Raises:
        ConflictError: A workspace of the name, or the same one, is here; or its folder is not empty.
    """
    store = opened() if (home / "store.db").exists() else None
    for packed in wanted:
        whole = f"{packed.group}/{packed.to}"
        same = store.entry_by_id(packed.id) if store else None
        if same is not None:
            raise ConflictError(
                f"The workspace {same.group}/{same.name} of this store is the archived one; nothing was restored.",
                why="A restore never overwrites, and one store cannot hold a workspace twice.",
                remedy=f"Remove it first (`aml local purge {same.name}`), or restore into another JUPYTER_AML_HOME.",
            )
        if store is not None and store.entry(store.subscription_id, packed.group, packed.to) is not None:
            raise ConflictError(
                f"A workspace {whole} is here already; nothing was restored.",
                why="A restore never overwrites.",
                remedy=f"Give it another name: -w {packed.name} --name {packed.to}-restored.",
            )
        folder = _folder(home, packed)
        if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
            raise ConflictError(
                f"{folder} is in the way; nothing was restored.",
                remedy=f"Move it away, or give the workspace another name: -w {packed.name} --name NAME.",
            )


def _folder(home: Path, packed: _Packed) -> Path:
    """Where the catalogue puts a workspace that is made without a folder."""
    return home / "workspaces" / packed.group.lower() / packed.to.lower()


def _look(database: Path, path: Path, packed: _Packed) -> None:
    """Refuse a workspace that is damaged or of a newer version, before anything is moved."""
    if not database.is_file():
        raise StoreError(f"{path} is damaged: it lacks the database of {packed.group}/{packed.name}.")
    migrate.prepare(database, "workspace")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        bears = connection.execute("SELECT value FROM meta WHERE key='id'").fetchone()
    if found != "ok" or bears is None or bears[0] != packed.id:
        raise StoreError(f"{path} is damaged: the database of {packed.group}/{packed.name} cannot be used ({found}).")


def _stop_jobs(database: Path) -> list[str]:
    """Have the host cancel jobs that had not ended: they ran, or wait to run, where the archive comes from."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        unended = f"status NOT IN ({','.join('?' * len(ENDED))})"
        names = [row[0] for row in connection.execute(f"SELECT name FROM jobs WHERE {unended}", ENDED)]  # noqa: S608 - marks
        connection.execute(f"UPDATE jobs SET status='CancelRequested' WHERE {unended}", ENDED)  # noqa: S608 - marks
    return names


def _place(unpacked: _Unpacked, wanted: list[_Packed], home: Path, opened: Callable[[], Store]) -> Restored:
    """Move what was unpacked to its place; undone when it cannot be finished."""
    fresh = not (home / "store.db").exists()
    if fresh:
        _take_catalogue(unpacked.folder / CATALOGUE, home)
    store = opened()
    made: list[Entry] = []
    folders: list[Path] = []
    try:
        for packed in wanted:
            folder = _folder(home, packed)
            filesystem.make_folder(folder.parent)
            (unpacked.folder / packed.source).rename(folder)
            folders.append(folder)
            made.append(store.create(packed.to, packed.group))
    except BaseException:
        for entry in made:
            store.forget(entry)
        for folder in folders:
            remove_tree(str(folder))
        raise
    store.ring(start=bool(unpacked.stopped))
    return Restored(tuple(made), unpacked.files, tuple(unpacked.stopped), tuple(unpacked.skipped))


def _take_catalogue(archived: Path, home: Path) -> None:
    """Let a new store be the archived one: the same local subscription, with no workspaces yet."""
    migrate.prepare(archived, "catalogue")
    with contextlib.closing(sqlite3.connect(archived)) as connection, connection:
        connection.execute("DELETE FROM workspaces")
        connection.execute("DELETE FROM meta WHERE key='door_port'")
    with contextlib.closing(sqlite3.connect(archived, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    archived.rename(home / "store.db")


def _damaged(path: Path, error: BaseException) -> StoreError:
    return StoreError(
        f"{path} is damaged or no archive of a store: {error}.",
        why="Nothing was restored.",
        remedy="Take another archive that `aml local backup` wrote.",
    )


def _cannot(path: Path, home: Path, error: OSError) -> StoreError:
    if error.errno in FULL:
        return StoreError(
            f"The disk that holds {home} is full; nothing was restored.",
            remedy="Free some space (`aml local du`, `aml local prune`) and repeat the command.",
        )
    return StoreError(
        f"{path} cannot be restored to {home}: {error.strerror or error}.",
        why="Nothing was restored.",
        remedy="Look at the archive and at your rights to the store's folder.",
    )
