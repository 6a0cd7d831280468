"""Jobs whose environment has to be built first: a real runner and real installers, runs that are only pretended."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.agent import processes
from jupyter_aml.local.runtime import builds
from tests.unit.runtime.wheels import make_slow_source, make_wheel

from .test_runner import Bench

BUILD_LOG = "azureml-logs/20_image_build_log.txt"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip is configured to know nothing but this folder."""
    folder = tmp_path / "wheels"
    make_wheel(folder, "tiny", "1.0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


@pytest.fixture
def bench(wire: Any, wheels: Path) -> Iterator[Bench]:
    made = Bench(wire)
    yield made
    made.close()


@pytest.fixture
def slow(wheels: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The package `slow` is built when the second file is there; the first tells by whom."""
    made = tmp_path / "began", tmp_path / "go"
    make_slow_source(wheels, "slow", *made)
    return made


def environment(wire: Any, name: str, *packages: str) -> dict[str, str]:
    """Field of a job that names an environment of these packages."""
    conda = json.dumps({"dependencies": ["pip", {"pip": list(packages)}]})
    status, body = wire.ask("PUT", f"/environments/{name}/versions/1", {"properties": {"condaFile": conda}})
    assert status == 201, body
    return {"environmentId": f"{wire.base}/environments/{name}/versions/1"}


def read(bench: Bench, job: str, log: str = "user_logs/std_log.txt") -> str:
    path = bench.wire.workspace.runs_folder(job) / log
    return path.read_text(encoding="utf-8") if path.exists() else ""


def environments(bench: Bench) -> list[Path]:
    folder = bench.wire.workspace.store.home / "envs"
    return [path for path in folder.iterdir() if path.is_dir()] if folder.exists() else []


def state(bench: Bench, job: str) -> dict[str, Any]:
    from jupyter_aml.local.jobs import records

    with bench.wire.workspace.database.read() as reader:
        return records.find(reader, job).state


def test_a_job_is_preparing_while_its_environment_is_built_and_its_logs_tell(
    bench: Bench, slow: tuple[Path, Path]
) -> None:
    began, go = slow
    bench.submit("fox", **environment(bench.wire, "slow", "slow"))
    bench.until(began.exists)

    assert bench.status("fox") == "Preparing"
    (made,) = environments(bench)
    assert read(bench, "fox") == f"Building the environment {made.name} with uv: 1 requirement.\n"
    assert read(bench, "fox") in read(bench, "fox", BUILD_LOG)
    go.touch()
    bench.until_status("fox", "Running")

    assert f"The environment {made.name} is ready after" in read(bench, "fox")
    assert "slow==1.0" in read(bench, "fox", BUILD_LOG)
    assert state(bench, "fox")["python"] == str(builds.python_of(made))


def test_other_jobs_go_on_while_many_wait_for_one_build(bench: Bench, slow: tuple[Path, Path]) -> None:
    _, go = slow
    field = environment(bench.wire, "slow", "slow")
    names = [f"fox{number}" for number in range(10)]
    for name in names:
        bench.submit(name, **field)
    bench.until(lambda: sum("waiting for it" in read(bench, name) for name in names) == 9)
    bench.submit("hare", **environment(bench.wire, "tiny", "tiny"))
    bench.submit("hen")

    for name in ("hen", "hare"):
        bench.until_status(name, "Running")
        bench.pretence.runs[name].finish()
        bench.until_status(name, "Completed")
    go.touch()
    bench.until(lambda: {bench.status(name) for name in names} <= {"Queued", "Running"})

    assert len(environments(bench)) == 2
    assert sum("Building" in read(bench, name) for name in names) == 1


def test_a_cancel_in_the_middle_of_a_build_ends_it_and_the_job(bench: Bench, slow: tuple[Path, Path]) -> None:
    began, _ = slow
    bench.submit("fox", **environment(bench.wire, "slow", "slow"))
    bench.until(began.exists)

    assert bench.wire.ask("POST", "/jobs/fox/cancel")[0] in {200, 202}
    bench.scan()
    bench.until_status("fox", "Canceled")

    assert not processes.alive(int(began.read_text()), 0)
    assert environments(bench) == []
    assert "given up" in read(bench, "fox")


def test_the_job_that_waited_builds_what_another_has_given_up(bench: Bench, slow: tuple[Path, Path]) -> None:
    began, go = slow
    field = environment(bench.wire, "slow", "slow")
    bench.submit("fox", **field)
    bench.until(began.exists)
    bench.submit("hare", **field)
    bench.until(lambda: "waiting for it" in read(bench, "hare"))

    bench.wire.ask("POST", "/jobs/fox/cancel")
    bench.scan()
    go.touch()

    bench.until_status("fox", "Canceled")
    bench.until_status("hare", "Running")


def test_a_build_that_fails_fails_the_job_with_the_solvers_words(bench: Bench) -> None:
    bench.submit("fox", **environment(bench.wire, "bad", "nowhere==9"))
    bench.until_status("fox", "Failed")

    error = state(bench, "fox")["error"]
    assert error["code"] == "ImageBuildFailure"
    assert "nowhere" in error["message"]
    assert "nowhere" in read(bench, "fox")
    assert "nowhere" in read(bench, "fox", BUILD_LOG)


def test_a_host_that_comes_after_one_that_died_in_a_build_builds_anew(wire: Any, slow: tuple[Path, Path]) -> None:
    began, go = slow
    first = Bench(wire)
    first.submit("fox", **environment(wire, "slow", "slow"))
    first.until(began.exists)
    first.close()
    first.until(lambda: not processes.alive(int(began.read_text()), 0))

    go.touch()
    second = Bench(wire)
    try:
        second.loop.soon(second.runner.recover)
        second.until_status("fox", "Running")
        assert read(second, "fox").count("Building") == 1
    finally:
        second.close()


def test_what_the_submitters_python_has_takes_no_build_and_the_log_says_so(bench: Bench) -> None:
    bench.submit("fox", **environment(bench.wire, "met", "pytest", "PyYAML>=5"))
    bench.until_status("fox", "Running")

    assert environments(bench) == []
    assert read(bench, "fox").startswith(f"{sys.executable} (Python ")
    assert "has all packages of the environment" in read(bench, "fox")
    assert state(bench, "fox")["python"] == sys.executable
