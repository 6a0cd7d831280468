"""A disk that is full, a folder that is read-only, a database of a newer version: said in words, nothing is damaged."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml.entities import Data

from jupyter_aml.agent import processes
from jupyter_aml.client.connect import connect, disconnect
from jupyter_aml.commands import faults
from jupyter_aml.testing import hosts

from .conftest import Lab, wait_for

SIZE = 24 << 20
REMEDY = "aml local du"


def mount(*arguments: str) -> bool:
    """Whether something could be mounted."""
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode == 0


class Disk:
    """A small disk of its own, which can be filled to the last byte."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room for anything."""
        with self.ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue

    def free(self) -> None:
        self.ballast.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def place() -> Iterator[Disk]:
    folder = Path(tempfile.mkdtemp(prefix="aml-"))
    if not mount("-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)):
        folder.rmdir()
        pytest.skip("only who may mount a small disk can fill it")
    yield Disk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture(scope="module")
def installation(place: Disk) -> Iterator[Lab]:
    before = os.environ.get("JUPYTER_AML_IDLE")
    os.environ["JUPYTER_AML_IDLE"] = "120"
    made = Lab(place.folder / "home")
    yield made
    place.free()
    hosts.stop(made.home)
    if before is None:
        del os.environ["JUPYTER_AML_IDLE"]
    else:
        os.environ["JUPYTER_AML_IDLE"] = before


@pytest.fixture
def disk(place: Disk, lab: Lab) -> Iterator[Disk]:
    """The disk of the tests' store; after each test there is room again, and everything works."""
    assert lab.client is not None
    yield place
    place.free()
    name, status = lab.run("print('still here')")
    assert (status, lab.log(name).splitlines()[-1:]) == ("Completed", ["still here"]), lab.error(name)


def refused(call: Callable[[], Any]) -> str:
    """What a person reads when a call is refused."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the SDK's own, translated below
        call()
    found = faults.translate(caught.value)
    assert found is not None, repr(caught.value)
    return "\n".join(faults.lines(found))


def data(name: str, content: bytes) -> Data:
    path = Path(f"{name}.bin")
    path.write_bytes(content)
    return Data(name=name, type="uri_file", path=str(path))


def test_a_new_store_on_a_full_disk_is_refused_and_made_when_there_is_room(disk: Disk) -> None:
    home = disk.folder / "new"
    disk.fill()

    said = refused(lambda: connect("local", home=home, show_progress=False))
    disk.free()

    assert "full" in said
    assert REMEDY in said
    try:
        assert connect("local", home=home, show_progress=False).workspaces.get("local").name == "local"
    finally:
        disconnect()
        hosts.stop(home)


def test_data_that_does_not_fit_is_refused_and_taken_when_there_is_room(lab: Lab, disk: Disk) -> None:
    entity = data("big", os.urandom(3 << 20))
    disk.fill()

    said = refused(lambda: lab.client.data.create_or_update(entity))

    assert said.startswith("The disk is full: ")
    assert REMEDY in said
    assert "big" not in [one.name for one in lab.client.data.list()]
    disk.free()
    assert lab.client.data.create_or_update(entity).version == "1"


def test_a_job_that_does_not_fit_is_refused_and_taken_when_there_is_room(lab: Lab, disk: Disk) -> None:
    long = {"command": "echo done", "description": "x" * 300_000}
    disk.fill()

    said = refused(lambda: lab.submit(**long))

    assert "full" in said
    assert REMEDY in said
    before = {one.name for one in lab.client.jobs.list()}
    disk.free()
    name, status = lab.run(**long)
    assert (status, lab.log(name).splitlines()[-1:]) == ("Completed", ["done"]), lab.error(name)
    assert {one.name for one in lab.client.jobs.list()} - before == {name}


def test_a_script_that_fills_the_disk_fails_with_its_own_words_and_gives_the_room_back(lab: Lab, disk: Disk) -> None:
    name, status = lab.run(
        """
        with open("much", "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 65536)
        """
    )

    assert status == "Failed"
    wait_for(lambda: not (lab.folder / "work" / name).exists(), "the end of its working folder")
    assert "No space left on device" in lab.error(name)


@pytest.mark.parametrize("code", [0, 3])
def test_a_job_that_ends_while_the_disk_is_full_is_told_as_it_ended(
    lab: Lab, disk: Disk, tmp_path: Path, code: int
) -> None:
    gate = tmp_path / "gate"
    name = lab.submit(
        f"""
        import pathlib, sys, time
        print("begun", flush=True)
        while not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)
        sys.exit({code})
        """
    )
    wait_for(lambda: "begun" in lab.log(name), "the script's first line")
    script = json.loads((lab.folder / "work" / name / "supervisor.json").read_text())["child"]
    disk.fill()
    gate.touch()
    wait_for(lambda: not processes.alive(script, 0), "the script's end")
    disk.free()

    assert lab.end(name) == ("Failed" if code else "Completed"), lab.error(name)
    assert not code or "exit code 3" in lab.error(name)


def test_metrics_that_do_not_fit_are_refused_and_kept_when_there_is_room(lab: Lab, disk: Disk, tmp_path: Path) -> None:
    gate, said, again = tmp_path / "gate", tmp_path / "said", tmp_path / "again"
    name = lab.submit(
        f"""
        import pathlib, time, mlflow
        def wait(path):
            while not pathlib.Path(path).exists(): time.sleep(0.01)
        def log(batch):
            mlflow.log_metrics({{f"m{{batch}}-{{n}}": n for n in range(1000)}}, step=1)
        mlflow.log_metric("m", 0, step=0)
        print("begun", flush=True)
        wait({str(gate)!r})
        for batch in range(50):
            try:
                log(batch)
            except Exception as error:
                pathlib.Path({str(said)!r}).write_text(str(error))
                wait({str(again)!r})
                log(batch)
                break
        """,
        environment_variables={"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"},
    )
    wait_for(lambda: "begun" in lab.log(name), "the script's first line")
    disk.fill()
    gate.touch()
    wait_for(lambda: said.exists() and said.read_text(), "a refused metric")
    assert lab.status(name) == "Running"
    assert "503" in said.read_text(), "clients repeat it, for a minute by default"
    disk.free()
    again.touch()

    assert lab.end(name) == "Completed", lab.error(name)
    assert len(lab.reader().snapshot(name)["metrics"]) % 1000 == 1


class Other:
    """A store of its own, worked on from a terminal."""

    def __init__(self, home: Path, work: Path) -> None:
        self.home = home
        self.work = work
        (work / "x.csv").write_text("a\n1\n", encoding="utf-8")
        (work / "job.yml").write_text("command: echo still here\nenvironment: azureml:plain:1\n", encoding="utf-8")

    def aml(self, *words: str) -> tuple[int, str]:
        """Exit code of a command, and what it said."""
        ran = subprocess.run(
            [sys.executable, "-m", "jupyter_aml.cli", *words],
            check=False, capture_output=True, text=True, cwd=self.work, stdin=subprocess.DEVNULL,
            env={**os.environ, "JUPYTER_AML_HOME": str(self.home)},
        )  # fmt: skip
        return ran.returncode, ran.stdout + ran.stderr

    def works(self) -> None:
        """Data can be registered and a job runs."""
        code, said = self.aml("data", "create", "x", "x.csv", "-o", "none")
        assert code == 0, said
        code, said = self.aml("job", "create", "--file", "job.yml", "--stream", "-o", "none")
        assert (code, said.splitlines()[-1:]) == (0, ["still here"]), said


CHANGES = [
    ("data", "create", "x", "x.csv"),
    ("job", "create", "--file", "job.yml"),
]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    home = Path(tempfile.mkdtemp(prefix="aml-"))
    made = Other(home, tmp_path)
    code, said = made.aml("environment", "create", "plain", "--version", "1", "--image", "python:3", "-o", "none")
    assert code == 0, said
    hosts.stop(home)
    yield made
    hosts.stop(home)
    shutil.rmtree(home)


@pytest.mark.timeout(400)  # many processes of the console script, one after the other
def test_a_store_in_a_read_only_folder_is_refused_in_words_and_works_when_it_is_not(other: Other) -> None:
    folder = str(other.home)
    if not mount("--bind", folder, folder):
        pytest.skip("only who may mount can make a folder read-only for root")
    try:
        assert mount("-o", "remount,bind,ro", folder)
        code, said = other.aml("environment", "show", "plain", "--version", "1", "--query", "name", "-o", "tsv")
        assert (code, said) == (0, "plain\n"), "what is there can be read"
        for words in CHANGES:
            code, said = other.aml(*words)
            assert code == 1, said
            assert "write access" in said
            assert "Traceback" not in said
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)

    other.works()


@pytest.mark.timeout(400)  # many processes of the console script, one after the other
@pytest.mark.parametrize("series", ["store.db", "workspace.db"])
def test_a_database_of_a_newer_version_is_refused_in_words_and_left_as_it_is(other: Other, series: str) -> None:
    (path,) = other.home.rglob(series)

    def version(number: int | None = None) -> int:
        connection = sqlite3.connect(path)
        before = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if number is not None:
            connection.execute(f"PRAGMA user_version={number}")
        connection.close()
        return before

    known = version(9999)
    for words in (("workspace", "show"), *CHANGES):
        code, said = other.aml(*words)
        assert code == 1, said
        assert "was written by a newer jupyter_aml" in said
        assert "pip install -U jupyter_aml" in said
        assert "Traceback" not in said
    assert version(known) == 9999

    other.works()
