"""An endpoint process with real replicas, without a host: its order is written by the test."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_aml.agent import processes
from jupyter_aml.agent import records as files
from jupyter_aml.local.serving.online import launching, places, talk
from jupyter_aml.local.store.catalogue import Store
from tests import waiting

KEY = "the-key"
PATIENCE = 30.0
ECHO = """
import os
def init():
    print("ready")
def run(data):
    return {"said": __import__("json").loads(data), "by": VERSION, "pid": os.getpid()}
"""
wait_for = waiting.patient(PATIENCE)


class Endpoint:
    """One endpoint process.

    Args:
        home: Folder of a store.
    """

    def __init__(self, home: Path) -> None:
        self.store = Store(home)
        self.store.rings = False
        self.workspace = self.store.workspace(self.store.create())
        self.place = places.endpoint(self.workspace.folder, "iris")
        self.place.folder.mkdir(parents=True)
        self.deployments: dict[str, dict[str, Any]] = {}
        self.traffic: dict[str, int] = {}
        self.spare: dict[str, Any] | None = None
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._revision = 0

    def script(self, name: str, text: str = ECHO, *, version: str = "1", **more: Any) -> dict[str, Any]:
        """A deployment of a scoring script, in the words of the order."""
        digest = hashlib.sha256((text + version).encode()).hexdigest()[:8]
        generation = self.place.deployment(name).generation(digest)
        generation.code.mkdir(parents=True, exist_ok=True)
        script = generation.code / "score.py"
        script.write_text(f"VERSION = {version!r}\n" + textwrap.dedent(text), encoding="utf-8")
        generation.ready.write_text("{}", encoding="utf-8")
        env = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", "NO_PROXY": "127.0.0.1"}
        replica = {
            "kind": "script", "script": str(script), "root": str(generation.code), "model": "", "mlflow": "",
            "python": sys.executable, "env": {**env, **more.pop("env", {})}, "cwd": str(generation.code), "name": name,
            "base": sys.executable,
        }  # fmt: skip
        return {"generation": digest, "replica": replica, "instances": 1, "scale": None, "insights": False, **more}

    def order(self) -> None:
        """Write what is wanted."""
        self._revision += 1
        blobs = self.workspace.blobs.path(self.workspace.blob_container, "modelDataCollector")
        order = {
            "revision": str(self._revision),
            "endpoint": "iris",
            "arm_id": f"{self.workspace.entry.arm_id}/onlineEndpoints/iris".lower(),
            "home": str(self.store.home),
            "workspace": self.workspace.entry.id,
            "workspace_folder": str(self.workspace.folder),
            "collected": str(blobs),
            "host": "127.0.0.1",
            "port": self.port,
            "auth": {"mode": "key", "keys": [hashlib.sha256(KEY.encode()).hexdigest()]},
            "traffic": self.traffic,
            "mirror": {},
            "deployments": self.deployments,
            "spare": self.spare,
        }
        files.write(str(self.place.order), order)

    def start(self, *, healthy: bool = True) -> None:
        """Start the process and wait until every deployment is healthy."""
        self.order()
        self.process = launching.start(self.place)
        wait_for(self.status, "an answer of the process")
        self.port = self.status()["port"]
        if healthy:
            self.until_healthy()

    def apply(self) -> dict[str, Any]:
        """Have the process read a new order."""
        self.order()
        answer = self.ask({"op": "apply"}, timeout=10.0)
        assert answer is not None
        assert "error" not in answer, answer
        return answer

    def ask(self, question: dict[str, Any], timeout: float = 5.0) -> dict[str, Any] | None:
        return talk.ask_place(self.place, question, timeout)

    def status(self) -> dict[str, Any]:
        return self.ask({"op": "status"}) or {}

    def deployment(self, name: str = "blue") -> dict[str, Any]:
        found: dict[str, Any] = (self.status().get("deployments") or {}).get(name) or {}
        return found

    def until(self, state: str, name: str = "blue", seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until a deployment is in a state; what is said of it then."""

        def there() -> dict[str, Any] | None:
            found = self.deployment(name)
            return found if found.get("state") == state else None

        found: dict[str, Any] = wait_for(there, f"{name} is {state}: {self.deployment(name)} {self.log(name)}", seconds)
        return found

    def until_healthy(self) -> None:
        for name in self.deployments:
            self.until("Healthy", name)

    def log(self, name: str = "blue") -> str:
        logs = sorted(self.place.deployment(name).logs.glob("*.log"))
        return "\n".join(log.read_text(encoding="utf-8", errors="replace") for log in logs)

    def score(
        self, value: Any, *, deployment: str = "", timeout: float = 20.0, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and body of one request."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **(headers or {})}
        if deployment:
            headers["azureml-model-deployment"] = deployment
        with contextlib.closing(line):
            line.request("POST", "/score", json.dumps(value), headers)
            answer = line.getresponse()
            body = answer.read()
        try:
            return answer.status, json.loads(body)
        except ValueError:
            return answer.status, body

    def close(self) -> None:
        """End the process; everything of it."""
        pids = [one["pid"] for name in self.deployments for one in self.deployment(name).get("replicas", ())]
        if self.process is not None:
            launching.stop(self.place)
            if self.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        wait_for(lambda: not any(pid and processes.alive(pid, 0) for pid in pids), "the end of the replicas")
        self.workspace.database.close()
        self.store.database.close()


class Load(waiting.Load):
    """Requests that follow each other without a pause, on several connections at a time.

    Args:
        endpoint: Whom to ask.
        threads: How many at a time.
        value: What is sent.
    """

    def __init__(self, endpoint: Endpoint, threads: int = 4, value: Any = 1) -> None:
        super().__init__(lambda: endpoint.score(value), threads)


@contextlib.contextmanager
def endpoint(home: Path) -> Iterator[Endpoint]:
    """An endpoint that ends with the test."""
    made = Endpoint(home)
    try:
        yield made
    finally:
        made.close()
