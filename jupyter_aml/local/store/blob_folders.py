"""Whole folders that become blobs: made safe to keep, moved by name, counted."""

# ruff: noqa: PTH101, PTH104, PTH108, PTH113, PTH118, PTH120 - paths are strings: this runs for each request and file
from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.local.store import blob_files


@dataclass(frozen=True)
class Adopted:
    """What became of a folder that was taken in.

    Attributes:
        skipped: Paths of links and special files that cannot be blobs.
    """

    files: int
    size: int
    skipped: tuple[str, ...] = ()


def settle(source: Path) -> Adopted:
    """Make a folder (or file) fit to be kept: readable, without links, sharing no file with anything outside.

    Links to files become copies, also when they lead out; other links and special files are removed.
    """
    if not source.is_dir() or source.is_symlink():
        parts = [_settle_file(str(source), str(source.parent))]
    else:
        top = str(source)
        parts = [_settle_file(path, top) for path in _files(top)]
    kept = [part for part in parts if isinstance(part, int)]
    return Adopted(len(kept), sum(kept), tuple(part for part in parts if isinstance(part, str)))


def _files(folder: str) -> Iterator[str]:
    os.chmod(folder, 0o700)
    with os.scandir(folder) as listing:
        entries = list(listing)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        else:
            yield entry.path


def _settle_file(path: str, top: str) -> int | str:
    """The size of a file that can stay; the path below `top` of one that was removed."""
    facts = os.lstat(path)
    if stat.S_ISREG(facts.st_mode):
        if facts.st_nlink > 1:
            _copy_over(path, path)
        elif facts.st_mode & 0o600 != 0o600:  # noqa: PLR2004 - owner reads and writes
            os.chmod(path, 0o600)
        return facts.st_size
    if stat.S_ISLNK(facts.st_mode) and os.path.isfile(path):
        return _copy_over(os.path.realpath(path), path)
    os.unlink(path)
    return os.path.relpath(path, top)


def _copy_over(source: str, path: str) -> int:
    """Put a copy of `source` where `path` is."""
    with blob_files.Draft(os.path.dirname(path)) as draft:
        draft.fill(Path(source))
        draft.finish(flush=False)
        os.rename(draft.path, path)
        return draft.size


def move(source: Path, target: Path) -> None:
    """Move a folder or file; into what is there already, file by file.

    Raises:
        OSError: A file stands where a folder must be, or the other way round; or the disk refuses.
    """
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if source.is_dir() and target.is_dir():
        for entry in sorted(source.iterdir()):
            move(entry, target / entry.name)
        source.rmdir()
        return
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _move_across(source, target)


def _move_across(source: Path, target: Path) -> None:
    beside = target.with_name(f".{target.name[:100]}{blob_files.INCOMING}")
    try:
        if source.is_dir():
            shutil.copytree(source, beside, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, beside)
        beside.rename(target)
    except BaseException:
        blob_files.remove_tree(str(beside))
        raise
    blob_files.remove_tree(str(source))


def count(folder: Path) -> Adopted:
    """How many files a folder holds, and the bytes that they take on the disk."""
    files = size = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                facts = os.lstat(os.path.join(where, name))
            except OSError:
                continue
            files += 1
            size += facts.st_size
    return Adopted(files, size)
