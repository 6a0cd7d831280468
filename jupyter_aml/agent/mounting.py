"""Read-only folders of a run: bind mounts in a mount namespace that only the run sees.

Root unshares the mount namespace alone; anybody else through a user namespace in which the user keeps its
own id and gives up the capabilities again. Nothing has to be unmounted: the namespace ends with the run.
"""

from __future__ import annotations

import os
import sys

from . import linux

MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18

# ST_* bits of statvfs that a remount must repeat; their mount(2) values are the same but for relatime.
_KEPT = 2 | 4 | 8 | 1024 | 2048
_ST_RELATIME, _MS_RELATIME = 4096, 1 << 21

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def _enter_private_namespace() -> bool:
    """True when it took a user namespace."""
    try:
        linux.unshare(linux.CLONE_NEWNS)
    except PermissionError:
        user, group = os.getuid(), os.getgid()
        linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
        private = True
    else:
        private = False
    linux.mount(None, "/", MS_REC | MS_PRIVATE)
    return private


def _bind(source: str, target: str, *, readonly: bool) -> None:
    linux.mount(source, target, MS_BIND | MS_REC)
    if readonly:
        now = os.statvfs(target).f_flag
        flags = now & _KEPT | (_MS_RELATIME if now & _ST_RELATIME else 0)
        linux.mount(None, target, MS_BIND | MS_REMOUNT | MS_RDONLY | flags)


def bind(mounts: Sequence[dict[str, Any]]) -> None:
    """Show each `source` at its `target`, to this process and its descendants alone.

    Args:
        mounts: Dicts with `source`, `target` (both exist and are both files or both folders), `readonly`.

    Raises:
        OSError: A namespace or a mount is refused.
    """
    if not mounts:
        return
    private = _enter_private_namespace()
    for entry in mounts:
        _bind(entry["source"], entry["target"], readonly=bool(entry.get("readonly", True)))
    if private:
        linux.drop_capabilities()


def main(arguments: list[str]) -> None:
    """Try a read-only bind between the two folders given; exit 0 when it holds."""
    source, target = arguments
    try:
        bind([{"source": source, "target": target, "readonly": True}])
    except OSError:
        sys.exit(1)
    try:
        os.mkdir(f"{target}/written")
    except OSError:
        sys.exit(0)
    sys.exit(1)
