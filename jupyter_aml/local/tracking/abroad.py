"""MLflow's REST for runs on other machines: places on this one's disk become addresses that lead through the service.

At home a client reads and writes artifacts itself, by path. A path of this machine means nothing elsewhere, so there
each is called `mlflow-artifacts:/...`, below the runs folder, on its way out, and a path again on its way in.
"""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

from jupyter_aml.local.arm.http import Request, Response
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import places, rest

PROXIED = f"{places.PROXIED}/"


def handle(workspace: Workspace, request: Request, path: str, now: float) -> Response:
    """The answer to a request of a run on another machine."""
    root = f"{workspace.folder / places.RUNS}/"
    if _is_json(request, path) and PROXIED.encode() in request.content:
        body = json.dumps(_renamed(request.json, PROXIED, root)).encode()
        headers = {**request.headers, "content-length": str(len(body))}
        request = replace(request, headers=headers, stream=io.BytesIO(body))
    answer = rest.handle(workspace, request, path, now)
    if answer.stream is None and answer.headers.get("Content-Type", "").startswith("application/json"):
        found = answer.payload if answer.payload is not None else json.loads(answer.content or b"null")
        answer = replace(answer, content=b"", payload=_renamed(found, root, PROXIED))
    return answer


def _is_json(request: Request, path: str) -> bool:
    """Whether a request's body is fields; that of an artifact is not looked into, whatever it is."""
    return "mlflow-artifacts/" not in path and "json" in request.headers.get("content-type", "")


def _renamed(value: Any, old: str, new: str) -> Any:
    """JSON whose texts begin otherwise."""
    if isinstance(value, str):
        bare = value.removeprefix("file://") if value.startswith(f"file://{old}") else value
        if bare == old.rstrip("/"):
            return new
        return new + bare[len(old) :] if bare.startswith(old) else value
    if isinstance(value, dict):
        return {name: _renamed(one, old, new) for name, one in value.items()}
    if isinstance(value, list):
        return [_renamed(one, old, new) for one in value]
    return value
