"""An installation of the local service with things to deploy, and short ways to ask it for online endpoints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from jupyter_aml.local.app import Service
from jupyter_aml.local.arm.http import Identity, Request, Response
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.serving.online import states
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

ARM = "https://management.azure.com"
MLFLOW, CUSTOM, TRITON = "azureml:flow:1", "azureml:plain:1", "azureml:triton:1"
CODE = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/codes/code/versions/1"
)
SCRIPT = {"codeId": CODE, "scoringScript": "src/score.py"}
ENVIRONMENT = "azureml:env:1"


@dataclass
class Online:
    """The service with a workspace that has models, code and an environment.

    Attributes:
        service: Who answers.
        workspace: The workspace.
        me: Who asks.
    """

    service: Service
    workspace: Workspace
    me: Identity

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """The answer to a request; a path without a slash is below the workspace, a whole URL is taken as it is."""
        root = f"{ARM}{self.workspace.entry.arm_id}/"
        url = path if path.startswith("https:") else ARM + path if path.startswith("/") else root + path
        content = b"" if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.service.handle(Request.build(method, url, identity=self.me, headers=named, body=content))

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        response = self.send(method, path, body)
        return response.status, json.loads(response.body) if response.body else None

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
        """Status, target and message of a refusal."""
        status, found = self.ask(method, path, body)
        assert status >= 400, f"{method} {path} was answered {status}: {found}"
        return status, found["error"].get("target", ""), found["error"]["message"]

    def endpoint(self, name: str = "iris", **properties: Any) -> dict[str, Any]:
        """An endpoint that was put."""
        status, found = self.ask("PUT", f"onlineEndpoints/{name}", {"properties": {"authMode": "Key", **properties}})
        assert status in {200, 201}, found
        return dict(found)

    def deployment(self, name: str = "blue", endpoint: str = "iris", **properties: Any) -> Response:
        """The answer to the PUT of a deployment of an MLflow model."""
        path = f"onlineEndpoints/{endpoint}/deployments/{name}"
        return self.send("PUT", path, {"properties": {"model": MLFLOW, **properties}})

    def held(self, name: str = "blue", endpoint: str = "iris") -> Record:
        """A deployment, or with an empty name the endpoint, as it is stored."""
        with self.workspace.database.read() as reader:
            found = states.deployment(reader, endpoint, name) if name else states.endpoint(reader, endpoint)
        assert found is not None, f"{endpoint}/{name} is not there"
        return found

    def settle(self, to: str = "Succeeded", **error: str) -> None:
        """Do what the host does: end all changes that go on, with an error when one is given."""
        with self.workspace.database.read() as reader:
            waiting = states.pending(reader)
        for endpoint, name, operation, state in sorted(waiting, key=lambda one: not one[1]):
            if state == states.DELETING:
                states.remove(self.workspace, endpoint, name)
            else:
                states.settle(self.workspace, endpoint, name, operation, to, error=error or None)

    def ready(self, *names: str, **properties: Any) -> None:
        """An endpoint `iris` whose deployments of these names have succeeded."""
        self.endpoint(**properties)
        for name in names:
            assert self.deployment(name).status == 201
        self.settle()


def furnish(service: Service) -> Online:
    """Models of three types, an environment and code with a scoring script, in a workspace of their own."""
    entry = service.store.entries()[0]
    workspace = service.workspace(entry)
    online = Online(service, workspace, tokens.local_identity(service.store))
    place = "azureml://datastores/workspaceblobstore/paths/models"
    for name, kind in (("flow", "mlflow_model"), ("plain", "custom_model"), ("triton", "triton_model")):
        body = {"properties": {"modelType": kind, "modelUri": f"{place}/{name}"}}
        assert online.ask("PUT", f"models/{name}/versions/1", body)[0] == 201
    environment = {"properties": {"image": "python:3.11"}}
    assert online.ask("PUT", "environments/env/versions/1", environment)[0] == 201
    served = {"properties": {"image": "x", "inferenceConfig": {"scoringRoute": {"port": 1, "path": "/"}}}}
    assert online.ask("PUT", "environments/server/versions/1", served)[0] == 201
    uri = f"https://{entry.account}.blob.core.windows.net/{workspace.blob_container}/code"
    assert online.ask("PUT", "codes/code/versions/1", {"properties": {"codeUri": uri}})[0] == 201
    folder = workspace.blobs.path(workspace.blob_container, "code") / "src"
    folder.mkdir(parents=True)
    (folder / "score.py").write_text("def init(): ...\ndef run(data): return data\n", encoding="utf-8")
    return online
