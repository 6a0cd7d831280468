"""Filters, orders and pages over things in memory: for the kinds of which a workspace has few."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any, TypeVar

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.arm import paging
from jupyter_aml.local.tracking import faults
from jupyter_aml.local.tracking.grammar import Clause, Order

Item = TypeVar("Item")
Look = Callable[[Item, str, str], Any]
"""(item, kind, key) -> what the item has there, or None."""


def like(text: str, pattern: str, flags: int = 0) -> bool:
    """Whether text matches SQL's LIKE pattern as a whole."""
    parts = [".*" if mark == "%" else "." if mark == "_" else re.escape(mark) for mark in pattern]
    return re.fullmatch("".join(parts), text, flags | re.DOTALL) is not None


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda found, value: bool(found == value),
    "!=": lambda found, value: bool(found != value),
    ">": lambda found, value: bool(found > value),
    ">=": lambda found, value: bool(found >= value),
    "<": lambda found, value: bool(found < value),
    "<=": lambda found, value: bool(found <= value),
    "LIKE": like,
    "ILIKE": lambda found, value: like(found, value, re.IGNORECASE),
    "IN": lambda found, value: found in value,
    "NOT IN": lambda found, value: found not in value,
}


def holds(clause: Clause, found: Any) -> bool:
    """Whether what an item has satisfies a comparison; an absent value only satisfies IS NULL."""
    if clause.operator == "IS NULL":
        return found is None
    if clause.operator == "IS NOT NULL":
        return found is not None
    if clause.key == "mlflow.prompt.is_prompt" and found is None:  # models have no such tag at all
        return (clause.operator, clause.value) in {("=", "false"), ("!=", "true")}
    return found is not None and _TESTS[clause.operator](found, clause.value)


def matching(items: Sequence[Item], clauses: Sequence[Clause], look: Look[Item]) -> list[Item]:
    """The items for which every comparison holds."""
    return [item for item in items if all(holds(one, look(item, one.kind, one.key)) for one in clauses)]


def page(
    items: Sequence[Item],
    order: Sequence[Order],
    look: Look[Item],
    *,
    token: str | None,
    size: int,
) -> tuple[list[Item], str | None]:
    """One page of the ordered items, and the token of the next.

    Args:
        items: All that match.
        order: Terms; the last must tell any two items apart.
        look: What an item has; absent values come last, whichever way.
        token: Of the page before, or None.
        size: Items on a page.

    Raises:
        ResourceError: The token was not issued here.
    """

    def values(item: Any) -> list[Any]:
        return [look(item, term.kind, term.key) for term in order]

    def compare(left: Sequence[Any], right: Sequence[Any]) -> int:
        for term, one, other in zip(order, left, right, strict=True):
            if one == other:
                continue
            if one is None or other is None:
                return 1 if one is None else -1
            return (1 if one > other else -1) * (-1 if term.descending else 1)
        return 0

    found = sorted(items, key=cmp_to_key(lambda left, right: compare(values(left), values(right))))
    if token:
        last = position(token, len(order))
        try:
            found = [item for item in found if compare(values(item), last) > 0]
        except TypeError as error:
            raise _bad(token) from error
    if len(found) <= size:
        return found, None
    return found[:size], paging.encode(values(found[size - 1]))


def position(token: str, length: int) -> list[Any]:
    """The values a page token holds.

    Raises:
        ResourceError: It was not issued here, or for another order (INVALID_PARAMETER_VALUE).
    """
    try:
        found = paging.decode(token)
    except ResourceError as error:
        raise _bad(token) from error
    if len(found) != length:
        raise _bad(token)
    return found


def _bad(token: str) -> ResourceError:
    return faults.invalid(
        f"Invalid page token {token!r}: it belongs to another search. Begin the search again without page_token."
    )
