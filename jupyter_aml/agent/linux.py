"""What Linux offers a run beyond the standard library: prctl, private mounts, dropped capabilities.

Every function is safe to call elsewhere: it answers False, or raises OSError where there is no substitute.
"""

from __future__ import annotations

import ctypes
import os
import sys

LINUX = sys.platform.startswith("linux")

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CAPABILITY_VERSION = 0x20080522


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def become_subreaper() -> bool:
    """True when orphans among the descendants of this process become its children from now on."""
    if not LINUX:
        return False
    return bool(_libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def die_with_parent(signal_number: int) -> bool:
    """True when this process gets `signal_number` as soon as its parent ends."""
    if not LINUX:
        return False
    return bool(_libc().prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) == 0)


def flush_native() -> None:
    """Write what native code has printed, which the end of a process by `_exit` would drop."""
    if LINUX:
        _libc().fflush(None)


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for private ones.

    Raises:
        OSError: The kernel does not allow it.
    """
    if not LINUX:
        raise OSError(38, "unshare: not on this system")
    _check(_libc().unshare(flags), "unshare")


def mount(source: str | None, target: str, flags: int) -> None:
    """Attach a folder or file elsewhere, without a file system type.

    Raises:
        OSError: The kernel refuses the mount.
    """

    def encoded(path: str | None) -> bytes | None:
        return None if path is None else os.fsencode(path)

    result = _libc().mount(encoded(source), encoded(target), None, ctypes.c_ulong(flags), None)
    _check(result, f"mount {source or ''} on {target}")


def drop_capabilities() -> None:
    """Give up what a user namespace granted, so that files keep their permissions."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _check(_libc().capset(header, nothing), "capset")
