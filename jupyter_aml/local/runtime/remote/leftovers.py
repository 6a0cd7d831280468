"""What runs have left on a worker's machine: folders of runs that were killed, and what nobody has used for long."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

from jupyter_aml.local.runtime import mounts
from jupyter_aml.local.runtime.remote.fetch import DONE

LOCK = ".lock"
UNUSED_SECONDS = 14 * 86400.0
"""How long code and data are kept that no run has asked for."""
AGENTS = 5
"""How many versions of the agent are kept."""


def claim(folder: Path) -> int:
    """Say that a run's folder is in use, until this process ends; a file descriptor."""
    import fcntl

    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def sweep(root: Path, now: float | None = None) -> None:
    """Remove what nobody uses. Whatever cannot be removed stays for the next time.

    Args:
        root: The folder that is kept between runs.
        now: Seconds since the epoch.
    """
    for folder in _below(root / "runs"):
        if not _claimed(folder):
            with contextlib.suppress(OSError):
                mounts.release(folder)
    limit = (time.time() if now is None else now) - UNUSED_SECONDS
    for kind in ("code", "data"):
        for marker in (root / kind).glob(f"*{DONE}"):
            with contextlib.suppress(OSError):
                if marker.stat().st_mtime < limit:
                    marker.unlink()
                    shutil.rmtree(marker.with_name(marker.name.removesuffix(DONE)), ignore_errors=True)
                    marker.with_name(f"{marker.name.removesuffix(DONE)}{LOCK}").unlink(missing_ok=True)
    agents = sorted(_below(root / "agent"), key=_changed, reverse=True)
    for old in agents[AGENTS:]:
        if _changed(old) < limit:
            shutil.rmtree(old, ignore_errors=True)


def _below(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _claimed(folder: Path) -> bool:
    """Whether a process uses a run's folder; one that has just been made counts as used."""
    import fcntl

    if time.time() - _changed(folder) < 60:  # noqa: PLR2004 - its process has not come to claim it
        return True
    try:
        handle = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)
