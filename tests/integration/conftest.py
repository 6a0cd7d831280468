"""A whole installation: the unmodified SDK or the magics, a real host process, a store in an awkward path."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from jupyter_aml.client import warm
from jupyter_aml.errors import AmlError
from jupyter_aml.local.store import bell
from jupyter_aml.testing import hosts
from tests import waiting

warm.sdk()  # before the tests import it in the slow way

PATIENCE = 90.0
FINAL = ("Completed", "Failed", "Canceled")
wait_for = waiting.patient(PATIENCE)


class Lab:
    """A store with its host, and short ways to use both.

    Args:
        home: The store's folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home
        self._client: Any = None

    @property
    def client(self) -> Any:
        """A client of this test; connecting wakes the host."""
        if self._client is None:
            from azure.ai.ml.entities import Environment

            from jupyter_aml.client.connect import connect, connection

            self._client = connect("local", home=self.home, show_progress=False)
            self.folder = connection(self._client).entry.folder
            self._client.environments.create_or_update(
                Environment(name="plain", version="1", image="python:3", tags={"jupyter_aml.interpreter": "submitter"})
            )
        return self._client

    @property
    def container(self) -> Path:
        """The folder of the blobs of workspaceblobstore."""
        from jupyter_aml.client.connect import connection

        entry = connection(self.client).entry
        return self.folder / "blobs" / str(entry.account) / f"azureml-blobstore-{entry.id}"

    def leave(self) -> None:
        """Forget the client, which the end of a test disconnects."""
        self._client = None

    def submit(self, script: str = "", **more: Any) -> str:
        """Submit a script, or with `command=` a command line; the job's name."""
        from azure.ai.ml import command

        options: dict[str, Any] = {"environment": "plain:1", "experiment_name": "bad", **more}
        if script:
            code = Path(tempfile.mkdtemp(prefix="code ü", dir=Path.cwd()))
            (code / "train.py").write_text(textwrap.dedent(script), encoding="utf-8")
            options = {"command": "python train.py", "code": str(code), **options}
        made: str = self.client.jobs.create_or_update(command(**options)).name
        return made

    def status(self, name: str) -> str:
        found = self.client.jobs.get(name).status
        return str(getattr(found, "value", found))

    def until(self, name: str, status: str) -> None:
        """Wait until a job has a status, which it must still be able to reach."""

        def there() -> bool:
            now = self.status(name)
            assert now == status or now not in FINAL, f"{name} is {now}: {self.error(name)}\n{self.log(name)[-2000:]}"
            return now == status

        wait_for(there, f"{name} is {status}")

    def end(self, name: str) -> str:
        """Status of a job when it has ended."""
        wait_for(lambda: self.status(name) in FINAL, f"the end of {name}")
        return self.status(name)

    def run(self, script: str = "", **more: Any) -> tuple[str, str]:
        """Submit a job and wait for its end; its name and status."""
        name = self.submit(script, **more)
        return name, self.end(name)

    def log_path(self, name: str) -> Path:
        return self.folder / "runs" / name / "user_logs" / "std_log.txt"

    def log(self, name: str) -> str:
        path = self.log_path(name)
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def reader(self) -> Any:
        from jupyter_aml.client.connect import connection
        from jupyter_aml.commands.actions.jobs import Reader

        return Reader(connection(self.client))

    def error(self, name: str) -> str:
        """What the service says went wrong."""
        return str((self.reader().snapshot(name)["error"] or {}).get("message") or "")

    def host(self) -> dict[str, Any]:
        """What the host says of itself, as soon as it answers."""
        found: dict[str, Any] = wait_for(lambda: bell.ask(self.home, {"op": "status"}), "an answer of the host")
        return found

    def kill_host(self) -> int:
        """Kill the host as a power cut would; its pid."""
        pid = int(self.host()["pid"])
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not hosts.alive(pid), "the host's end")
        return pid

    def supervisor(self, name: str) -> int:
        """Pid of a running job's supervisor."""
        found = wait_for(
            lambda: next((job["pid"] for job in self.host()["jobs"] if job["job"] == name), None), "a supervisor"
        )
        return int(found)


def make_lab(name: str) -> Iterator[Lab]:
    """A store in a temporary folder whose name has spaces and letters beyond ASCII."""
    place = Path(tempfile.mkdtemp(prefix="aml-"))
    before = os.environ.get("JUPYTER_AML_IDLE")
    os.environ["JUPYTER_AML_IDLE"] = "120"
    made = Lab(place / name)
    yield made
    if before is None:
        del os.environ["JUPYTER_AML_IDLE"]
    else:
        os.environ["JUPYTER_AML_IDLE"] = before
    hosts.stop(made.home)
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def installation() -> Iterator[Lab]:
    """One store and host for the tests of a module."""
    yield from make_lab("höme of Zoë")


@pytest.fixture
def lab(installation: Lab, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """The module's store, and an empty working directory whose name has a space."""
    monkeypatch.setenv("JUPYTER_AML_HOME", str(installation.home))
    work = tmp_path / "my wörk"
    work.mkdir()
    monkeypatch.chdir(work)
    yield installation
    installation.leave()


class Notebook:
    """A shell with the extension, connected to the store of these tests."""

    def __init__(self, shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
        self.shell = shell
        self._capsys = capsys

    def cell(self, text: str) -> str:
        """Run a cell that must do well; what it showed."""
        result = self.shell.run_cell(text)
        assert result.success, result.error_in_exec or result.error_before_exec
        return self.shown()

    def value(self, text: str) -> Any:
        """Run a cell that must do well; what it gives: an outcome."""
        result = self.shell.run_cell(text)
        assert result.success, result.error_in_exec or result.error_before_exec
        return result.result

    def refused(self, text: str) -> str:
        """Run a cell that must be refused by us; what it showed, which has no traceback of ours."""
        result = self.shell.run_cell(text)
        shown = self.shown()
        assert isinstance(result.error_in_exec, AmlError), f"{result.error_in_exec!r}: {shown}"
        assert "jupyter_aml/" not in shown
        assert "azure/ai/ml" not in shown
        return shown

    def shown(self) -> str:
        found = self._capsys.readouterr()
        return found.out + found.err


@pytest.fixture
def notebook(lab: Lab, capsys: pytest.CaptureFixture[str]) -> Iterator[Notebook]:
    assert lab.client is not None
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "jupyter_aml")
    shell.run_cell("%aml connect local;")
    capsys.readouterr()
    yield Notebook(shell, capsys)
    for thread in threading.enumerate():
        if thread.name.startswith("jupyter_aml-card"):
            thread.join(30)
    shell.run_line_magic("unload_ext", "jupyter_aml")
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()
