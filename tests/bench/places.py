"""A local workspace for measuring: a store of its own that is gone afterwards, host included."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_aml.testing import hosts

ENDED = {"Completed", "Failed", "Canceled"}
TAGS = {"jupyter_aml.interpreter": "submitter"}
SETTLE_SECONDS = 0.5
GONE_SECONDS = 30.0
IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"


@dataclass(frozen=True)
class Place:
    """A connected workspace.

    Attributes:
        client: The real `MLClient`.
        folder: A folder for the files of the measurement.
        environment: Reference of an environment that means this interpreter.
    """

    client: Any
    folder: Path
    environment: str

    def command(self, line: str, code: Path | None = None, **more: Any) -> Any:
        """A command job, not submitted yet."""
        from azure.ai.ml import command

        return command(command=line, code=str(code) if code else None, environment=self.environment, **more)

    def done(self, job: Any) -> Any:
        """Submit a job and wait for its good end; the job as the SDK gave it back."""
        submitted = self.client.jobs.create_or_update(job)
        self.finished(submitted.name)
        return submitted

    def finished(self, name: str, seconds: float = 120.0) -> None:
        """Wait for a job's good end.

        Raises:
            RuntimeError: It ended otherwise; with its log.
            TimeoutError: It has not ended in time.
        """
        status = self.ended(name, seconds)
        if status != "Completed":
            msg = f"The job {name} is {status}:\n{self.log(name)[-2000:]}"
            raise RuntimeError(msg)

    def ended(self, name: str, seconds: float = 120.0) -> str:
        """Wait for a job's end; its status."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            status = self.client.jobs.get(name).status
            if status in ENDED:
                return str(getattr(status, "value", status))
            time.sleep(0.05)
        msg = f"The job {name} has not ended in {seconds:g} s."
        raise TimeoutError(msg)

    def settle(self) -> None:
        """Wait until the host has nothing to do and holds a warm run ready, as it does for a person who thinks."""
        time.sleep(SETTLE_SECONDS)

    def log(self, name: str) -> str:
        """What the job has written."""
        connection = self.client.jupyter_aml
        workspace = connection.store.workspace(connection.entry)
        return (workspace.runs_folder(name) / "user_logs" / "std_log.txt").read_text(encoding="utf-8")


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Leave out the progress bars and notes that the SDK and MLflow write to stderr."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """A workspace in a temporary store."""
    with temporary() as folder, _connected(folder) as found:
        yield found


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """A folder, gone afterwards with all in it; the host of a store in its `home` is ended first."""
    folder = Path(tempfile.mkdtemp(prefix="aml-bench-"))
    try:
        yield folder
    finally:
        hosts.stop(folder / "home")
        until = time.monotonic() + GONE_SECONDS
        while folder.exists() and time.monotonic() < until:  # what has just ended may be writing its last words
            shutil.rmtree(folder, ignore_errors=True)
            time.sleep(0.05)


@contextlib.contextmanager
def _connected(folder: Path) -> Iterator[Place]:
    import jupyter_aml

    home = folder / "home"
    kept = os.environ.get("JUPYTER_AML_HOME")
    os.environ["JUPYTER_AML_HOME"] = str(home)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        with silent():
            client = jupyter_aml.connect("local")
            from azure.ai.ml.entities import Environment

            made = client.environments.create_or_update(Environment(name="bench", image=IMAGE, tags=TAGS))
            yield Place(client, folder, f"azureml:{made.name}:{made.version}")
    finally:
        jupyter_aml.disconnect()
        from jupyter_aml.client import services

        services.close(home)
        if kept is None:
            os.environ.pop("JUPYTER_AML_HOME", None)
        else:
            os.environ["JUPYTER_AML_HOME"] = kept
