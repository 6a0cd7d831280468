"""Reads the traces of requests that endpoints have left in the workspace's application insights."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from jupyter_aml.local.serving.router.traces import FOLDER
from jupyter_aml.local.store.workspace import Workspace

MOST = 1000


def requests(
    workspace: Workspace, endpoint: str, deployment: str = "", *, tail: int = 100, since: str = "", until: str = ""
) -> list[dict[str, Any]]:
    """The newest requests, oldest first.

    Args:
        workspace: Whose.
        endpoint: Its name.
        deployment: Its name; all when empty.
        tail: How many at most.
        since: Not before this moment, such as `2026-01-31T12:00:00Z`.
        until: Before this moment.
    """
    found: deque[dict[str, Any]] = deque(maxlen=min(tail, MOST))
    folder = workspace.folder / FOLDER
    for path in sorted([*folder.glob("requests-*.old"), *folder.glob("requests-*.jsonl")], key=lambda one: one.stem):
        day = path.stem.removeprefix("requests-")
        if since and day < since[:10].replace("-", ""):
            continue
        with path.open("rb") as file:
            for line in file:
                row = _row(line)
                if row is not None and _wanted(row, endpoint, deployment, since, until):
                    found.append(row)
    return list(found)


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:  # a line that a killed process has not finished
        return None
    return row if isinstance(row, dict) else None


def _wanted(row: dict[str, Any], endpoint: str, deployment: str, since: str, until: str) -> bool:
    moment = str(row.get("timestamp", ""))
    return (
        str(row.get("endpoint", "")).lower() == endpoint.lower()
        and (not deployment or str(row.get("deployment", "")).lower() == deployment.lower())
        and (not since or moment >= since)
        and (not until or moment < until)
    )
