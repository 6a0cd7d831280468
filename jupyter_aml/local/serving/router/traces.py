"""Traces of requests for the workspace's application insights: one row a request, a file a day."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from jupyter_aml.local.serving.router.appending import Appender
from jupyter_aml.local.serving.router.asked import Served

FOLDER = "insights"
"""In the folder of the workspace."""
FLUSH_SECONDS = 1.0
FILE_BYTES = 64 << 20
"""A day's file that has become so long makes room for a new one."""
FIRST_FAILURE = 400


class Traces:
    """The rows of one endpoint.

    Args:
        workspace_folder: Folder of the workspace.
        endpoint: Its name.
    """

    def __init__(self, workspace_folder: Path, endpoint: str) -> None:
        self._folder = workspace_folder / FOLDER
        self._endpoint = endpoint
        self._files = Appender(FLUSH_SECONDS, workspace_folder)
        self._day = ""
        self._path = self._folder

    def add(self, served: Served) -> None:
        """Keep a request."""
        self._files.add(self._file(served.begun), lambda: _line(self._endpoint, served))

    def _file(self, begun: float) -> Path:
        day = time.strftime("%Y%m%d", time.gmtime(begun))
        if day != self._day:
            self._day, self._path = day, self._folder / f"requests-{day}.jsonl"
        return self._path

    def rotate(self) -> None:
        """Put the file aside once it is long; what was put aside before goes."""
        try:
            if self._path.is_file() and self._path.stat().st_size > FILE_BYTES:
                self._path.replace(self._path.with_suffix(".old"))
        except OSError:
            return

    async def close(self) -> None:
        """Write what waits."""
        await self._files.close()


def _line(endpoint: str, served: Served) -> bytes:
    return json.dumps(row(endpoint, served), separators=(",", ":")).encode() + b"\n"


def row(endpoint: str, served: Served) -> dict[str, Any]:
    """A request in the words of Application Insights' table `requests`; duration in milliseconds, sizes in bytes."""
    return {
        "timestamp": instant(served.begun),
        "id": served.id,
        "operation_Id": served.client_id or served.id,
        "name": f"{served.method} {served.path}",
        "endpoint": endpoint,
        "deployment": served.deployment,
        "resultCode": str(served.status),
        "success": served.status < FIRST_FAILURE,
        "duration": round(served.seconds * 1000, 3),
        "requestSize": served.received,
        "responseSize": served.sent,
        "mirrored": served.mirrored,
    }


def instant(seconds: float) -> str:
    """A moment as text, to the microsecond."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1e6):06d}Z"
