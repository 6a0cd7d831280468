"""What the file system under a store can be trusted with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jupyter_aml.errors import StoreError

NETWORK_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "lustre"}
)


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can read.

    Raises:
        StoreError: It cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"The folder {path} cannot be made: {error.strerror}."
        raise StoreError(msg, remedy="Set JUPYTER_AML_HOME to a folder you can write to.") from error


def type_of(path: Path, mounts: str | None = None) -> str:
    """Name of the file system type that holds `path`, such as `ext4`; empty when unknown.

    Args:
        path: An existing path.
        mounts: Text of /proc/self/mounts, read when not given.
    """
    if mounts is None:
        if not sys.platform.startswith("linux"):
            return ""
        try:
            mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
    best, found = -1, ""
    real = os.path.realpath(path)
    for line in mounts.splitlines():
        _device, point, kind, *_options = [*line.split(), "", "", ""]
        point = point.replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, found = len(point), kind
    return found


def refuse_network(path: Path, mounts: str | None = None) -> None:
    """Keep SQLite's shared memory off network file systems, where it corrupts.

    Raises:
        StoreError: `path` lies on one.
    """
    kind = type_of(path, mounts)
    if kind.lower() in NETWORK_TYPES:
        raise StoreError(
            f"{path} lies on a network file system ({kind}).",
            why="Several processes cannot share a database safely there.",
            remedy="Set JUPYTER_AML_HOME (or `connect('local:PATH')`) to a folder on a local disk; "
            "`aml local backup` can still write its archive to the network.",
        )
