"""A Dask cluster on other machines, as far as the network can tell: each worker in a network namespace of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_aml.testing import certificates

pytest.importorskip("distributed", reason="the extra `dask` is not installed")

PROGRAM = Path(__file__).with_name("dask_between_machines.py")
HOME = "10.213.77.1"
SPACES = ("home", "one", "two")


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


@pytest.fixture
def spaces() -> Iterator[list[str]]:
    """Network namespaces of a home and two workers, joined by a bridge in the home's."""
    names = [f"aml-{os.getpid()}-{space}" for space in SPACES]
    home, *workers = names
    made = []
    try:
        try:
            for name in names:
                ip("netns", "add", name)
                made.append(name)
                ip("-n", name, "link", "set", "lo", "up")
            ip("-n", home, "link", "add", "br0", "type", "bridge")
            ip("-n", home, "addr", "add", f"{HOME}/24", "dev", "br0")
            ip("-n", home, "link", "set", "br0", "up")
            for number, worker in enumerate(workers):
                end, far = f"port{number}", f"wire{number}"
                ip("-n", home, "link", "add", end, "type", "veth", "peer", "name", far, "netns", worker)
                ip("-n", home, "link", "set", end, "master", "br0", "up")
                ip("-n", worker, "addr", "add", f"{HOME.rpartition('.')[0]}.{number + 2}/24", "dev", far)
                ip("-n", worker, "link", "set", far, "up")
        except OSError as error:
            pytest.skip(f"network namespaces cannot be made here, which takes root and Linux's veth: {error}")
        yield names
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_a_job_outlives_the_machine_that_ran_it(spaces: list[str], tmp_path: Path) -> None:
    certificates.make(tmp_path / "keys")
    home, *workers = spaces

    ran = subprocess.run(
        ["ip", "netns", "exec", home, sys.executable, str(PROGRAM), HOME, str(tmp_path / "keys"), *workers],
        check=False, capture_output=True, text=True, timeout=150, cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["status"] == "Completed", found["log"]
    assert {"on wire0", "on wire1"} <= set(found["log"].splitlines())
    assert "is gone; the run begins again on" in found["log"]
    assert found["log"].count("read 42") == 2
    assert "the loopback door answered" not in found["log"]
    assert found["made"] == "far away"
