"""Adoption: an unedited `MLClient(...)` of this process gets the local workspace, until it is released.

The door renames what such a client addresses; here azure-identity's credentials are answered with local tokens, so
that nobody signs in anywhere, and `MLClient.from_config` needs no file. All are put in once and stay: released, they
pass everything on.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jupyter_aml.client import config_file, notices
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
    door.DOOR.told = _tell
    answer_credentials()
    answer_from_config()
    note = (
        f"Every MLClient of this process gets the workspace {connection.group}/{connection.workspace} of this machine, "
        "whatever it names; disconnect() ends it."
    )
    _adopted = replace(connection, adopted=True, notes=(*connection.notes, note))
    return _adopted


def release() -> None:
    """Pass everything on again."""
    global _adopted  # noqa: PLW0603 - see there
    _adopted = None
    door.release()


def places() -> tuple[door.Place, ...]:
    """The workspaces that the notebook named and that the local one stood for."""
    return door.DOOR.places


def _tell(place: door.Place) -> None:
    adopted = _adopted
    if adopted is not None:
        notices.say(
            f"{adopted} answers for {place.subscription}/{place.group}/{place.workspace}; nothing is asked in Azure."
        )


def answer_credentials() -> None:
    """Put local tokens before every credential of azure-identity; used only while a workspace is adopted."""
    import azure.identity

    for name in azure.identity.__all__:
        kind = getattr(azure.identity, name)
        if isinstance(kind, type):
            for method in METHODS:
                original = getattr(kind, method, None)  # many inherit it from classes that are private
                if callable(original) and not hasattr(original, "jupyter_aml"):
                    setattr(kind, method, _answering(method, original))


def _answering(method: str, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def answer(self: Any, *scopes: str, **options: Any) -> Any:
        adopted = _adopted
        if adopted is None:
            return original(self, *scopes, **options)
        found = getattr(adopted.credential, method)(*scopes, **options)
        # used at once and kept by nobody: after disconnecting, the client asks its own credential again
        return type(found)(found.token, int(time.time()))

    answer.jupyter_aml = True  # type: ignore[attr-defined]
    return answer


def answer_from_config() -> None:
    """Let `MLClient.from_config` do without a `config.json` while a workspace is adopted."""
    from azure.ai.ml import MLClient

    original: Any = MLClient.from_config.__func__
    if hasattr(original, "jupyter_aml"):
        return

    @functools.wraps(original)
    def from_config(cls: Any, credential: Any, *, path: Any = None, file_name: Any = None, **named: Any) -> Any:
        adopted = _adopted
        if adopted is not None and not config_file.exists(path, file_name):
            return cls(credential, adopted.subscription, adopted.group, adopted.workspace, **named)
        return original(cls, credential, path=path, file_name=file_name, **named)

    replacement: Any = from_config
    replacement.jupyter_aml = True
    MLClient.from_config = classmethod(replacement)
