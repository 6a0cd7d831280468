"""What a notebook pays before its first result."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.rows import Row, interleaved, median, plain_environment

ROUNDS = 9
LOAD = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
started = time.perf_counter()
shell.run_line_magic("load_ext", {extension!r})
print((time.perf_counter() - started) * 1000)
import os
os._exit(0)
"""
FIRST = """
import json, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "jupyter_aml")
from jupyter_aml.client import warm
assert warm.wait(60)
started = time.perf_counter()
shell.run_line_magic("aml", "connect local")
result = shell.run_line_magic("aml", "data list")
shell.display_formatter.format(result)
print(json.dumps((time.perf_counter() - started) * 1000))
"""


def measure() -> list[Row]:
    """`%load_ext` against jupysql's, and the first result in a fresh store."""
    taken = interleaved({"ours": lambda: _load("jupyter_aml"), "jupysql": lambda: _load("sql")}, ROUNDS)
    first = interleaved({"first": lambda: _printed(FIRST)}, 3)["first"]
    ours = median(taken["ours"])
    return [
        Row("%load_ext jupyter_aml", ours, median(taken["jupysql"]), "jupysql", 15, most=30, samples=ROUNDS),
        Row("first %aml result, SDK imported", median(first), most=1000, samples=len(first)),
    ]


def _load(extension: str) -> float:
    return _printed(LOAD.format(extension=extension))


def _printed(code: str) -> float:
    with tempfile.TemporaryDirectory(prefix="aml-bench-") as folder:
        ran = subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env=plain_environment(JUPYTER_AML_HOME=str(Path(folder) / "home"), IPYTHONDIR=folder),
        )
    return float(json.loads(ran.stdout.strip().splitlines()[-1]))
