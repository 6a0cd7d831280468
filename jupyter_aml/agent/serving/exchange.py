"""What a scorer is asked, and what it says: one request of an endpoint, its answer, and a refusal of it."""

from __future__ import annotations

import json

from . import traces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn, Protocol

JSON = "application/json"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
OK = 200
BAD_REQUEST = 400
NOT_ALLOWED = 405
UNSUPPORTED = 415
INTERNAL = 500

UNREADABLE = "An unexpected internal error occurred. Check the logs for more info."
"""What Azure's inference server says when not `run()` but the server failed at a request."""
POSTED = b'{"method":"POST"'
"""How the meta of an ordinary request begins, which then need not be read."""


class Refused(Exception):  # noqa: N818 -- a refusal is an answer
    """A request that cannot be scored.

    Attributes:
        status: HTTP status of the answer.
        message: The sentence the client reads.
        failed: Whether the scoring script's `run()` is what failed.
    """

    def __init__(self, status: int, message: str, *, failed: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.failed = failed


class Failed(Exception):  # noqa: N818 -- what a deployment's state says, no error of ours
    """A model or a script that cannot be served.

    Attributes:
        code: One word for the kind of failure, as in Azure's errors of a deployment.
        message: The sentence the user reads.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Request:
    """One request.

    Attributes:
        number: Its id on the data socket.
        body: As it was sent.
    """

    __slots__ = ("_meta", "_told", "body", "number")

    def __init__(self, number: int, told: memoryview, body: memoryview) -> None:
        self.number = number
        self.body = body
        self._told = told
        self._meta: dict[str, Any] | None = None

    @property
    def meta(self) -> dict[str, Any]:
        """What differs from a POST to `/score` of JSON; see `frames.request`."""
        if self._meta is None:
            self._meta = json.loads(bytes(self._told)) if self._told else {}
        return self._meta

    @property
    def posted(self) -> bool:
        """Whether its method is POST."""
        told = self._told
        return not told or told[: len(POSTED)] == POSTED or self.meta.get("method", "POST") == "POST"

    @property
    def method(self) -> str:
        """Its HTTP method."""
        return str(self.meta.get("method", "POST"))

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers the client has sent, or what the router tells of them."""
        return [(str(name), str(value)) for name, value in self.meta.get("headers", ())]

    def is_form(self) -> bool:
        """Whether the body is a form, whose raw bytes Azure's inference server does not keep."""
        return b"form" in bytes(self._told) and self.content_type() in FORMS

    def content_type(self) -> str:
        """The media type of the body without its parameters, in lower case; JSON where nothing is told."""
        if not self._told or "headers" not in self.meta:
            return JSON
        for name, value in self.headers:
            if name.lower() == "content-type":
                return value.partition(";")[0].strip().lower()
        return ""


class Answer:
    """Status, lines of the head (each with its CRLF, without Content-Length) and body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: bytes, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body


def head(content_type: str = JSON, *, failed: bool = False, milliseconds: float | None = None) -> bytes:
    """The lines every answer of Azure's inference server has: type, whether `run()` failed, how long it took."""
    lines = f"Content-Type: {content_type}\r\nx-ms-run-function-failed: {failed}\r\n"
    if milliseconds is not None:
        lines += f"x-ms-run-fn-exec-ms: {milliseconds:.3f}\r\n"
    return lines.encode()


def refusal(error: Refused) -> Answer:
    """The answer to a request that cannot be scored, with the body of Azure's inference server; OPTIONS has none."""
    if error.status == OK:
        return Answer(OK, head("text/html; charset=utf-8"), b"")
    body = json.dumps({"message": error.message}).encode()
    return Answer(error.status, head(failed=error.failed), body)


def refuse_method(request: Request) -> NoReturn:
    """Refuse a request that is no POST; OPTIONS is answered with nothing. Raises Refused."""
    if request.method == "OPTIONS":
        raise Refused(OK, "")
    raise Refused(NOT_ALLOWED, "Method not allowed")


def unreadable(error: Exception) -> Answer:
    """The answer to a request at which not the user's code but ours failed; the log says how."""
    traces.show(error)
    return refusal(Refused(INTERNAL, UNREADABLE))


if TYPE_CHECKING:

    class Scorer(Protocol):
        """What answers requests: a scoring script or an MLflow model.

        Attributes:
            batches: Whether requests that wait may be given to it all at once.
            forkable: Whether it may be shared with forked processes; `why` says why not.
            headers: Whether it reads how a request was made (method, path, headers), not only its body.
            swagger: OpenAPI documents by version: "2", "3", "3.1".
        about: Lines for the log: what is served, and how.
        """

        batches: bool
        forkable: bool
        why: str
        headers: bool
        swagger: dict[str, Any]
        about: list[str]

        def begin(self) -> None:
            """Get ready in the process that serves. Raises Failed."""

        def answer(self, requests: Sequence[Request]) -> list[Answer]:
            """One answer per request, in their order; never raises."""
