"""A store with its own host, and short ways to run command jobs in it through the unmodified SDK."""

from __future__ import annotations

import os
import shutil
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jupyter_aml.local.store import bell
from jupyter_aml.testing import hosts
from tests import waiting

PATIENCE = 90.0
FINAL = ("Completed", "Failed", "Canceled")
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"
PLAIN = "plain:1"
"""An environment of every lab: the interpreter that submits."""
wait_for = waiting.patient(PATIENCE)


def own_words(text: str) -> str:
    """A run's log without what is said of the image of its environment."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("The image "))


class Lab:
    """A client of a workspace that runs jobs.

    Attributes:
        door: `process`, or `http`: then as inside a job, by the relay to the loopback door of the host.
        client: A real MLClient.
        service: Who answers it in this process; the host has its own over the same store.
        entry: The workspace in the catalogue.
    """

    def __init__(self, door: str, client: Any, service: Any, entry: Any) -> None:
        self.door = door
        self.client = client
        self.service = service
        self.entry = entry

    def submit(self, script: str = "", **more: Any) -> str:
        """Submit a script, or with `command=` a command line; the job's name."""
        from azure.ai.ml import command

        options: dict[str, Any] = {"environment": PLAIN, "experiment_name": "conformance", **more}
        if script:
            code = Path(tempfile.mkdtemp(prefix="code", dir=Path.cwd()))
            (code / "train.py").write_text(textwrap.dedent(script), encoding="utf-8")
            options = {"command": "python train.py", "code": str(code), **options}
        return str(self.client.jobs.create_or_update(command(**options)).name)

    def end(self, name: str) -> Any:
        """A job when it has ended."""
        wait_for(lambda: self.client.jobs.get(name).status in FINAL, f"the end of {name}")
        return self.client.jobs.get(name)

    def run(self, script: str = "", *, status: str = "Completed", **more: Any) -> Any:
        """Submit a job and wait for its end, which must be that status; the job."""
        job = self.end(self.submit(script, **more))
        assert job.status == status, f"{job.name} is {job.status}:\n{self.log(job.name)[-3000:]}"
        return job

    def prints(self, script: str = "", **more: Any) -> str:
        """What a job prints that completes."""
        return self.log(self.run(script, **more).name)

    def log(self, name: str) -> str:
        """The run's log, without what is said of the environment."""
        path = self.entry.folder / "runs" / name / "user_logs" / "std_log.txt"
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        return own_words(text)

    def error(self, name: str) -> dict[str, Any]:
        """Why a job failed, as run history tells the SDK."""
        details = self.client.jobs._runs_operations.get_run_details(name)
        found: dict[str, Any] = details.error.as_dict()["error"]
        return found

    def running(self, name: str) -> None:
        """Wait until a job runs."""

        def begun() -> bool:
            status = self.client.jobs.get(name).status
            assert status not in FINAL, f"{name} is {status}: {self.log(name)[-2000:]}"
            return bool(status == "Running")

        wait_for(begun, f"{name} runs")


def make_home() -> Iterator[Path]:
    """A folder for a store whose host stays until the end."""
    place = Path(tempfile.mkdtemp(prefix="aml-"))
    before = os.environ.get("JUPYTER_AML_IDLE")
    os.environ["JUPYTER_AML_IDLE"] = "120"
    yield place
    if before is None:
        del os.environ["JUPYTER_AML_IDLE"]
    else:
        os.environ["JUPYTER_AML_IDLE"] = before
    hosts.stop(place)
    shutil.rmtree(place, ignore_errors=True)


def by_process(home: Path) -> Iterator[Lab]:
    """A client whose requests are answered in this process; it wakes the host."""
    from jupyter_aml.client.connect import connect, connection

    client = connect("local", home=home, show_progress=False)
    made = connection(client)
    _furnish(client)
    yield Lab("process", client, made.service, made.entry)


def by_http(home: Path) -> Iterator[Lab]:
    """A client as inside a job: no door in this process, the relay, and the loopback door of the host."""
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    from jupyter_aml.agent import relay
    from jupyter_aml.client import services
    from jupyter_aml.local.authz import tokens

    service = services.service(home)
    entry = service.store.create()
    service.workspace(entry)
    service.store.attend()
    port = wait_for(lambda: bell.ask(home, {"op": "status"}), "an answer of the host")["port"]
    token = tokens.issue(service.store, tokens.local_identity(service.store), audience="jupyter_aml")
    relay.activate(f"http://127.0.0.1:{port}", token)
    relay.patch_requests()
    relay.watch_credentials()
    try:
        client = MLClient(
            DefaultAzureCredential(),
            entry.subscription,
            entry.group,
            entry.name,
            enable_telemetry=False,
            show_progress=False,
        )
        _furnish(client)
        yield Lab("http", client, service, entry)
    finally:
        relay.deactivate()


def _furnish(client: Any) -> None:
    from azure.ai.ml.entities import Environment

    name, version = PLAIN.split(":")
    client.environments.create_or_update(Environment(name=name, version=version, image=IMAGE))
