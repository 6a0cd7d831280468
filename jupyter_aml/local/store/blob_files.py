"""Files under a root: opened, written and removed so that nothing half-written is seen and no link leads out.

A file is written in a private folder, flushed to the disk and moved to its name. Whatever the operating system
refuses becomes a `ResourceError` that says what to do.
"""

# ruff: noqa: PTH101, PTH103, PTH106, PTH108, PTH110, PTH112, PTH113, PTH114, PTH115, PTH118, PTH120, PTH123 - paths are strings: this runs for each request and file
from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from jupyter_aml.errors import ConflictError, NotFoundError, ResourceError

CHUNK = 1 << 20
INCOMING = ".incoming"
ATTEMPTS = 5

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_SHAPE = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY})
CANNOT_CLONE = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF})


def refusal(error: OSError, name: str) -> ResourceError:
    """The operating system's refusal as the service says it; anything unforeseen is raised again.

    A full disk is 413: Azure has no code for it, clients repeat every 5xx for a minute, take 409 for "exists
    already" and 403 for a missing role.
    """
    if error.errno in _FULL:
        return ResourceError(
            f"The disk is full: '{name}' was not written, nothing else was changed.",
            status=413,
            code="InsufficientStorage",
            remedy="Free some space (`aml local du` shows what takes it, `aml local prune` frees it), then repeat.",
        )
    if error.errno in _FORBIDDEN:
        return ResourceError(
            f"'{name}' cannot be read or written here: {os.strerror(error.errno or 0)}; nothing was changed.",
            status=403,
            code="InsufficientAccountPermissions",
            why="The workspace's folder or disk is read-only for this user.",
            remedy="Give yourself write access to the workspace's folder, or connect to another workspace.",
        )
    if error.errno in _SHAPE:
        return ConflictError(
            f"'{name}' cannot be written: a blob and a folder of blobs would bear the same name.",
            code="ResourceTypeMismatch",
            why="Blobs are plain files here, so 'a' and 'a/b' cannot both exist.",
            remedy="Choose another name, or delete the one that is in the way.",
        )
    if error.errno == errno.ENAMETOOLONG:
        return ResourceError(
            f"The blob name '{name[:40]}...' makes a path that is too long for this file system.",
            code="OutOfRangeInput",
            remedy="Shorten the path or the file name.",
        )
    raise error


def within(fd: int, path: str, root: str) -> bool:
    """Whether an open file lies under `root`, whatever links led to it."""
    try:
        real = os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        real = os.path.realpath(path)
    return real.startswith(root + os.sep) or real == root


def open_file(root: str, relative: str) -> tuple[int, os.stat_result] | None:
    """A descriptor to read a regular file under `root`, and its facts; None when there is none.

    Args:
        root: A real path, free of links.
        relative: Path below it.
    """
    path = os.path.join(root, relative)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in {errno.ENXIO, errno.ELOOP}:
            return None
        raise refusal(error, relative) from error
    facts = os.fstat(fd)
    if stat.S_ISREG(facts.st_mode) and within(fd, path, root):
        return fd, facts
    os.close(fd)
    return None


@contextmanager
def parent(root: str, relative: str) -> Iterator[tuple[int, str]]:
    """The folder of a file under `root`, made when absent, as a descriptor, and the file's name in it.

    Raises:
        NotFoundError: A link leads out of `root`.
    """
    folder, name = os.path.split(os.path.join(root, relative))
    flags = os.O_DIRECTORY | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
    try:
        fd = os.open(folder, flags)
    except FileNotFoundError:
        _make(folder, root)
        fd = os.open(folder, flags)
    try:
        if not within(fd, folder, root):
            raise _outside(relative)
        yield fd, name
    finally:
        os.close(fd)


def _make(folder: str, root: str) -> None:
    """Make the folders down to `folder`; none of them through a link that leaves `root`."""
    above = folder
    while len(above) > len(root) and not os.path.lexists(above):
        above = os.path.dirname(above)
    real = os.path.realpath(above)
    if real != root and not real.startswith(root + os.sep):
        raise _outside(folder)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except FileExistsError as error:
        if os.path.isfile(folder):
            raise
        raise FileNotFoundError(errno.ENOENT, "a delete came in between", folder) from error


def _outside(name: str) -> NotFoundError:
    return NotFoundError(
        f"'{name}' lies behind a link that leads out of the workspace's folder.",
        code="BlobNotFound",
        remedy="Replace the link by a copy.",
    )


def put_in_place(draft: str, root: str, relative: str, *, only_new: bool = False) -> None:
    """Give a finished draft its name, over what is there.

    Raises:
        FileExistsError: `only_new` and something is there.
        OSError: The operating system refuses.
    """
    for attempt in range(ATTEMPTS):
        try:
            with parent(root, relative) as (fd, name):
                if only_new:
                    _link_new(draft, fd, name)
                else:
                    _replace(draft, fd, name)
        except FileNotFoundError:
            # a delete took the empty folder away between its making and the move
            if attempt == ATTEMPTS - 1 or not os.path.exists(draft):
                raise
        else:
            return


