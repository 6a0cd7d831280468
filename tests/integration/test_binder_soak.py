"""The demos in the environment that Binder builds: from scratch, from the wheel, without anything of this one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_aml.testing import hosts

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ("00_tour.ipynb", "01_quickstart.ipynb")

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]


def run(*words: str, cwd: Path, env: dict[str, str]) -> str:
    """What a command prints; its failure is the test's."""
    ran = subprocess.run(words, cwd=cwd, env=env, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert ran.returncode == 0, f"{words}\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
    return ran.stdout


def test_binder_builds_from_scratch_and_runs_the_demos(tmp_path: Path) -> None:
    checkout, venv, home = tmp_path / "checkout", tmp_path / "venv", tmp_path / "home"
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL", "JUPYTER"))}
    run("git", "clone", "--quiet", str(ROOT), str(checkout), cwd=tmp_path, env=plain)
    run(sys.executable, "-m", "venv", str(venv), cwd=tmp_path, env=plain)
    env = {**plain, "PATH": f"{venv / 'bin'}{os.pathsep}{plain['PATH']}", "JUPYTER_AML_HOME": str(home)}

    run("bash", "binder/postBuild", cwd=checkout, env=env)

    panel = venv / "share" / "jupyter" / "labextensions" / "jupyter-aml" / "package.json"
    assert json.loads(panel.read_text(encoding="utf-8"))["name"] == "jupyter-aml"
    assert not (checkout / "labextension" / "node_modules").exists()
    try:
        for name in NOTEBOOKS:
            shutil.copy(checkout / "notebooks" / name, tmp_path / name)
            run("jupyter", "execute", "--inplace", name, cwd=tmp_path, env=env)
            cells = json.loads((tmp_path / name).read_text(encoding="utf-8"))["cells"]
            counted = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
            assert counted == list(range(1, len(counted) + 1))
    finally:
        hosts.stop(home)
