"""Our side of the measurements of serving: an endpoint of a local workspace, made by the real SDK."""

from __future__ import annotations

import http.client
import os
import threading
import time
import uuid
from typing import Any
from urllib.parse import urlsplit

from jupyter_aml.local.serving.online import talk
from tests.bench.places import Place, silent
from tests.bench.serving_load import Errand
from tests.bench.serving_models import DATA, ROWS, Models

ENDPOINT = "bench-serving"
SIZE = "Standard_DS3_v2"
SERVER, CLIENT = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
"""The cores of the servers and of who asks them."""
COLD_SECONDS = 60.0
THINK_SECONDS = 5.0
BODIES = {"nocode": ROWS, "light": DATA, "heavy": DATA}


class Ours:
    """An endpoint with one deployment per kind: an MLflow model with no code, a light script, a heavy one.

    Args:
        here: The workspace.
        models: What is deployed.
    """

    def __init__(self, here: Place, models: Models) -> None:
        self._here = here
        self._models = models
        self._port = 0
        self._key = ""
        self._registered: dict[str, Any] = {}

    def deploy(self) -> None:
        """Make the endpoint and its deployments; all requests that name none go to the one with no code."""
        from azure.ai.ml.entities import Model

        client = self._here.client
        with silent():
            made = self._make_endpoint(ENDPOINT)
            self._port, self._key = self._address(ENDPOINT)
            for name, path, kind in (
                ("saved", self._models.saved, "mlflow_model"),
                ("pickled", self._models.pickled, "custom_model"),
            ):
                self._registered[name] = client.models.create_or_update(Model(name=name, path=str(path), type=kind))
            for kind in BODIES:
                client.online_deployments.begin_create_or_update(self._deployment(kind, kind)).result()
            made.traffic = {"nocode": 100}
            client.online_endpoints.begin_create_or_update(made).result()

    def _deployment(self, name: str, kind: str, instances: int = 1, endpoint: str = ENDPOINT) -> Any:
        from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment

        more: dict[str, Any] = {"model": self._registered["saved"]}
        if kind != "nocode":
            code = self._models.light if kind == "light" else self._models.heavy
            more = {
                "model": self._registered["pickled"],
                "environment": self._here.environment,
                "code_configuration": CodeConfiguration(code=str(code), scoring_script="score.py"),
                "environment_variables": {"OMP_NUM_THREADS": "1"},
            }
        return ManagedOnlineDeployment(
            name=name, endpoint_name=endpoint, instance_type=SIZE, instance_count=instances, **more
        )

    def errand(self, deployment: str, body: str) -> Errand:
        """Requests with the key to a deployment; by its name unless it has all the traffic."""
        headers = {"Authorization": f"Bearer {self._key}"}
        if deployment != "nocode":
            headers["azureml-model-deployment"] = deployment
        return Errand(self._port, body, headers=headers)

    def pin(self) -> None:
        """Put router and replicas on the core of the servers."""
        self._place({SERVER})

    def unpin(self) -> None:
        """Let them use every core."""
        self._place(set(range(os.cpu_count() or 1)))

    def _place(self, cores: set[int]) -> None:
        import psutil

        router = psutil.Process(self.router)
        for process in (router, *router.children(recursive=True)):
            for thread in process.threads():
                os.sched_setaffinity(thread.id, cores)

    @property
    def router(self) -> int:
        """Pid of the endpoint's process, whose children the replicas are."""
        return int(self._status()["pid"])

    def _status(self) -> dict[str, Any]:
        connection = self._here.client.jupyter_aml
        found = talk.status(connection.store.workspace(connection.entry), ENDPOINT)
        if found is None:
            msg = "the endpoint's process has never said anything"
            raise RuntimeError(msg)
        return found

    def cold(self, kind: str, *, after: str | None = None) -> float:
        """Milliseconds from asking the SDK for a deployment to its first good answer; it is deleted afterwards.

        Args:
            kind: What is deployed.
            after: What the endpoint's last deployment was, which the person has had time to look at; none for a new
                endpoint.
        """
        name = f"cold-{uuid.uuid4().hex[:8]}"
        with silent():
            self._make_endpoint(name)
            if after is not None:
                before = self._deployment("before", after, endpoint=name)
                self._here.client.online_deployments.begin_create_or_update(before).result()
            time.sleep(THINK_SECONDS)
            taken = self._cold(name, name, kind)
            self._here.client.online_endpoints.begin_delete(name=name).result()
        return taken

    def _cold(self, endpoint: str, name: str, kind: str) -> float:
        online = self._here.client.online_deployments
        deployment = self._deployment(name, kind, endpoint=endpoint)
        address = self._address(endpoint)
        pollers: list[Any] = []
        asking = threading.Thread(target=lambda: pollers.append(online.begin_create_or_update(deployment)))
        started = time.perf_counter()
        asking.start()
        _first_good(*address, name, BODIES[kind])
        taken = (time.perf_counter() - started) * 1000
        asking.join()
        pollers[0].result()
        online.begin_delete(name=name, endpoint_name=endpoint).result()
        return taken

    def _make_endpoint(self, name: str) -> Any:
        from azure.ai.ml.entities import ManagedOnlineEndpoint

        wanted = ManagedOnlineEndpoint(name=name, auth_mode="key")
        return self._here.client.online_endpoints.begin_create_or_update(wanted).result()

    def _address(self, endpoint: str) -> tuple[int, str]:
        """Port and key of an endpoint."""
        endpoints = self._here.client.online_endpoints
        port = urlsplit(endpoints.get(endpoint).scoring_uri).port
        return int(port or 0), endpoints.get_keys(name=endpoint).primary_key

    def memory(self, instances: int) -> float:
        """Megabytes (Pss) that so many replicas of the model take together, after each has answered."""
        from tests.bench.serving import load

        with silent():
            self._here.client.online_deployments.begin_create_or_update(
                self._deployment("shared", "nocode", instances)
            ).result()
        load(self.errand("shared", ROWS), 16, 1.0)
        pids = [int(one["pid"]) for one in self._status()["deployments"]["shared"]["replicas"]]
        return sum(_pss(pid) for pid in _with_mothers(pids, self.router)) / 1024


def _first_good(port: int, key: str, deployment: str, body: str) -> None:
    """Ask until the answer is a good one.

    Raises:
        TimeoutError: There was none in time.
    """
    headers = {"Authorization": f"Bearer {key}", "azureml-model-deployment": deployment}
    headers["Content-Type"] = "application/json"
    until, status, said = time.monotonic() + COLD_SECONDS, 0, b""
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=COLD_SECONDS)
        connection.request("POST", "/score", body, headers)
        answer = connection.getresponse()
        status, said = answer.status, answer.read()
        connection.close()
        if status == 200:
            return
        time.sleep(0.005)
    msg = f"{deployment} has not answered well in {COLD_SECONDS:g} s: {status} {said!r}"
    raise TimeoutError(msg)


def _with_mothers(pids: list[int], router: int) -> set[int]:
    """The processes and those they were forked from, the router left out."""
    import psutil

    return {*pids, *(psutil.Process(pid).ppid() for pid in pids)} - {router}


def _pss(pid: int) -> int:
    """Kilobytes of a process, shared pages counted in part."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:  # noqa: PTH123
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
