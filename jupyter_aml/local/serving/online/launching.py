"""Starts the process of an endpoint, and ends it: detached, so that it outlives the host."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

from jupyter_aml.agent import processes
from jupyter_aml.agent import records as files
from jupyter_aml.local.serving.online import talk
from jupyter_aml.local.serving.online.places import EndpointPlace
from jupyter_aml.local.store import bell, blob_files

ROUTER = "jupyter_aml.local.serving.router"
"""The module that such a process runs."""
STOP_SECONDS = 15.0
"""How long a process that was told to stop may take: it finishes the requests that are under way."""
PAUSE = 0.02
LOG_BYTES = 4 << 20
"""From this size on the log of a process is begun anew when it is started."""


def start(place: EndpointPlace) -> subprocess.Popen[bytes]:
    """Start the process of an endpoint whose order is in its folder."""
    with contextlib.suppress(OSError):
        if place.log.stat().st_size > LOG_BYTES:
            place.log.replace(place.log.with_suffix(".old"))
    return bell.detached(ROUTER, "--folder", os.fspath(place.folder), log=place.log, folder=place.folder)


def stop(place: EndpointPlace, seconds: float = STOP_SECONDS) -> None:
    """End the process of an endpoint, if one runs: asked first, killed after a while."""
    said = talk.ask_place(place, {"op": "stop"}) or files.read(str(place.status)) or {}
    pid = int(said.get("pid") or 0)
    if not pid or not _is_router(pid):
        return
    until = time.monotonic() + seconds
    while processes.alive(pid, 0) and time.monotonic() < until:
        time.sleep(PAUSE)
    if processes.alive(pid, 0):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _is_router(pid: int) -> bool:
    """Whether a pid that was written down is still that of a process of ours."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123 - as agent.processes reads /proc
            return ROUTER.encode() in file.read()
    except OSError:
        return False


def clear(place: EndpointPlace) -> None:
    """End the process of an endpoint and remove its folder."""
    stop(place)
    if place.folder.exists():
        blob_files.remove_tree(str(place.folder))
