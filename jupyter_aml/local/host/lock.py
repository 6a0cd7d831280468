"""One host a store: whoever holds the lock is it. The system lets go of it when the process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from jupyter_aml.local.store import bell

PATIENCE = 15.0
"""Seconds to wait for a host that is on its way out."""
PAUSE = 0.02


def take(home: Path, patience: float = PATIENCE) -> contextlib.AbstractContextManager[None] | None:
    """The lock; None when another host is there and has been rung, or has kept it without answering.

    Args:
        home: The store's folder.
        patience: Seconds.
    """
    folder = home / "host"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = (folder / "lock").open("a+b")
    until = time.monotonic() + patience
    while not _try(file):
        if bell.ring(home, start=False) or time.monotonic() > until:
            file.close()
            return None
        time.sleep(PAUSE)
    return _holding(file)


@contextlib.contextmanager
def _holding(file: IO[bytes]) -> Iterator[None]:
    with file:
        yield


def _try(file: IO[bytes]) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined] # Windows only
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
