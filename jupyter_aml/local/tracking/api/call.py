"""One request to the tracking service, and how its fields are read.

MLflow sends JSON with POST, PATCH and DELETE, and query parameters with GET; a handler reads both alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jupyter_aml.local.arm.http import Identity, Request, Response
from jupyter_aml.local.store.database import Database
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import faults, limits

_SEE = "See the API docs for more information about request parameters."


@dataclass
class Call:
    """A request on its way through a handler.

    Attributes:
        workspace: The open workspace.
        request: As a door built it.
        parts: Values of the route's placeholders.
        now: Seconds since the epoch.
    """

    workspace: Workspace
    request: Request
    parts: Mapping[str, str]
    now: float

    @property
    def database(self) -> Database:
        return self.workspace.database

    @property
    def folder(self) -> Path:
        return self.workspace.folder

    @property
    def identity(self) -> Identity:
        return self.request.identity

    @property
    def ms(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.now * 1000)

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """Query parameters with every value; MLflow repeats a name to send a list."""
        return parse_qs(urlsplit(self.request.url).query, keep_blank_values=True)

    @cached_property
    def body(self) -> Mapping[str, Any]:
        """The fields of the request: its JSON, or the query when it has none."""
        if self.request.method == "GET":
            return {name: values if len(values) > 1 else values[0] for name, values in self.query.items()}
        found = self.request.json
        if not isinstance(found, dict):
            raise faults.invalid(f"The body must be a JSON object, not {type(found).__name__}.")
        if not found and self.query:
            return {name: values if len(values) > 1 else values[0] for name, values in self.query.items()}
        return found

    def text(self, name: str, default: str = "") -> str:
        """A text field, or the default when it is absent.

        Raises:
            ResourceError: It is no text.
        """
        found = self.body.get(name)
        if found is None:
            return default
        if isinstance(found, bool | int | float):
            return str(found)
        if not isinstance(found, str):
            raise faults.invalid(f"Invalid value for parameter '{name}' supplied: a string was expected. {_SEE}")
        return found

    def required(self, name: str) -> str:
        """A text field that must be there.

        Raises:
            ResourceError: It is absent or empty.
        """
        found = self.text(name)
        if not found:
            raise faults.invalid(f"Missing value for required parameter '{name}'. {_SEE}")
        return found

    @property
    def run_id(self) -> str:
        """The run, under its new or its old name."""
        found = self.text("run_id") or self.text("run_uuid")
        if not found:
            raise faults.invalid(f"Missing value for required parameter 'run_id'. {_SEE}")
        return found

    def listed(self, name: str) -> list[str]:
        """A field with several texts; one text counts as a list of one."""
        found = self.body.get(name)
        if found is None or found == "":
            return []
        values = found if isinstance(found, list) else [found]
        if not all(isinstance(value, str | int) for value in values):
            raise faults.invalid(f"Invalid value for parameter '{name}' supplied: a list of strings was expected.")
        return [str(value) for value in values]

    def objects(self, name: str) -> list[Mapping[str, Any]]:
        """A field with several objects."""
        found = self.body.get(name)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(value, dict) for value in found):
            raise faults.invalid(f"Invalid value for parameter '{name}' supplied: a list of objects was expected.")
        return found

    def whole(self, name: str, least: int = -limits.LONG) -> int | None:
        """A whole number, or None when it is absent."""
        found = self.body.get(name)
        return None if found is None or found == "" else limits.whole(found, name, least)

    def flag(self, name: str) -> bool:
        """A truth value, also as text."""
        return str(self.body.get(name, "")).lower() == "true"

    def pairs(self, name: str) -> dict[str, Any]:
        """`[{"key", "value"}]` as a dictionary; the last of equal keys wins."""
        return {str(pair.get("key", "")): pair.get("value", "") for pair in self.objects(name)}


Handler = Callable[[Call], "dict[str, Any] | Response"]


@dataclass(frozen=True)
class Endpoint:
    """One method on one path below `/api/<version>/`; `{name}` stands for one part, `{name:path}` for the rest."""

    method: str
    path: str
    handler: Handler