def _link_new(draft: str, fd: int, name: str) -> None:
    try:
        os.link(draft, name, dst_dir_fd=fd)
    except FileExistsError:
        _remove_empty(fd, name)
        os.link(draft, name, dst_dir_fd=fd)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP}:
            raise
        # no hard links here: reserve the name, then move over it
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=fd))
        _replace(draft, fd, name)
        return
    os.unlink(draft)


def _replace(draft: str, fd: int, name: str) -> None:
    try:
        os.rename(draft, name, dst_dir_fd=fd)
    except IsADirectoryError:
        _remove_empty(fd, name)
        os.rename(draft, name, dst_dir_fd=fd)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _replace_across(draft, fd, name)


def _replace_across(draft: str, fd: int, name: str) -> None:
    """Move a file to another file system: a copy beside the target, then its name."""
    beside = f".{uuid.uuid4().hex}{INCOMING}"
    target = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=fd)
    try:
        with open(draft, "rb") as source:
            copy_range(source.fileno(), target, 0, os.fstat(source.fileno()).st_size)
        os.fsync(target)
        os.rename(beside, name, src_dir_fd=fd, dst_dir_fd=fd)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside, dir_fd=fd)
        raise
    finally:
        os.close(target)
    os.unlink(draft)


def _remove_empty(fd: int, name: str) -> None:
    """Take away a folder that holds no blob: for the blob protocol it does not exist."""
    try:
        os.rmdir(name, dir_fd=fd)
    except NotADirectoryError as error:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from error
    except OSError as error:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name) from error


class Draft:
    """A file being written in a private folder; `finish` flushes it, leaving without it removes it.

    Args:
        folder: The private folder, made when absent.
        hashing: Whether to compute the MD5 of what is written.
    """

    def __init__(self, folder: str, *, hashing: bool = False) -> None:
        self.path = os.path.join(folder, uuid.uuid4().hex)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self.fd = os.open(self.path, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self.fd = os.open(self.path, flags, 0o600)
        self.size = 0
        self._hash = hashlib.md5(usedforsecurity=False) if hashing else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)

    @property
    def md5(self) -> bytes:
        """Of what was written so far; empty when not hashing."""
        return self._hash.digest() if self._hash else b""

    def write(self, piece: bytes) -> None:
        if self._hash:
            self._hash.update(piece)
        self.size += len(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(self.fd, view) :]

    def fill(self, source: bytes | BinaryIO | Path, length: int | None = None) -> None:
        """Write all of a source, or `length` bytes of a stream.

        Raises:
            ResourceError: The stream ended before `length` bytes.
        """
        if isinstance(source, bytes):
            self.write(source)
        elif isinstance(source, Path):
            with source.open("rb") as opened:
                if self._hash is None:
                    size = os.fstat(opened.fileno()).st_size
                    self.size += copy_range(opened.fileno(), self.fd, 0, size)
                else:
                    self._drain(opened, None)
        else:
            self._drain(source, length)

    def _drain(self, source: BinaryIO, length: int | None) -> None:
        left = length
        while left is None or left > 0:
            piece = source.read(CHUNK if left is None else min(CHUNK, left))
            if not piece:
                break
            self.write(piece)
            if left is not None:
                left -= len(piece)
        if left:
            msg = f"The body ended {left} bytes short of its Content-Length of {length}; nothing was written."
            raise ResourceError(msg, code="InvalidInput", remedy="Send the request again.")

    def finish(self, *, flush: bool = True) -> os.stat_result:
        """Stamp the file with the exact time, put it on the disk and close it; gives back its facts."""
        now = time.time_ns()
        os.utime(self.fd, ns=(now, now))
        if flush:
            os.fsync(self.fd)
        facts = os.fstat(self.fd)
        os.close(self.fd)
        self.fd = -1
        return facts


def copy_range(source: int, target: int, offset: int, length: int) -> int:
    """Copy bytes between files inside the kernel, sharing blocks where the file system can; how many.

    The target is written where its own position stands.
    """
    done = 0
    clone = getattr(os, "copy_file_range", None)
    while clone is not None and done < length:
        try:
            moved = clone(source, target, min(length - done, 1 << 30), offset_src=offset + done)
        except OSError as error:
            if error.errno not in CANNOT_CLONE:
                raise
            break
        if not moved:
            return done
        done += moved
    while done < length:
        piece = os.pread(source, min(CHUNK, length - done), offset + done)
        if not piece:
            break
        view = memoryview(piece)
        while view:
            view = view[os.write(target, view) :]
        done += len(piece)
    return done


def copy_file(source: int, target: Path) -> int:
    """Copy an open file to a new path, replacing what is there; how many bytes."""
    with target.open("wb") as opened:
        return copy_range(source, opened.fileno(), 0, os.fstat(source).st_size)


def prune_upwards(folder: str, root: str) -> None:
    """Remove folders that have become empty, from `folder` up to, but not with, `root`."""
    while len(folder) > len(root):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)


def remove_tree(folder: str) -> None:
    """Remove a folder with all in it, also what its owner may not write; links are not followed."""

    def retry(function: object, path: str, _: object) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            os.chmod(path, 0o700)
            if function is not os.rmdir:
                shutil.rmtree(path)
        elif os.path.lexists(path):
            os.unlink(path)

    if os.path.lexists(folder):
        shutil.rmtree(folder, onerror=retry)
