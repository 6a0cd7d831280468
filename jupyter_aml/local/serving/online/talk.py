"""What the process of an endpoint says: asked over its socket, or read from the status that it left."""

from __future__ import annotations

from typing import Any

from jupyter_aml.agent import records as files
from jupyter_aml.local.serving.online import places
from jupyter_aml.local.store import bell
from jupyter_aml.local.store.workspace import Workspace

SECONDS = 2.0


def ask(
    workspace: Workspace, endpoint: str, question: dict[str, Any], timeout: float = SECONDS
) -> dict[str, Any] | None:
    """The answer to a question such as `{"op": "status"}`; None when the process does not run, or not answer."""
    return ask_place(places.endpoint(workspace.folder, endpoint), question, timeout)


def ask_place(place: places.EndpointPlace, question: dict[str, Any], timeout: float = SECONDS) -> dict[str, Any] | None:
    """Like `ask`, of an endpoint whose place is known."""
    try:
        return bell.ask_at(place.socket, question, timeout)
    except TimeoutError:
        return None


def status(workspace: Workspace, endpoint: str) -> dict[str, Any] | None:
    """What the process said of itself last, whether it still runs or not; None when it never has."""
    return files.read(str(places.endpoint(workspace.folder, endpoint).status))
