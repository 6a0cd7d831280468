"""What passes through the front of an endpoint: heads of requests, requests under way, answers that were given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_aml.local.serving.router.link import Link

Done = Callable[["Asked", int, bytes, bytes], None]
"""Told once how a request ended: the request, status, header lines (each with its CRLF), body."""

SCORE = "/score"


@dataclass(slots=True, eq=False)
class Head:
    """The head of a request; one object stands for all requests whose heads have the same bytes.

    Attributes:
        method: As sent, such as `POST`.
        path: As sent, without query and fragment, not decoded.
        query: As sent, without the question mark.
        headers: Name in lower case and value, in the order sent.
        length: Bytes of the body; None when it comes in chunks.
        keep: Whether the connection stays open after the answer.
        old: Whether the client speaks HTTP/1.0.
        expects: Whether the client waits for `100 Continue`.
        plan: What the front decided about such requests.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    length: int | None
    keep: bool
    old: bool
    expects: bool
    plan: Any = None
    _told: bytes = field(default=b"", repr=False)
    _brief: bytes | None = field(default=None, repr=False)

    def value(self, name: str) -> str | None:
        """The first value of a header, by its name in lower case."""
        return next((value for known, value in self.headers if known == name), None)

    def told(self, request_id: str) -> bytes:
        """The meta of a request frame for scripts that may ask for anything: JSON of all but the body."""
        if not self._told:
            self._told = _json({"method": self.method, "path": self.path, "query": self.query, "headers": self.headers})
        return b'%b,"id":%b}' % (self._told[:-1], json.dumps(request_id).encode())

    def brief(self) -> bytes:
        """The meta for the others: only what differs from a POST of JSON to `/score`; empty for none."""
        if self._brief is None:
            kind = self.value("content-type")
            other = kind is not None and not kind.lower().startswith("application/json")
            meta: dict[str, Any] = {} if self.method == "POST" else {"method": self.method}
            meta |= {} if self.path == SCORE else {"path": self.path}
            meta |= {"query": self.query} if self.query else {}
            meta |= {"headers": [["Content-Type", kind]]} if other else {}
            self._brief = _json(meta) if meta else b""
        return self._brief


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(slots=True, eq=False)
class Asked:
    """A request under way.

    Attributes:
        id: Its request id.
        head: How it was asked.
        body: Its content; dropped when it is answered.
        deployment: Who serves it.
        begun: When it was complete, seconds of the monotonic clock.
        wall: The same, seconds since the epoch.
        owner: The connection that waits for the answer; None for a mirrored copy.
        client_id: What the client calls it; empty when it does not say.
        lines: Header lines that tell the client the request's ids.
        plan: What was decided about it.
        number: Its number in its pool.
        link: The replica that has it; None while it waits.
        running: Whether the replica has begun with it.
        over: Whether it was answered; what a replica says later is dropped.
        model_status: HTTP status of the replica's answer; 0 while or when none came.
        done: Told when it ends.
    """

    id: str
    head: Head
    body: bytes
    deployment: str
    begun: float
    wall: float = 0.0
    owner: Any = None
    client_id: str = ""
    lines: bytes = b""
    plan: Any = None
    number: int = 0
    link: Link | None = None
    running: bool = False
    over: bool = False
    model_status: int = 0
    done: Done | None = None

    @property
    def mirrored(self) -> bool:
        """Whether nobody waits for the answer."""
        return self.owner is None


@dataclass(frozen=True, slots=True)
class Served:
    """An answer that was given, for those who record it.

    Attributes:
        id: Request id.
        client_id: What the client calls it; empty when it does not say.
        deployment: Who served it; empty when none did.
        method: Of the request.
        path: Of the request.
        status: HTTP status the client saw.
        model_status: HTTP status of the replica; 0 when no replica answered.
        begun: Seconds since the epoch.
        seconds: From the complete request to the answer.
        received: Bytes of the request's body.
        sent: Bytes of the answer's body.
        request: Body of the request.
        answer: Body of the answer.
        content_type: Of the request.
        answer_type: Of the answer.
        mirrored: Whether it was a mirrored copy, whose answer nobody saw.
        headers: Of the request, names in lower case.
    """

    id: str
    client_id: str
    deployment: str
    method: str
    path: str
    status: int
    model_status: int
    begun: float
    seconds: float
    received: int
    sent: int
    request: bytes
    answer: bytes
    content_type: str
    answer_type: str
    mirrored: bool
    headers: Mapping[str, str]
