"""Ends the host process of a store and those of its endpoints, for whoever started them in a temporary place."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from jupyter_aml.errors import StoreError
from jupyter_aml.local.serving.online import launching, places
from jupyter_aml.local.store import bell

SECONDS = 10.0
STEP = 0.02


def stop(home: Path, seconds: float = SECONDS) -> bool:
    """Ask the host of a store to end, wait until it has, and kill it when it does not; whether one ran."""
    said = _status(home, seconds)
    pid = int((said or {}).get("pid") or 0)
    if not pid:
        end_endpoints(home)
        return False
    with contextlib.suppress(StoreError):
        bell.ask(home, {"op": "stop"}, timeout=seconds)
    until = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < until:
        time.sleep(STEP)
    if alive(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end_endpoints(home)
    return True


def end_endpoints(home: Path) -> None:
    """End the processes of the endpoints of a store's own workspaces, which outlive its host."""
    for folder in sorted(home.glob(f"workspaces/*/*/{places.ROOT}/*")):
        launching.stop(places.EndpointPlace(folder))


def _status(home: Path, seconds: float) -> dict[str, Any] | None:
    """What the host says of itself; one that is starting gets time until it answers."""
    until = time.monotonic() + seconds
    while (home / "host" / "host.log").exists():
        with contextlib.suppress(StoreError):
            said = bell.ask(home, {"op": "status"}, timeout=seconds)
            if said is not None or time.monotonic() > until - seconds + 1.0:
                return said
        if time.monotonic() > until:
            break
        time.sleep(STEP)
    return None


def alive(pid: int) -> bool:
    """Whether a process runs; a child of ours that has ended is reaped."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
