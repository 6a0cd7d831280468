"""From what `run()` returns to an answer: JSON, or the response the script has made itself."""

from __future__ import annotations

import json

from .exchange import INTERNAL, OK, Answer, head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FAILED = "x-ms-run-function-failed"
UNTOLD = {"content-length", "connection", "transfer-encoding", "date", "server"}
"""Headers that are the router's to write."""


def answer(result: Any, milliseconds: float) -> Answer:
    """The answer with what `run()` returned.

    Args:
        result: An object that JSON can hold, None for `{}`, or a response (AMLResponse or one of Flask).
        milliseconds: How long `run()` took.

    Raises:
        TypeError: JSON cannot hold it.
        ValueError: It refers to itself.
    """
    if hasattr(result, "status_code") and hasattr(result, "get_data") and hasattr(result, "headers"):
        return _of_response(result, milliseconds)
    body = json.dumps(result if result is not None else {}).encode()
    return Answer(OK, head(milliseconds=milliseconds), body)


def _of_response(response: Any, milliseconds: float) -> Answer:
    """A script's own response; one of 500 or more counts as a failure of `run()`."""
    status = int(response.status_code)
    pairs = [(str(name), str(value)) for name, value in response.headers.items()]
    lines = [
        f"{_clean(name)}: {_clean(value)}\r\n"
        for name, value in pairs
        if name.lower() not in UNTOLD and not (name.lower() == FAILED and status >= INTERNAL)
    ]
    if status >= INTERNAL:
        lines.append(f"{FAILED}: True\r\n")
    lines.append(f"x-ms-run-fn-exec-ms: {milliseconds:.3f}\r\n")
    return Answer(status, "".join(lines).encode("latin-1", "replace"), response.get_data())


def _clean(text: str) -> str:
    """A header's name or value on one line: a script cannot write the head of the answer."""
    return text.replace("\r", " ").replace("\n", " ").replace("\0", " ")
