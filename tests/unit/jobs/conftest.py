"""A service without a host: requests in, records out, nothing runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.app import Service
from jupyter_aml.local.arm.http import Request
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.local.store.workspace import Workspace


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Wire:
    """A service and short ways to ask it."""

    service: Service
    workspace: Workspace
    clock: Clock

    @property
    def base(self) -> str:
        return self.workspace.entry.arm_id

    def ask(self, method: str, path: str, body: Any = None, host: str = "management.azure.com") -> tuple[int, Any]:
        """Status and JSON of an answer; `path` is below the workspace, or whole when it says so."""
        whole = path if "/subscriptions/" in path else self.base + path
        request = Request.build(
            method,
            path if path.startswith("https:") else f"https://{host}{whole}",
            identity=tokens.local_identity(self.service.store),
            body=b"" if body is None else json.dumps(body).encode(),
        )
        answer = self.service.handle(request)
        return answer.status, json.loads(answer.body) if answer.body else None

    def history(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return self.ask(method, f"/history/v1.0{self.base}{path}", body, "local.api.azureml.ms")

    def environment(self) -> str:
        self.ask("PUT", "/environments/e/versions/1", {"properties": {"image": "x"}})
        return f"{self.base}/environments/e/versions/1"

    def command(self, command: str = "echo hi", **more: Any) -> dict[str, Any]:
        """A command job's body."""
        return {
            "properties": {
                "jobType": "Command",
                "command": command,
                "environmentId": f"{self.base}/environments/e/versions/1",
                **more,
            }
        }

    def put(self, name: str, command: str = "echo hi", **more: Any) -> tuple[int, Any]:
        return self.ask("PUT", f"/jobs/{name}", self.command(command, **more))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wire(tmp_path: Path, clock: Clock) -> Iterator[Wire]:
    store = Store.open(tmp_path / "home", clock)
    store.rings = False
    service = Service(store)
    wire = Wire(service, service.workspace(store.create()), clock)
    wire.environment()
    yield wire
    wire.workspace.database.close()
    store.database.close()
