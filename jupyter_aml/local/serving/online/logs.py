"""The logs of a deployment, as `get-logs` shows them: the newest lines of its replicas, or how it was put in place."""

from __future__ import annotations

import os
from pathlib import Path

from jupyter_aml.local.serving.online import places
from jupyter_aml.local.store.workspace import Workspace

STORAGE = "storageinitializer"
DEFAULT_LINES = 5000
LINE_BYTES = 400
"""How long a line is taken to be at most, on average."""
LEAST_BYTES = 64 << 10


def read(workspace: Workspace, endpoint: str, deployment: str, *, container: str, tail: int) -> str:
    """The newest lines; empty when there are none.

    Args:
        workspace: Whose.
        endpoint: Its name.
        deployment: Its name.
        container: `InferenceServer`, the default, or `StorageInitializer`.
        tail: How many lines; the default when it is none.
    """
    place = places.endpoint(workspace.folder, endpoint).deployment(deployment)
    count = tail if tail > 0 else DEFAULT_LINES
    if container.lower() == STORAGE:
        return "\n".join(last_lines(place.preparing, count))
    logs = sorted(place.logs.glob("*.log"), key=_written) if place.logs.is_dir() else []
    if len(logs) <= 1:
        return "\n".join(last_lines(logs[0], count)) if logs else ""
    shown: list[str] = []
    for log in logs:
        lines = last_lines(log, count)
        if lines:
            shown += [f"Instance {log.stem}:", *lines]
    return "\n".join(shown[-count:])


def _written(log: Path) -> float:
    try:
        return log.stat().st_mtime
    except OSError:
        return 0.0


def last_lines(log: Path, count: int) -> list[str]:
    """The last lines of a file; none when there is none."""
    size = max(count * LINE_BYTES, LEAST_BYTES)
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            begins_within = file.tell() > 0
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return (lines[1:] if begins_within else lines)[-count:]
