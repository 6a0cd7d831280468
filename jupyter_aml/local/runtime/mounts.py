"""Read-only views of assets for a run: bind mounts where the kernel allows them, else copies."""

from __future__ import annotations

import functools
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

from jupyter_aml.agent import linux, start
from jupyter_aml.local.runtime.spec import RunSpec

Method = Literal["bind", "copy"]

FICLONE = 0x40049409
WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@functools.cache
def probe() -> Method:
    """How this machine mounts, tried once: `bind` when a private read-only mount holds."""
    if not linux.LINUX:
        return "copy"
    with tempfile.TemporaryDirectory(prefix="aml-mount-") as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        source.mkdir()
        target.mkdir()
        command = start.command(sys.executable, "mounting", str(source), str(target), bare=True)
        done = subprocess.run(command, check=False, capture_output=True)
    return "bind" if done.returncode == 0 else "copy"


def prepare(spec: RunSpec, method: Method | None = None) -> RunSpec:
    """The same run with targets that exist, and only those mounts left that the supervisor must make.

    Args:
        spec: The run.
        method: How to mount; probed when not given.

    Raises:
        OSError: A source is missing or a target cannot be made.
    """
    if not spec.mounts:
        return spec
    method = method or probe()
    left = []
    for mount in spec.mounts:
        source, target = Path(mount.source), Path(mount.target)
        if not source.exists():
            raise FileNotFoundError(2, "No such file or folder to mount", mount.source)
        if method == "bind":
            _make_point(source, target)
            left.append(mount)
        elif mount.readonly:
            replicate(source, target)
        else:
            _link(source, target)
    return replace(spec, mounts=tuple(left))


def _make_point(source: Path, target: Path) -> None:
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()


def _link(source: Path, target: Path) -> None:
    """A writable view without mounts is the thing itself."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        target.rmdir()
    target.unlink(missing_ok=True)
    target.symlink_to(source, target_is_directory=source.is_dir())


def replicate(source: Path, target: Path) -> None:
    """Make `target` a read-only copy of `source` that shares its blocks where the file system can."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy_file(str(source), str(target))
        return
    shutil.copytree(source, target, copy_function=_copy_file, dirs_exist_ok=True)
    for folder, _, _ in os.walk(target, topdown=False):
        _protect(folder)


def _copy_file(source: str, target: str) -> str:
    with open(source, "rb") as reader, open(target, "wb") as writer:  # noqa: PTH123 -- copytree gives strings
        if not _reflink(reader.fileno(), writer.fileno()):
            shutil.copyfileobj(reader, writer, 1 << 20)
    shutil.copystat(source, target)
    _protect(target)
    return target


def _reflink(source: int, target: int) -> bool:
    if not linux.LINUX:
        return False
    import fcntl

    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError:
        return False
    return True


def _protect(path: str) -> None:
    Path(path).chmod(stat.S_IMODE(Path(path).stat().st_mode) & ~WRITE_BITS)


def release(folder: Path) -> None:
    """Remove a read-only copy that `prepare` made.

    Raises:
        OSError: Something in it cannot be removed.
    """
    if not folder.exists():
        return
    if folder.is_file():
        folder.unlink()
        return
    for parent, _, _ in os.walk(folder):
        Path(parent).chmod(0o700)
    shutil.rmtree(folder)
