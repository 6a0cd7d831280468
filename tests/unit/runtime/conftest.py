"""A place to run things in, and the two ways of running them."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.runtime import overlay
from jupyter_aml.local.runtime.handles import Exit, Handle
from jupyter_aml.local.runtime.interpreters import describe
from jupyter_aml.local.runtime.provisioners.base import Provisioner
from jupyter_aml.local.runtime.provisioners.exec import ExecProvisioner
from jupyter_aml.local.runtime.provisioners.fork import ForkProvisioner
from jupyter_aml.local.runtime.spec import Python, RunSpec

PATIENCE = 60.0


class StrictFork(ForkProvisioner):
    """Forks or fails: a silent fall back to exec would test the wrong thing."""

    def launch(self, spec: RunSpec) -> Handle:
        zygote = self.zygotes.warm(spec)
        assert zygote.ready(PATIENCE)
        handle = zygote.start(spec)
        assert handle is not None
        return handle


class Bench:
    """A code folder, and runs in it."""

    def __init__(self, folder: Path, users_home: str) -> None:
        self.folder = folder
        self.users_home = users_home
        self.code = folder / "code"
        self.code.mkdir(parents=True)
        self.count = 0
        self.handles: list[Handle] = []

    def script(self, text: str, name: str = "train.py") -> Path:
        path = self.code / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def spec(self, *args: str, script: str | None = "train.py", command: str = "", **fields: Any) -> RunSpec:
        self.count += 1
        work = self.folder / f"work {self.count}"
        work.mkdir()
        env = {
            "PATH": os.environ["PATH"],
            "HOME": self.users_home,
            "LANG": "C.UTF-8",
            "MPLBACKEND": "agg",
            **fields.pop("env", {}),
        }
        interpreter = fields.pop("interpreter", sys.executable)
        packages = describe(interpreter).site_packages
        overlay.make(work / "env", interpreter, packages)
        python = fields.pop("python", None if command else Python(script=script, args=args))
        return RunSpec(
            run=f"run{self.count}",
            work=str(work),
            log=str(work / "std_log.txt"),
            cwd=str(self.code),
            env=env,
            interpreter=interpreter,
            kind="shell" if command else "python",
            python=python,
            command=command,
            site_packages=packages,
            overlay=str(work / "env"),
            **fields,
        )

    def start(self, provisioner: Provisioner, spec: RunSpec) -> Handle:
        handle = provisioner.start(spec)
        self.handles.append(handle)
        return handle

    def run(self, provisioner: Provisioner, spec: RunSpec) -> tuple[Exit, str]:
        end = self.start(provisioner, spec).wait(PATIENCE)
        assert end is not None
        return end, log(spec)

    def close(self) -> None:
        for handle in self.handles:
            handle.cancel()
        for handle in self.handles:
            handle.wait(5)
            handle.close()


def log(spec: RunSpec) -> str:
    path = Path(spec.log)
    return path.read_text(encoding="utf-8") if path.exists() else ""


def wait_until(condition: Any, seconds: float = 20.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    pytest.fail("it did not happen in time")


@pytest.fixture
def bench(tmp_path: Path, users_home: str) -> Iterator[Bench]:
    made = Bench(tmp_path / "a plåce", users_home)
    yield made
    made.close()


@pytest.fixture(scope="session")
def users_home(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def forks() -> Iterator[StrictFork]:
    provisioner = StrictFork()
    yield provisioner
    provisioner.close()


@pytest.fixture(params=["fork", "exec"])
def provisioner(request: pytest.FixtureRequest) -> Provisioner:
    return request.getfixturevalue("forks") if request.param == "fork" else ExecProvisioner()
