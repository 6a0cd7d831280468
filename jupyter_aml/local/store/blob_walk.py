"""Blob names in lexical order straight from the folders, from any name on, without reading what lies before.

A folder is read once and sorted; below it only what a page needs. Folders of thousands of entries are kept
until they change. Empty folders, links that lead out, and anything but regular files are no blobs.
"""

# ruff: noqa: PTH116 - paths are strings: this runs for each request and file
from __future__ import annotations

import heapq
import os
import stat
import threading
import time
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from jupyter_aml.local.store import blob_names
from jupyter_aml.local.store.blob_files import INCOMING

LARGE = 1000
KEPT = 4
SETTLED = 50_000_000
"""Nanoseconds after which a folder's time is known to tell later changes apart."""


@dataclass(frozen=True)
class Found:
    """A blob, or with an empty path the common prefix of several."""

    name: str
    path: str


@dataclass(frozen=True)
class Entries:
    """A folder's entries by name: sorted keys, folders with a slash at the end; paths that differ from the key."""

    keys: list[str]
    paths: Mapping[str, str]
    continued: list[tuple[str, str]]


class Scanner:
    """Reads folders in order, and keeps the large ones as long as they do not change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, Entries]] = OrderedDict()
        self._lock = threading.Lock()

    def scan(self, path: str, root: str) -> Entries:
        """The entries of a folder; none when it does not exist."""
        try:
            before = os.stat(path).st_mtime_ns
        except OSError:
            return Entries([], {}, [])
        with self._lock:
            kept = self._kept.get(path)
            if kept is not None and kept[0] == before:
                self._kept.move_to_end(path)
                return kept[1]
        entries = _read(path, root)
        if len(entries.keys) >= LARGE and time.time_ns() - before > SETTLED:
            with self._lock:
                self._kept[path] = (before, entries)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return entries

    def forget(self) -> None:
        """Give back the memory of the folders kept."""
        with self._lock:
            self._kept.clear()


def _read(path: str, root: str) -> Entries:
    keys: list[str] = []
    paths: dict[str, str] = {}
    continued: list[tuple[str, str]] = []
    try:
        with os.scandir(path) as listing:
            for entry in listing:
                folder = entry.is_dir(follow_symlinks=False)
                if not folder and not _is_blob(entry, root):
                    continue
                if folder and blob_names.is_continued(entry.name):
                    continued.append((blob_names.unescape(entry.name), entry.path))
                    continue
                name = blob_names.unescape(entry.name)
                key = name + "/" if folder else name
                keys.append(key)
                if name != entry.name:
                    paths[key] = entry.path
    except OSError:
        return Entries([], {}, [])
    keys.sort()
    return Entries(keys, paths, continued)


def _is_blob(entry: os.DirEntry[str], root: str) -> bool:
    if entry.name.endswith(INCOMING):
        return False
    if not entry.is_symlink():
        return entry.is_file(follow_symlinks=False)
    real = os.path.realpath(entry.path)
    try:
        return real.startswith(root + os.sep) and stat.S_ISREG(os.stat(real).st_mode)
    except OSError:
        return False


class Walk:
    """One listing.

    Args:
        scanner: Reads the folders.
        root: Real path above all folders of the listing, which links must not leave.
        prefix: Only names that begin so.
        start: Only names from this one on.
        grouped: Whether names that share a slash behind the prefix are given once, up to that slash.
    """

    def __init__(self, scanner: Scanner, root: str, prefix: str, start: str, *, grouped: bool) -> None:
        self._scanner = scanner
        self._root = root
        self._prefix = prefix
        self._lower = max(start, prefix)
        self._grouped = grouped

    def below(self, base: str, path: str) -> Iterator[Found]:
        """All blobs in a folder.

        Args:
            base: The name up to and with the slash that stands for the folder.
            path: The folder.
        """
        entries = self._scanner.scan(path, self._root)
        plain = self._plain(base, path, entries)
        if not entries.continued:
            return plain
        rest = [self.below(base + head, folder) for head, folder in entries.continued if self._reaches(base + head)]
        return heapq.merge(plain, *rest, key=lambda found: found.name)

    def _plain(self, base: str, path: str, entries: Entries) -> Iterator[Found]:
        keys = entries.keys
        at = 0
        if self._lower.startswith(base):
            # the folder that the lower bound lies in sorts just before it
            at = max(0, bisect_left(keys, self._lower[len(base) :]) - 1)
        for index in range(at, len(keys)):
            key = keys[index]
            name = base + key
            if name > self._lower and not name.startswith(self._prefix) and not self._prefix.startswith(name):
                return
            if key[-1:] != "/":
                if name >= self._lower and name.startswith(self._prefix):
                    yield Found(name, entries.paths.get(key) or f"{path}{os.sep}{key}")
            elif self._reaches(name):
                yield from self._folder(name, entries.paths.get(key) or f"{path}{os.sep}{key[:-1]}")

    def _reaches(self, name: str) -> bool:
        """Whether names that begin with `name` can belong to the listing."""
        if not (name.startswith(self._prefix) or self._prefix.startswith(name)):
            return False
        return name >= self._lower or self._lower.startswith(name)

    def _folder(self, name: str, path: str) -> Iterator[Found]:
        inside = self.below(name, path)
        if not self._grouped or len(name) <= len(self._prefix):
            yield from inside
        elif name >= self._lower and next(inside, None) is not None:
            yield Found(name, "")


def grouped_by(found: Iterator[Found], prefix: str, delimiter: str) -> Iterator[Found]:
    """Names that share a delimiter behind the prefix, once, up to and with that delimiter."""
    last = ""
    for blob in found:
        if last and blob.name.startswith(last):
            continue
        head, mark, _ = blob.name[len(prefix) :].partition(delimiter)
        if mark:
            last = prefix + head + mark
            yield Found(last, "")
        else:
            yield blob


def merged(parts: Iterable[Iterator[Found]]) -> Iterator[Found]:
    """Several listings as one, each name once."""
    last = None
    for found in heapq.merge(*parts, key=lambda item: item.name):
        if found.name != last:
            last = found.name
            yield found
