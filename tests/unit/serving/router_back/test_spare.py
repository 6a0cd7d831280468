"""A spare interpreter becomes the first replica of a model, where that cannot be told from a fresh one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.agent import processes
from jupyter_aml.local.serving.router.spare import Spare

ENV = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}


@pytest.fixture
def spare(tmp_path: Path) -> Iterator[Spare]:
    made = Spare(sys.executable, ENV, tmp_path / "router.log")
    yield made
    made.close()


def order(**changed: Any) -> dict[str, Any]:
    return {"kind": "mlflow", "base": sys.executable, "python": sys.executable, **changed}


@pytest.mark.parametrize(
    ("changed", "env"),
    [
        ({"kind": "script"}, {}),
        ({"base": "/another/python"}, {}),
        ({}, {"OMP_NUM_THREADS": "4"}),
        ({}, {"PYTHONPATH": "/mine"}),
        ({}, {"LD_PRELOAD": "/mine.so"}),
    ],
)
def test_what_could_tell_gets_a_fresh_interpreter(
    spare: Spare, tmp_path: Path, changed: dict[str, Any], env: dict[str, str]
) -> None:
    assert spare.take(order(**changed), tmp_path / "order.json", tmp_path / "0.log", {**ENV, **env}) is None


def test_it_is_taken_once_and_says_in_the_replicas_log_why_it_fails(spare: Spare, tmp_path: Path) -> None:
    file, log = tmp_path / "order.json", tmp_path / "0.log"
    env = {**ENV, "COLOUR": "blue"}

    begun = spare.take(order(), file, log, env)  # there is no such file

    assert begun is not None
    assert spare.take(order(), file, log, env) is None
    with begun.line:
        assert begun.process.wait(60) == 3
        said = begun.line.recv(1 << 16).decode()
    assert '"armed"' in said
    assert '"failed"' in said
    assert "order.json" in log.read_text()


def test_one_that_nobody_takes_is_ended(tmp_path: Path) -> None:
    spare = Spare(sys.executable, ENV, tmp_path / "router.log")
    begun = spare._begun
    assert begun is not None

    spare.close()

    assert begun.process.returncode is not None
    until = time.monotonic() + 5
    while processes.alive(begun.process.pid, 0) and time.monotonic() < until:
        time.sleep(0.01)
    assert not processes.alive(begun.process.pid, 0)
