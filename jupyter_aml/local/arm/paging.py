"""Pages of a list: `value`, `nextLink`, and the token that says where the next page begins."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from jupyter_aml.errors import ResourceError


def encode(position: list[Any]) -> str:
    """An opaque token for a position in a list."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def decode(token: str) -> list[Any]:
    """The position that a token stands for.

    Raises:
        ResourceError: The token was not made here (400).
    """
    try:
        position = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError as error:
        raise _bad(token) from error
    if not isinstance(position, list):
        raise _bad(token)
    return position


def _bad(token: str) -> ResourceError:
    return ResourceError(
        f"The page token {token!r} was not issued by this service.",
        code="InvalidPagingToken",
        remedy="Begin the list again without $skip.",
    )


def next_link(url: str, position: list[Any]) -> str:
    """The URL of the next page: the one asked for, with `$skip` set."""
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key.lower() not in {"$skip", "skip"}]
    query.append(("$skip", encode(position)))
    return urlunsplit(("https", parts.netloc, parts.path, urlencode(query), ""))


def page(items: list[Any], url: str, following: list[Any] | None) -> dict[str, Any]:
    """The body of a list answer; `following` is the position of the next page, None on the last."""
    body: dict[str, Any] = {"value": items}
    if following is not None:
        body["nextLink"] = next_link(url, following)
    return body


def size(text: str | None, default: int, most: int) -> int:
    """How many items a page holds, from `$top` or `count`.

    Raises:
        ResourceError: It is no whole number above 0 (400).
    """
    if text is None:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise ResourceError(
            f"A page size of {text!r} was asked for; a whole number from 1 to {most} was expected.",
            code="InvalidQueryParameter",
        )
    return min(int(text), most)
