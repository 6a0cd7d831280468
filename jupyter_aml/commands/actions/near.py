"""Looking something up by name: where it is missing, the error names the nearest that is there."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterable
from typing import Any

from jupyter_aml.errors import NotFoundError

MOST = 500
MISSING = 404
"""HTTP status of what does not exist."""


def looked_up(get: Callable[[], Any], noun: str, name: str, every: Callable[[], Iterable[Any]]) -> Any:
    """What `get` gives.

    Args:
        get: Asks the workspace for one thing.
        noun: What it is, for the message.
        name: How it was called.
        every: Lists all of that noun, if the name is unknown.

    Raises:
        NotFoundError: It does not exist; the nearest name is offered.
    """
    try:
        return get()
    except Exception as error:
        if not is_missing(error):
            raise
    bare = name.partition(":")[0].partition("@")[0]
    names = known(every)
    if bare in names:
        msg = f"The {noun} {bare} has no version {name.removeprefix(bare).lstrip(':@')}."
        raise NotFoundError(msg, remedy=f"Type %aml {noun} list {bare} to see its versions.") from None
    near = difflib.get_close_matches(bare, names, n=1)
    remedy = f"Did you mean {near[0]}?" if near else f"Type %aml {noun} list to see what there is."
    msg = f"There is no {noun} {bare!r} in this workspace."
    raise NotFoundError(msg, remedy=remedy) from None


def known(every: Callable[[], Iterable[Any]]) -> list[str]:
    """The names of what is listed, the first MOST."""
    return [str(one.name) for one in itertools.islice(iter(every()), MOST)]


def is_missing(error: Exception) -> bool:
    """Whether an error of the SDK says that something does not exist; for labels it raises one of its own."""
    if type(error).__name__ == "ResourceNotFoundError" or getattr(error, "status_code", None) == MISSING:
        return True
    text = str(error).lower()
    return type(error).__module__.startswith("azure.") and ("not found" in text or "no asset" in text)
