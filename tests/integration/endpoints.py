"""Short ways to deploy through the unmodified SDK, and to ask what was deployed."""

from __future__ import annotations

import contextlib
import http.client
import json
import tempfile
import textwrap
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from jupyter_aml.local.serving.online import places, talk
from tests import waiting

from .conftest import Lab, wait_for

SIMPLE = """
import json, os
def init():
    print("init of", VERSION)
def run(data):
    return {"by": VERSION, "pid": os.getpid()}
"""
RAISES = """
def init():
    raise ValueError("no such thing as " + VERSION)
def run(data):
    return 1
"""


class Served:
    """One endpoint of a lab.

    Args:
        lab: Its store.
        name: Of the endpoint.
    """

    def __init__(self, lab: Lab, name: str) -> None:
        from azure.ai.ml.entities import ManagedOnlineEndpoint

        self.lab = lab
        self.name = name
        self.client = lab.client
        self.client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()

    @property
    def place(self) -> places.EndpointPlace:
        return places.endpoint(self.lab.folder, self.name)

    def deploy(self, deployment: str = "blue", text: str = SIMPLE, *, version: str = "1", **more: Any) -> Any:
        """Deploy a script and wait until that is done."""
        from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment

        code = Path(tempfile.mkdtemp(prefix="code", dir=Path.cwd()))
        (code / "score.py").write_text(f"VERSION = {version!r}\n{textwrap.dedent(text)}", encoding="utf-8")
        wanted = {
            "name": deployment,
            "endpoint_name": self.name,
            "environment": "plain:1",
            "code_configuration": CodeConfiguration(code=str(code), scoring_script="score.py"),
            "instance_type": "Standard_DS3_v2",
            "instance_count": 1,
            **more,
        }
        made = ManagedOnlineDeployment(**wanted)
        return self.client.online_deployments.begin_create_or_update(made).result()

    def share(self, **traffic: int) -> None:
        """Set the traffic."""
        endpoint = self.client.online_endpoints.get(self.name)
        endpoint.traffic = traffic
        self.client.online_endpoints.begin_create_or_update(endpoint).result()

    @property
    def uri(self) -> str:
        return str(self.client.online_endpoints.get(self.name).scoring_uri)

    def key(self) -> str:
        return str(self.client.online_endpoints.get_keys(self.name).primary_key)

    def state(self, deployment: str = "blue") -> str:
        found = self.client.online_deployments.get(deployment, self.name).provisioning_state
        return str(getattr(found, "value", found))

    def status(self) -> dict[str, Any]:
        """What the endpoint's process says; empty when it does not run."""
        return talk.ask_place(self.place, {"op": "status"}) or {}

    def asker(self, deployment: str = "") -> Asker:
        return Asker(self.uri, self.key(), deployment)

    def delete(self) -> None:
        self.client.online_endpoints.begin_delete(self.name).result()


class Asker:
    """Asks an endpoint.

    Args:
        uri: Its scoring URI.
        key: Its key.
        deployment: Which deployment is to answer; as the traffic says when empty.
    """

    def __init__(self, uri: str, key: str, deployment: str = "") -> None:
        self._address = urlsplit(uri).netloc
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        if deployment:
            self._headers["azureml-model-deployment"] = deployment

    def ask(self, value: Any = 1, timeout: float = 20.0) -> tuple[int, Any]:
        """Status and body; status 0 when nobody listens."""
        line = http.client.HTTPConnection(self._address, timeout=timeout)
        with contextlib.closing(line):
            try:
                line.request("POST", "/score", json.dumps(value), self._headers)
                answer = line.getresponse()
                body = answer.read()
            except OSError as error:
                return 0, str(error)
        try:
            return answer.status, json.loads(body)
        except ValueError:
            return answer.status, body


class Load(waiting.Load):
    """Requests one after the other on several threads, until the block ends; it begins when one is answered."""

    def __init__(self, asker: Asker, threads: int = 3) -> None:
        super().__init__(asker.ask, threads, 0.001)

    def more(self, count: int = 20) -> None:
        """Wait for so many more answers."""
        seen = len(self.answers)
        wait_for(lambda: len(self.answers) >= seen + count, "answers")

    def __enter__(self) -> Self:
        super().__enter__()
        self.more(1)
        return self
