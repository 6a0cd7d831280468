"""A workspace of its own, and short ways to ask its tracking service."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from jupyter_aml.local.arm.http import Identity, Request
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import rest

NOW = 1_700_000_000.0
ADA = Identity("ada@local", "00000000-0000-0000-0000-000000000001")

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def workspace(home: Path) -> Iterator[Workspace]:
    store = Store.open(home, clock=lambda: NOW)
    store.rings = False
    opened = store.workspace(store.create("tracked"))
    yield opened
    opened.database.close()
    store.database.close()


@pytest.fixture
def ask(workspace: Workspace) -> Ask:
    """`ask(method, path, body or query)` -> status and answer; path as below `/api/`."""

    def send(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url = f"http://localhost/api/{path}"
        content = b""
        if method == "GET" and body:
            url += "?" + urlencode(body, doseq=True)
        elif isinstance(body, bytes):
            content = body
        elif body is not None:
            content = json.dumps(body).encode()
        request = Request.build(method, url, identity=ADA, body=content)
        response = rest.handle(workspace, request, request.path, NOW)
        text = b"".join(response.chunks())
        return response.status, json.loads(text) if text[:1] in {b"{", b"["} else text

    return send


@pytest.fixture
def run_id(ask: Ask) -> str:
    """An active run of the default experiment."""
    _, answer = ask("POST", "2.0/mlflow/runs/create", {"experiment_id": "0", "start_time": 1, "run_name": "one"})
    return str(answer["run"]["info"]["run_id"])
