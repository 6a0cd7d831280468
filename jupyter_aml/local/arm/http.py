"""One HTTP exchange as plain data: what every door hands to the service and gets back.

Nothing here does I/O, but a body may be a file: uploads and downloads of gigabytes pass through as streams.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, unquote, urlsplit

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm import wire

CHUNK = 1 << 20


@dataclass(frozen=True)
class Identity:
    """Who asks: from the token that a door checked.

    Attributes:
        name: User principal name, such as `ada@localhost`.
        object_id: GUID that role assignments name.
        job: Name of the job that holds the token, empty for a person.
        workspace_id: GUID of the only workspace the token is good for; empty for every workspace.
        away: Whether the job runs on another machine, where paths of this one mean nothing.
    """

    name: str
    object_id: str
    job: str = ""
    workspace_id: str = ""
    away: bool = False


@dataclass(frozen=True)
class Request:
    """A request as the service sees it.

    Attributes:
        method: Upper case.
        host: Lower-case host name without port, such as `management.azure.com`.
        path: Percent-decoded path, beginning with a slash.
        query: Query parameters, names in lower case (`$top` -> `$top`), values decoded.
        headers: Header values, names in lower case.
        stream: The body, readable once; `content_length` bytes of it.
        identity: Who asks; a door has checked it.
        url: The URL as sent, for `nextLink` and operation links.
        here: Asked from this process: JSON may be answered as the objects it would be read into again.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    stream: BinaryIO
    identity: Identity
    url: str = ""
    here: bool = False

    @classmethod
    def build(
        cls,
        method: str,
        url: str,
        *,
        identity: Identity,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO = b"",
        here: bool = False,
    ) -> Request:
        """Take a request apart as a client wrote it."""
        parts = urlsplit(url)
        query = {name.lower(): value for name, value in parse_qsl(parts.query, keep_blank_values=True)}
        lowered = {name.lower(): value for name, value in (headers or {}).items()}
        stream = io.BytesIO(body) if isinstance(body, bytes) else body
        if isinstance(body, bytes):
            lowered.setdefault("content-length", str(len(body)))
        host = (parts.hostname or "").lower()
        return cls(method.upper(), host, unquote(parts.path), query, lowered, stream, identity, url, here)

    @cached_property
    def content(self) -> bytes:
        """The whole body in memory."""
        return self.stream.read()

    @cached_property
    def json(self) -> Any:
        """The body as JSON; `{}` when it is empty.

        Raises:
            ResourceError: The body is not JSON (400).
        """
        if not self.content:
            return {}
        try:
            return wire.loads(self.content)
        except ValueError as error:
            msg = f"The body of {self.method} {self.path} is not JSON: {error}."
            raise ResourceError(msg, code="InvalidRequestContent") from error


@dataclass
class Response:
    """An answer: a status, headers, and a body in memory or as a stream of `length` bytes.

    Attributes:
        content: The body in memory.
        payload: What the body says in JSON, until somebody wants its bytes.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    stream: BinaryIO | None = None
    length: int = 0
    payload: Any = None

    @classmethod
    def of(cls, payload: Any, status: int = 200, **headers: str) -> Response:
        """JSON out; the payload is made for this answer alone, for an asker of this process is given it as it is."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, {"Content-Type": "application/json; charset=utf-8", **named}, payload=payload)

    @property
    def body(self) -> bytes:
        """The body in memory."""
        if self.payload is not None:
            self.content, self.payload = wire.dumps(self.payload), None
        return self.content

    @property
    def content_length(self) -> int:
        return self.length if self.stream is not None else len(self.body)

    def chunks(self) -> Iterator[bytes]:
        """The body piece by piece; closes the stream behind it."""
        if self.stream is None:
            if body := self.body:
                yield body
            return
        left = self.length
        with self.stream as source:
            while left > 0 and (piece := source.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece
