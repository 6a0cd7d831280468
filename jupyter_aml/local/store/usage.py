"""What a store takes on the disk, by workspace and kind."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.workspace import Entry

ENVIRONMENTS = "envs"
"""Folder of the built environments in a store."""
BLOCK = 512
"""Bytes of a block as `st_blocks` counts them."""


@dataclass(frozen=True)
class Usage:
    """One line of `aml local du`.

    Attributes:
        workspace: `group/name`; empty for what belongs to the whole store.
        kind: `database`, `blobs`, `runs`, `work`, `serving`, `insights`, `environments`, `logs` or `other`.
        name: The container for blobs, else empty.
        size: Bytes on the disk.
    """

    workspace: str
    kind: str
    name: str
    path: Path
    files: int
    size: int


def du(store: Store) -> list[Usage]:
    """What the store and each of its workspaces takes; lines of nothing are left out."""
    found = [line for entry in store.entries() for line in of_workspace(entry)]
    home = store.home
    lines = [
        ("database", [home / f"store.db{end}" for end in ("", "-wal", "-shm")]),
        ("environments", [home / ENVIRONMENTS]),
        ("logs", [home / "logs", home / "host"]),
    ]
    known = {path for _, paths in lines for path in paths} | {entry.folder for entry in store.entries()}
    rest = [path for path in _children(home) if path not in known and path.name != "workspaces"]
    return found + [line for kind, paths in [*lines, ("other", rest)] for line in _lines("", kind, "", paths)]


def of_workspace(entry: Entry) -> list[Usage]:
    """What one workspace takes."""
    folder, name = entry.folder, f"{entry.group}/{entry.name}"
    database = [folder / f"workspace.db{end}" for end in ("", "-wal", "-shm")]
    found = list(_lines(name, "database", "", database))
    blobs = folder / "blobs"
    for container in _children(blobs / entry.account):
        found += _lines(name, "blobs", container.name, [container])
    rest = [path for path in _children(blobs) if path.name != entry.account]
    found += _lines(name, "blobs", "(uncommitted)", rest)
    for kind in ("runs", "work", "serving", "insights"):
        found += _lines(name, kind, "", [folder / kind])
    return found


def _lines(workspace: str, kind: str, name: str, paths: list[Path]) -> Iterator[Usage]:
    files = size = 0
    for path in paths:
        counted = measure(path)
        files, size = files + counted[0], size + counted[1]
    if files:
        yield Usage(workspace, kind, name, paths[0], files, size)


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def measure(path: Path) -> tuple[int, int]:
    """Files below (or at) a path, and the bytes they take on the disk; a file with several names counts once."""
    seen: set[tuple[int, int]] = set()
    files = size = 0
    for facts in _files(path):
        files += 1
        if facts.st_nlink > 1:
            if (facts.st_dev, facts.st_ino) in seen:
                continue
            seen.add((facts.st_dev, facts.st_ino))
        size += getattr(facts, "st_blocks", facts.st_size // BLOCK + 1) * BLOCK
    return files, size


def _files(path: Path) -> Iterator[os.stat_result]:
    """What the system knows of each file below (or at) a path; links are not followed, what has gone is left out.

    A listing tells folders from files without asking again: there may be 100,000 of both.
    """
    if path.is_symlink() or not path.is_dir():
        with contextlib.suppress(OSError):
            yield path.lstat()
        return
    waiting = [os.fspath(path)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as listing:
            for entry in listing:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    with contextlib.suppress(OSError):
                        yield entry.stat(follow_symlinks=False)
