"""What loading costs: the package and the extension bring nothing heavy with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "azure",
    "mlflow",
    "pandas",
    "sklearn",
    "numpy",
    "matplotlib",
    "yaml",
    "sqlite3",
    "jsonschema",
    "requests",
    "cryptography",
    "anywidget",
    "ipywidgets",
)
AFTER_LOAD_EXT = """
import json, os, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
import threading
started = []
threading.Thread.start = lambda self: started.append(self.name)  # the background import comes after
shell.run_line_magic("load_ext", "jupyter_aml")
print(json.dumps({"loaded": sorted(set(sys.modules) - before), "magics": sorted(shell.magics_manager.magics["line"])}))
"""


def fresh(code: str, home: Path) -> dict[str, list[str]]:
    """What a new interpreter prints as JSON in its last line."""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "IPYTHONDIR": str(home / "ipython")},
    )
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, list[str]] = json.loads(ran.stdout.splitlines()[-1])
    return answer


def heavy(loaded: list[str]) -> list[str]:
    return sorted({name.partition(".")[0] for name in loaded} & set(HEAVY))


def test_importing_the_package_loads_nothing_heavy(home: Path) -> None:
    loaded = fresh("import json, sys, jupyter_aml\nprint(json.dumps({'loaded': sorted(sys.modules)}))", home)["loaded"]

    assert heavy(loaded) == []


def test_importing_the_package_loads_no_other_module_of_its_own(home: Path) -> None:
    loaded = fresh("import json, sys, jupyter_aml\nprint(json.dumps({'loaded': sorted(sys.modules)}))", home)["loaded"]

    assert [name for name in loaded if name.startswith("jupyter_aml.")] == []


def test_the_extension_loads_nothing_heavy(home: Path) -> None:
    loaded = fresh(AFTER_LOAD_EXT, home)["loaded"]

    assert heavy(loaded) == []


def test_the_extension_brings_the_magics(home: Path) -> None:
    assert "aml" in fresh(AFTER_LOAD_EXT, home)["magics"]


def test_the_extension_loads_no_module_of_the_widgets(home: Path) -> None:
    loaded = fresh(AFTER_LOAD_EXT, home)["loaded"]

    assert [name for name in loaded if name.startswith("jupyter_aml.widgets")] == []


def test_widgets_are_loaded_when_they_are_asked_for(home: Path) -> None:
    code = """
import json, sys
from jupyter_aml import widgets
from jupyter_aml.widgets import wish
dir(widgets), wish.wanted(), wish.beside(None, "x")
before = sorted(sys.modules)
widgets.JobCard
print(json.dumps({"loaded": before, "after": sorted(sys.modules)}))
"""
    found = fresh(code, home)

    assert heavy(found["loaded"]) == []
    assert {"anywidget", "ipywidgets"} <= set(found["after"])
    assert "jupyter_aml.widgets.sweep_explorer" not in found["after"], "one does not bring the others"


@pytest.mark.parametrize("module", ["jupyter_aml.commands.grammar", "jupyter_aml.commands.run", "jupyter_aml.errors"])
def test_what_help_and_completion_read_loads_nothing_heavy(module: str, home: Path) -> None:
    loaded = fresh(f"import json, sys, {module}\nprint(json.dumps({{'loaded': sorted(sys.modules)}}))", home)["loaded"]

    assert heavy(loaded) == []


def test_reading_the_whole_grammar_loads_nothing_heavy(home: Path) -> None:
    code = """
import json, sys
from jupyter_aml.commands.grammar import grammar
grammar()
print(json.dumps({"loaded": sorted(sys.modules)}))
"""

    assert heavy(fresh(code, home)["loaded"]) == []


def test_the_service_never_loads_the_sdk_or_the_science(home: Path) -> None:
    code = """
import importlib, json, pkgutil, sys
import jupyter_aml.local
for found in pkgutil.walk_packages(jupyter_aml.local.__path__, "jupyter_aml.local."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print(json.dumps({"loaded": sorted(sys.modules)}))
"""
    loaded = heavy(fresh(code, home)["loaded"])

    assert set(loaded) & {"azure", "mlflow", "pandas", "sklearn", "matplotlib"} == set()


def test_the_types_of_jobs_load_nothing_heavy(home: Path) -> None:
    code = """
import json, sys
from jupyter_aml.local.jobs import registry
registry.job_type("AutoML")
print(json.dumps({"loaded": sorted(sys.modules)}))
"""
    loaded = fresh(code, home)["loaded"]

    assert [name for name in loaded if name in {"numpy", "pandas", "sklearn", "mlflow", "matplotlib", "optuna"}] == []
