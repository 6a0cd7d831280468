"""Do the things exist that a body refers to? Asked by several types before they store anything."""

from __future__ import annotations

import re
import sqlite3

from jupyter_aml.errors import NotFoundError, ResourceError
from jupyter_aml.local.resources import names
from jupyter_aml.local.store import records
from jupyter_aml.local.store.database import Transaction

_DATASTORE = re.compile(r"^azureml://(?:subscriptions/.+?/workspaces/[^/]+/)?datastores/([^/]+)(?:/|$)", re.IGNORECASE)
SCHEMES = ("azureml://", "https://", "http://", "abfss://", "abfs://", "wasbs://", "wasb://", "adl://", "runs:/")


def uri(connection: sqlite3.Connection | Transaction, text: object, field: str) -> str:
    """A URI whose scheme Azure ML knows and whose datastore exists.

    Raises:
        ResourceError: It is no text, or has another scheme (400).
        NotFoundError: It names a datastore that the workspace does not have.
    """
    if not isinstance(text, str) or not text:
        raise ResourceError(f"{field} is {text!r}; a URI was expected.", code="ValidationError", target=field)
    lowered = text.lower()
    if not lowered.startswith((*SCHEMES, "azureml:")):
        raise ResourceError(
            f"{field} is {text!r}; a URI was expected that begins with {', '.join(SCHEMES)}.",
            code="ValidationError",
            target=field,
            remedy="Upload a local path with the SDK: Data(path=...), or `%aml data create NAME PATH`.",
        )
    match = _DATASTORE.match(text)
    if match and records.get(connection, "datastores", match[1]) is None:
        known = [one.name for one in records.named(connection, "datastores", records.ALL, None, 500)]
        raise NotFoundError(
            f"{field} names the datastore {match[1]!r}, which the workspace does not have.",
            remedy=names.nearest(match[1], known),
        )
    return text


def one_of(value: object, allowed: tuple[str, ...], field: str) -> str:
    """A word out of a few, whatever the case; in Azure's spelling.

    Raises:
        ResourceError: It is another one (400).
    """
    for word in allowed:
        if isinstance(value, str) and value.lower() == word.lower():
            return word
    raise ResourceError(
        f"{field} is {value!r}; expected one of {', '.join(allowed)}.",
        code="ValidationError",
        target=field,
        remedy=names.nearest(str(value), allowed),
    )
