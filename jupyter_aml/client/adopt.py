"""Adoption: an unedited `MLClient(...)` of this process gets the local workspace, until it is released.

The door renames what such a client addresses; here azure-identity's credentials are answered with local tokens, so
that nobody signs in anywhere. Both are put in once and stay: released, they pass everything on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jupyter_aml.client import seams
from jupyter_aml.client.connection import Connection
from jupyter_aml.errors import ConnectError
from jupyter_aml.local.doors import requests as door

METHODS = ("get_token", "get_token_info")

_adopted: Connection | None = None


def current() -> Connection | None:
    """The connection that stands for every workspace; None when none does."""
    return _adopted


def adopt(connection: Connection) -> Connection:
    """Let a local connection stand for every workspace that the notebook names.

    Raises:
        ConnectError: It is not local.
    """
    global _adopted  # noqa: PLW0603 - like the door, one per process
    if connection.service is None:
        raise ConnectError("Only a local workspace can be adopted.", remedy="Type connect('local', adopt=True).")
    door.register(connection.service)
    door.adopt(
        connection.service,
        subscription=connection.subscription,
        group=connection.group,
        workspace=connection.workspace,
    )
    seams.silence_telemetry(lambda: _adopted is not None)
    answer_credentials()
    _adopted = replace(connection, adopted=True)
    return _adopted


def release() -> None:
    """Pass everything on again."""
    global _adopted  # noqa: PLW0603 - see there
    _adopted = None
    door.release()


def places() -> tuple[door.Place, ...]:
    """The workspaces that the notebook named and that the local one stood for."""
    return door.DOOR.places


def answer_credentials() -> None:
    """Put local tokens before every credential of azure-identity; used only while a workspace is adopted."""
    import azure.identity

    for name in azure.identity.__all__:
        kind = getattr(azure.identity, name)
        if isinstance(kind, type):
            for method in METHODS:
                original = vars(kind).get(method)
                if callable(original) and not hasattr(original, "jupyter_aml"):
                    setattr(kind, method, _answering(method, original))


def _answering(method: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def answer(self: Any, *scopes: str, **options: Any) -> Any:
        adopted = _adopted
        if adopted is None:
            return original(self, *scopes, **options)
        return getattr(adopted.credential, method)(*scopes, **options)

    answer.jupyter_aml = True  # type: ignore[attr-defined]
    return answer
