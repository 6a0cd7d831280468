"""A newer package over the store of a running host: the old host makes room, what it started goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import jupyter_aml
from jupyter_aml.testing import hosts

from .conftest import Lab, wait_for

USE = """
import time
from azure.ai.ml import command
from jupyter_aml.client.connect import connect
from jupyter_aml.local.store import migrate
assert migrate.formats()["workspace"] == 9001, migrate.__file__
client = connect("local", quiet=True)
job = client.jobs.create_or_update(command(command="echo new", environment="plain:1", experiment_name="newer"))
until = time.monotonic() + 60
while client.jobs.get(job.name).status not in ("Completed", "Failed") and time.monotonic() < until:
    time.sleep(0.1)
print(str(client.jobs.get(job.name).status).rpartition(".")[2].capitalize())
"""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A folder for PYTHONPATH with a copy of the package whose databases have a format more."""
    source = Path(str(jupyter_aml.__file__)).parent
    shutil.copytree(source, tmp_path / "newer" / "jupyter_aml", ignore=shutil.ignore_patterns("__pycache__"))
    migrations = tmp_path / "newer" / "jupyter_aml" / "local" / "store" / "migrations"
    for series in ("catalogue", "workspace"):
        (migrations / f"9001_{series}_more.sql").write_text("CREATE TABLE more(x);\n", encoding="utf-8")
    return tmp_path / "newer"


def test_a_host_of_the_same_package_stays(lab: Lab) -> None:
    from jupyter_aml.client import local

    assert lab.client is not None
    pid = int(lab.host()["pid"])

    assert local.relieve(lab.home) is False
    assert int(lab.host()["pid"]) == pid


def test_an_older_host_makes_room_and_its_runs_go_on(lab: Lab, newer: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    name = lab.submit(
        f"import pathlib, time\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.02)\nprint('end')"
    )
    lab.until(name, "Running")
    old, supervisor = int(lab.host()["pid"]), lab.supervisor(name)

    told = subprocess.run(
        [sys.executable, "-c", USE],
        env={**os.environ, "PYTHONPATH": str(newer)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert told.returncode == 0, told.stderr
    assert told.stdout.split()[-1] == "Completed", told.stdout + told.stderr
    assert not hosts.alive(old)
    assert hosts.alive(supervisor)
    gate.touch()
    log = lab.log_path(name)
    wait_for(lambda: log.read_text(encoding="utf-8") == "end\n", "the end of the first job")
    wait_for(lambda: not hosts.alive(supervisor), "the end of its supervisor")
