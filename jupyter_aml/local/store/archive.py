"""A store, or some of its workspaces, in one archive that works wherever it is unpacked.

Databases are copied first, through SQLite, then the files: blobs are written before their rows, so whatever a
copied row names is there. Keys are left out, so secrets stay sealed. `tar xzf` makes a folder for JUPYTER_AML_HOME.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jupyter_aml.errors import ConflictError, StoreError
from jupyter_aml.local.arm import times
from jupyter_aml.local.store import faults
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.workspace import Entry

TOP = "jupyter_aml"
LEVEL = 5
KEPT = ("blobs", "runs")
"""Folders of a workspace that are archived; what a running job needs besides is not."""


@dataclass(frozen=True)
class Backup:
    """A finished archive.

    Attributes:
        files: How many files it holds.
        size: Its bytes.
        skipped: Files that could not be read.
    """

    path: Path
    files: int
    size: int
    skipped: tuple[str, ...] = ()


def backup(store: Store, target: Path, entries: Sequence[Entry] | None = None) -> Backup:
    """Write an archive; jobs may go on meanwhile.

    Args:
        store: The store.
        target: The archive, which must not exist; or a folder, in which it gets a name with the time.
        entries: The workspaces; all when None.

    Raises:
        ConflictError: `target` exists.
        StoreError: It lies inside the store, or cannot be written.
    """
    chosen = list(store.entries() if entries is None else entries)
    path = _target(store, target, chosen)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".aml-backup-") as held:
            files, skipped = _write(store, part, chosen, Path(held))
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _cannot(path, error) from error
    except sqlite3.Error as error:
        part.unlink(missing_ok=True)
        raise faults.explain(error, store.home) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return Backup(path, files, path.stat().st_size, tuple(skipped))


def _target(store: Store, target: Path, entries: Sequence[Entry]) -> Path:
    path = target.expanduser().absolute()
    if path.is_dir():
        stamp = times.iso(store.clock())[:19].replace(":", "").replace("T", "-")
        path /= f"jupyter_aml-{stamp}.tar.gz"
    if path.exists():
        raise ConflictError(f"{path} exists already.", remedy="Name a file that does not exist, or a folder.")
    real = Path(os.path.realpath(path.parent))
    for folder in (store.home, *(entry.folder for entry in entries)):
        if real.is_relative_to(os.path.realpath(folder)):
            raise StoreError(
                f"{path} lies inside {folder}, which is to be archived.", remedy="Name a place outside the store."
            )
    return path


def _cannot(path: Path, error: OSError) -> StoreError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StoreError(
            f"The disk that holds {path.parent} is full; no archive was written.",
            remedy="Free some space, or name a place on another disk.",
        )
    return StoreError(
        f"{path} cannot be written: {error.strerror or error}.", remedy="Name a folder that you can write to."
    )


def _write(store: Store, part: Path, entries: Sequence[Entry], held: Path) -> tuple[int, list[str]]:
    copies = [(f"{TOP}/store.db", _copy(store.home / "store.db", held / "store.db"))]
    _settle_catalogue(held / "store.db", entries)
    for number, entry in enumerate(entries):
        copied = _copy(entry.folder / "workspace.db", held / f"{number}.db")
        copies.append((f"{_place(entry)}/workspace.db", copied))
    files, skipped = 0, []
    with tarfile.open(part, "w:gz", compresslevel=LEVEL, format=tarfile.PAX_FORMAT) as archive:
        part.chmod(0o600)
        for name, path in copies:
            files += _add(archive, path, name)
        for entry in entries:
            for path, name in _files(entry):
                try:
                    files += _add(archive, path, f"{_place(entry)}/{name}")
                except PermissionError:
                    skipped.append(os.fspath(path))
    return files, skipped


def _place(entry: Entry) -> str:
    return f"{TOP}/workspaces/{entry.group.lower()}/{entry.name.lower()}"


def _copy(database: Path, target: Path) -> Path:
    """A consistent copy of a database that others may be writing to."""
    with (
        contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(target)) as copied,
    ):
        source.backup(copied)
    return target


def _settle_catalogue(database: Path, entries: Sequence[Entry]) -> None:
    """Let the copied catalogue name the archived workspaces only, below the archive's own folder."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        kept = [(f"workspaces/{entry.group.lower()}/{entry.name.lower()}", entry.id) for entry in entries]
        known = {row[0] for row in connection.execute("SELECT id FROM workspaces")}
        connection.executemany("UPDATE workspaces SET folder=? WHERE id=?", kept)
        gone = known - {guid for _, guid in kept}
        connection.executemany("DELETE FROM workspaces WHERE id=?", [(guid,) for guid in gone])
        connection.execute("PRAGMA journal_mode=DELETE")


def _files(entry: Entry) -> Iterator[tuple[Path, str]]:
    """Files of a workspace, and their names in it; private ones begin with a dot below `blobs`."""
    for kind in KEPT:
        top = entry.folder / kind
        for where, folders, names in os.walk(top):
            if kind == "blobs" and where == os.fspath(top):
                folders[:] = [name for name in folders if not name.startswith(".")]
            folders.sort()
            for name in sorted(names):
                path = Path(where, name)
                yield path, path.relative_to(entry.folder).as_posix()


def _add(archive: tarfile.TarFile, path: Path, name: str) -> int:
    """Add a regular file as it is now, or a link; 0 for anything else, or when it is gone."""
    try:
        if path.is_symlink() or not path.is_file():
            if path.is_symlink():
                archive.add(path, name, recursive=False)
            return int(path.is_symlink())
        stream = path.open("rb")
    except FileNotFoundError:
        return 0
    with stream:
        info = archive.gettarinfo(arcname=name, fileobj=stream)
        info.type = tarfile.REGTYPE  # not a hard link to another member
        info.size = os.fstat(stream.fileno()).st_size
        info.linkname = info.uname = info.gname = ""
        archive.addfile(info, _Exactly(stream, info.size))
    return 1


class _Exactly(io.RawIOBase, BinaryIO):
    """The first `size` bytes of a file, filled up with zeros when it became shorter meanwhile."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        piece = self._stream.read(wanted)
        piece += bytes(wanted - len(piece))
        self._left -= wanted
        return piece
