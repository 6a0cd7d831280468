"""Answers of resources that change over time: of one that has begun to change, and lists in pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm import operations, paging
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.arm.operations import Operation
from jupyter_aml.local.resources.base import ARM, Call, Handler, Route
from jupyter_aml.local.serving.online import states
from jupyter_aml.local.store.records import Record

LARGEST_PAGE = 1000


def operation(call: Call, record: Record, verb: str = "put") -> Operation:
    """The latest change of an online endpoint or deployment."""
    kind, workspace = "od" if record.segment == states.DEPLOYMENTS else "oe", call.workspace.entry.id
    serial = str(states.local(record).get("operation") or "0")
    return Operation(kind, workspace, record.name, record.version, verb, serial)


def link(call: Call, record: Record, verb: str = "put") -> str:
    """Where the status of that change is asked."""
    entry = call.workspace.entry
    return operations.link(call.request.host, entry.subscription, entry.location, operation(call, record, verb))


def answer(call: Call, record: Record, shown: dict[str, Any], status: int) -> Response:
    """The resource; when it goes on changing, with the operation to follow."""
    response = Response.of(shown, status)
    if states.state(record) in states.BUSY:
        response.headers |= operations.headers(link(call, record))
    return response


def leaving(call: Call, record: Record) -> Response:
    """What a DELETE says of a resource that will be gone when the operation has succeeded."""
    return Response(202, operations.headers(link(call, record, "delete")))


def paged(call: Call, items: list[Any], default: int) -> tuple[list[Any], list[int] | None]:
    """The page of a list that is asked for, and where the next one begins; None on the last.

    Raises:
        ResourceError: Size or position are none (400).
    """
    token = call.query("$skip")
    position: list[Any] = paging.decode(token) if token else [0]
    if len(position) != 1 or not isinstance(position[0], int) or position[0] < 0:
        raise ResourceError(
            f"The page token {token!r} was not issued by this list.",
            code="InvalidPagingToken",
            remedy="Begin the list again without $skip.",
        )
    size = paging.size(call.query("$top") or call.query("count") or None, default, LARGEST_PAGE)
    end = position[0] + size
    return items[position[0] : end], [end] if end < len(items) else None


def tail(value: object, default: int, most: int) -> int:
    """How many of the last lines or rows are asked for.

    Raises:
        ResourceError: It is no whole number from 1 to `most` (400).
    """
    if value in (None, ""):
        return default
    text = str(value)
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ResourceError(
            f"tail is {value!r}; a whole number from 1 to {most} was expected.", code="ValidationError", target="tail"
        )
    return int(text)


def below(
    segment: str, *, get: Handler, many: Handler, put: Handler, patch: Handler, delete: Handler
) -> Iterable[Route]:
    """The routes that deployments have below their endpoints, whose segment this is."""
    listed = f"{{WS}}/{segment}/{{endpoint}}/deployments"
    one, action = f"{listed}/{{name}}", f"workspaces/{segment}/deployments"
    yield Route("GET", ARM, listed, many, f"{action}/read")
    yield Route("GET", ARM, one, get, f"{action}/read")
    yield Route("PUT", ARM, one, put, f"{action}/write")
    yield Route("PATCH", ARM, one, patch, f"{action}/write")
    yield Route("DELETE", ARM, one, delete, f"{action}/delete")


def merged(held: dict[str, Any], sent: dict[str, Any], *fields: str) -> dict[str, Any]:
    """A body after a PATCH: what was sent in each of these objects goes over what it held."""
    return {**held, **{field: {**held[field], **(sent.get(field) or {})} for field in fields}}


def ordered(records: list[Record], order: str) -> list[Record]:
    """A list in the order asked for: `CreatedAtDesc`, `UpdatedAtAsc` and the like; as it is when none is.

    Raises:
        ResourceError: It is another one (400).
    """
    plain = order.lower().replace(" ", "")
    keys = {"createdat": "created", "createdtime": "created", "updatedat": "modified", "updatedtime": "modified"}
    for word, field in keys.items():
        if plain in {f"{word}desc", f"{word}asc", word}:
            return sorted(records, key=lambda record: float(getattr(record, field)), reverse=plain.endswith("desc"))
    if plain:
        raise ResourceError(
            f"The order {order!r} is not known; CreatedAtDesc, CreatedAtAsc, UpdatedAtDesc or UpdatedAtAsc was"
            " expected.",
            code="InvalidQueryParameter",
        )
    return records


def carries(found: dict[str, Any], wanted: str) -> bool:
    """Whether tags or properties have all that is asked for: `name` or `name=value`, comma between them."""
    for part in filter(None, (one.strip() for one in wanted.split(","))):
        name, mark, value = part.partition("=")
        if name not in found or (mark and str(found[name]) != value):
            return False
    return True
