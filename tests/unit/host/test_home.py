"""A host and the folder of its store."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jupyter_aml.local.store import bell
from jupyter_aml.local.store.catalogue import Store
from jupyter_aml.testing import hosts

SECONDS = 60.0


def test_a_host_does_not_make_a_store_again_that_was_removed_while_it_started(tmp_path: Path) -> None:
    home = tmp_path / "gone"

    ran = subprocess.run(
        [sys.executable, "-m", "jupyter_aml.local.host", "--home", str(home)], check=False, timeout=SECONDS
    )

    assert ran.returncode == 0
    assert not home.exists()


def test_a_host_leaves_when_its_store_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AML_IDLE", "600")
    monkeypatch.setenv("JUPYTER_AML_PROVISIONER", "exec")
    home = tmp_path / "home"
    Store(home).database.close()
    bell.spawn(home)
    until = time.monotonic() + SECONDS
    said = None
    while said is None and time.monotonic() < until:
        said = bell.ask(home, {"op": "status"})
    assert said is not None

    shutil.rmtree(home)
    while hosts.alive(said["pid"]) and time.monotonic() < until:
        time.sleep(0.02)

    assert not hosts.alive(said["pid"])
    assert not home.exists()
