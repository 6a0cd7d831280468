"""What replicas take of the machine: their memory, and the room of their logs."""

from __future__ import annotations

import os
from pathlib import Path

LOG_BYTES = 16 << 20
"""From this size on a log is shortened to its newer half."""


def held_by(pid: int) -> int:
    """Bytes of memory that a process holds, its part of what it shares with others included; 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    found = next((line for line in text.splitlines() if line.startswith("Pss:")), "")
    return int(found.split()[1]) * 1024 if found else 0


def resident(pid: int) -> int:
    """Bytes of a process that are in memory, all of what it shares included: quick to tell; 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def shorten(log: Path) -> None:
    """Take the older half away from a log that has become too long; whoever writes to it goes on at its end.

    Raises:
        OSError: The disk refuses.
    """
    if log.stat().st_size < LOG_BYTES:
        return
    fd = os.open(log, os.O_RDWR)
    try:
        newer = os.pread(fd, LOG_BYTES, LOG_BYTES // 2)
        whole = newer[newer.find(b"\n") + 1 :]
        os.ftruncate(fd, 0)
        os.pwrite(fd, whole, 0)
    finally:
        os.close(fd)
