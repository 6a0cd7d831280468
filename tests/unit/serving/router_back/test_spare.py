"""A spare interpreter becomes a replica, where that cannot be told from a fresh one."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.agent import processes
from jupyter_aml.local.serving.router.spare import SCRIPT, Ahead, Spare

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


@pytest.mark.parametrize(
    ("source", "env", "fits"),
    [
        ("import joblib\n", {}, True),
        ("from sklearn.linear_model import LinearRegression\n", {}, True),
        ("import json\n", {}, False),
        ("import pickle\n", {"OMP_NUM_THREADS": "4"}, True),
        ("import pickle\n", {"MALLOC_ARENA_MAX": "1"}, False),
    ],
)
def test_a_script_gets_one_that_holds_what_it_imports(
    tmp_path: Path, source: str, env: dict[str, str], *, fits: bool
) -> None:
    script = tmp_path / "score.py"
    script.write_text(source)
    spare = Spare(sys.executable, ENV, tmp_path / "router.log")
    wanted = order(kind=SCRIPT, script=str(script))
    try:
        begun = spare.take(wanted, tmp_path / "order.json", tmp_path / "0.log", {**ENV, **env})

        assert (begun is not None, spare.there) == (fits, not fits)
        if begun is not None:
            with begun.line:
                assert begun.process.wait(60) == 3
    finally:
        spare.close()


def test_a_script_begins_anew_where_its_threads_cannot_be_set(tmp_path: Path) -> None:
    stub, seen, script = tmp_path / "stub", tmp_path / "seen", tmp_path / "score.py"
    stub.mkdir()
    (stub / "threadpoolctl.py").write_text("raise ImportError('none here')\n")
    script.write_text(
        f"import pathlib, sys\npathlib.Path({str(seen)!r}).write_text(str('numpy' in sys.modules))\nimport pickle\n"
        "def init(): pass\ndef run(data): return 1\n"
    )
    wanted = order(kind=SCRIPT, script=str(script), root=str(tmp_path), cwd=str(tmp_path), env={})
    (tmp_path / "order.json").write_text(json.dumps(wanted))
    spare = Spare(sys.executable, {**ENV, "PYTHONPATH": str(stub)}, tmp_path / "router.log")

    begun = spare.take(wanted, tmp_path / "order.json", tmp_path / "0.log", ENV)

    assert begun is not None
    with begun.line:
        said = b""
        while b'"loaded"' not in said:
            more = begun.line.recv(1 << 16)
            assert more, (tmp_path / "0.log").read_text()
            said += more
    assert seen.read_text() == "False"
    begun.process.wait(60)


def test_there_is_one_at_a_time_and_a_new_one_once_it_is_taken(tmp_path: Path) -> None:
    ahead = Ahead(tmp_path / "router.log")
    given = (order(), tmp_path / "order.json", tmp_path / "0.log", ENV)
    assert ahead.take(*given) is None

    ahead.have(sys.executable, {**ENV, "OMP_NUM_THREADS": "4"})
    assert ahead.take(*given) is None
    ahead.have(sys.executable, ENV)
    ahead.have(sys.executable, ENV)
    begun = ahead.take(*given)

    assert begun is not None
    assert ahead.take(*given) is None
    ahead.have(sys.executable, ENV)
    another = ahead.take(*given)
    assert another is not None
    assert another.process.pid != begun.process.pid
    for one in (begun, another):
        with one.line:
            assert one.process.wait(60) == 3


def test_a_python_that_is_not_there_is_said_and_harms_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ahead = Ahead(tmp_path / "router.log")

    ahead.have("/no/python", ENV)

    assert "No spare interpreter: " in capsys.readouterr().err
    assert ahead.take(order(), tmp_path / "order.json", tmp_path / "0.log", ENV) is None


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
