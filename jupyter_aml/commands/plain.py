"""Plain forms: an entity of the SDK as the dicts, lists and scalars that `az ml` prints."""

from __future__ import annotations

import copy
import datetime as dt
import enum
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

MEMBER = re.compile(r"[A-Z][A-Za-z]+(?:Type|State|Status|Mode|Kind)\.([A-Z][A-Z_]*)")
SCALARS = (str, int, float, bool, type(None))


def plain(value: Any) -> Any:
    """The JSON form of a value; entities give their own `_to_dict()`, as in `az ml`."""
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, str):
        return _word(value)
    if isinstance(value, SCALARS):
        return value
    if is_mapping(value):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    return _of_object(value)


def is_mapping(value: Any) -> bool:
    """Whether a value is a dict of the user's; a job of the SDK is one by inheritance only, and empty."""
    return isinstance(value, Mapping) and not hasattr(type(value), "_to_dict")


def _word(text: str) -> str:
    """A text; the SDK's `CreatedByType.USER` is the service's `User`, as az prints it."""
    member = MEMBER.fullmatch(text)
    return "".join(part.capitalize() for part in member[1].split("_")) if member is not None else text


def _of_object(value: Any) -> Any:
    job = getattr(value, "_to_job", None)  # a command that `jobs.get` returns is a pipeline's node; az prints the job
    if callable(job):
        value = job()
    if hasattr(value, "_build_outputs") and ".automl." in type(value).__module__:
        value = copy.copy(value)  # the SDK's AutoML jobs hold outputs of nodes, which their schema cannot write
        value.outputs = value._build_outputs()  # noqa: SLF001 - idem
    for method in ("_to_dict", "as_dict", "to_dict", "serialize"):
        make = getattr(value, method, None)
        if callable(make):
            return plain(make())
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "__next__"):
        return [plain(item) for item in value]
    public = {key: item for key, item in getattr(value, "__dict__", {}).items() if not key.startswith("_")}
    return plain(public) if public else str(value)


def pick(record: Any, path: str) -> Any:
    """The value at a dotted path of a plain form, or None."""
    for step in path.split("."):
        if not isinstance(record, Mapping):
            return None
        record = record.get(step)
    return record
