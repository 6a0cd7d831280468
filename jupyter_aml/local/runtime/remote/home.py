"""The service as a run's process on a worker sees it: the run's try, its log and files, and blobs to fetch."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.runtime.remote.order import Order
from jupyter_aml.local.runtime.remote.tunnel import Direct, Tunnel

API_HOST = "local.api.azureml.ms"
HOST_HEADER = "x-jupyter-aml-host"
PIECE = 8 << 20
"""Bytes of a file that one request carries."""
SECONDS = 60.0
AGAIN_SECONDS = 0.5
STUBBORN_SECONDS = 24 * 3600.0
"""How long the end of a run waits for the service to come back: until somebody has looked after it."""
BAD, SERVER_ERROR = 400, 500


class SupersededError(Exception):
    """The run has ended at home, or a newer try of it has begun elsewhere: nothing more of this one is wanted."""


class Home:
    """The way to the service, for one try of a run.

    Args:
        order: The run.
        tunnel: The way there.
        attempt: Name of the try, never used before.
    """

    def __init__(self, order: Order, tunnel: Direct | Tunnel, attempt: str) -> None:
        self.order = order
        self.attempt = attempt
        self._tunnel = tunnel
        self._base = f"/_aml{quote(order.workspace)}/tries/{quote(order.job)}"

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Say that this try begins; an earlier one's files are dropped.

        Raises:
            SupersededError: The run has ended or is not wanted any more.
        """
        self._ask("POST", "/begin", body=json.dumps({**facts}).encode())

    def append(self, log: str, offset: int, piece: bytes) -> None:
        """Put a piece of a log at home, whose first byte is number `offset` of this try's."""
        self._ask("PUT", f"/logs/{quote(log)}", {"offset": offset}, piece)

    def send(self, area: str, name: str, file: Path) -> None:
        """Put a file at home, piece by piece.

        Args:
            area: `outputs` or `artifacts`.
            name: Path in that area.
            file: What to send.
        """
        offset = 0
        with file.open("rb") as source:
            while True:
                piece = source.read(PIECE)
                if piece or not offset:
                    self._ask("PUT", f"/files/{area}/{quote(name)}", {"offset": offset}, piece)
                offset += len(piece)
                if len(piece) < PIECE:
                    return

    def end(self, record: Mapping[str, Any]) -> None:
        """Say how the run ended; from then on it has."""
        self._ask("POST", "/end", body=json.dumps({**record}).encode(), patience=STUBBORN_SECONDS)

    def code(self, target: Path) -> None:
        """Fetch the code snapshot as a zip file."""
        with target.open("wb") as file:
            for piece in self._stream("GET", f"{self._base}/code?{urlencode({'try': self.attempt})}", API_HOST):
                file.write(piece)

    # blobs

    def listed(self, container: str, prefix: str) -> Iterator[dict[str, Any]]:
        """The blobs at or below a name: `name`, `size`, `etag`."""
        query = {"restype": "container", "comp": "list", "prefix": prefix}
        marker = ""
        while True:
            asked = {**query, "marker": marker} if marker else query
            page = ET.fromstring(self._blob("GET", f"/{quote(container)}?{urlencode(asked)}"))  # noqa: S314 -- our own
            for item in page.iterfind("Blobs/Blob"):
                yield {
                    "name": item.findtext("Name") or "",
                    "size": int(item.findtext("Properties/Content-Length") or 0),
                    "etag": item.findtext("Properties/Etag") or "",
                }
            marker = page.findtext("NextMarker") or ""
            if not marker:
                return

    def fetch(self, container: str, blob: Mapping[str, Any], target: Path) -> None:
        """Bring a blob, range by range, as it was when it was listed."""
        path = f"/{quote(container)}/{quote(blob['name'])}"
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            at = 0
            while at < blob["size"]:
                last = min(at + PIECE, blob["size"]) - 1
                piece = self._blob("GET", path, {"x-ms-range": f"bytes={at}-{last}", "If-Match": blob["etag"]})
                file.write(piece)
                at += len(piece)

    def _blob(self, method: str, target: str, headers: Mapping[str, str] | None = None) -> bytes:
        host = f"{self.order.account}.blob.core.windows.net"
        return b"".join(self._stream(method, target, host, {"x-ms-version": "2021-08-06", **(headers or {})}))

    # requests

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: bytes = b"",
        *,
        patience: float = SECONDS,
    ) -> None:
        target = f"{self._base}{path}?{urlencode({'try': self.attempt, **(query or {})})}"
        for _ in self._stream(method, target, API_HOST, body=body, patience=patience):
            pass

    def _stream(
        self,
        method: str,
        target: str,
        host: str,
        headers: Mapping[str, str] | None = None,
        *,
        body: bytes = b"",
        patience: float = SECONDS,
    ) -> Iterator[bytes]:
        """The answer's body, piece by piece; a request that the way swallowed is sent again.

        Raises:
            SupersededError: The service says that this try is not wanted any more.
            ResourceError: It refuses for another reason.
            OSError: It could not be reached.
        """
        sent = {
            "Authorization": f"Bearer {self.order.token}", HOST_HEADER: host, "Content-Length": str(len(body)),
            "Connection": "close", **(headers or {}),
        }  # fmt: skip
        until = time.monotonic() + patience
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._tunnel.port, timeout=SECONDS)
            try:
                connection.request(method, target, body or None, sent)
                answer = connection.getresponse()
                if answer.status < SERVER_ERROR or time.monotonic() >= until:
                    break
            except (OSError, http.client.HTTPException):
                if time.monotonic() >= until:
                    raise
            connection.close()
            time.sleep(AGAIN_SECONDS)
        with contextlib.closing(connection):
            if answer.status >= BAD:
                raise _refusal(answer.status, answer.read(), f"{method} {target.partition('?')[0]}")
            while piece := answer.read(1 << 20):
                yield piece


def _refusal(status: int, content: bytes, what: str) -> Exception:
    try:
        error = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        error = {}
    if error.get("code") == "TrySuperseded":
        return SupersededError(str(error.get("message") or ""))
    message = str(error.get("message") or f"{what} was answered {status}.")
    return ResourceError(message, status=status, code=str(error.get("code") or "SystemError"))
